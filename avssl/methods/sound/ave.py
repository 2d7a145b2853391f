"""AVE-Net: embeddings of pictures and sounds that are near where they belong together, so that they retrieve.

Arandjelovic and Zisserman, "Objects that Sound", ECCV 2018, section 3. https://arxiv.org/abs/1712.06651
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avssl.methods.base import Batch
from avssl.methods.sound.pairs import check_negatives, verify_pairs
from avssl.methods.sound.two_streams import JointStreams, embedding
from avssl.nets import Encoder, SoundEncoder, SpectrogramMask
from avssl.transforms import Transform


class AVE(JointStreams):
    """Two streams that end in normalised embeddings; their Euclidean distance alone decides.

    The layer that turns a distance into a decision has one weight and one bias (the paper's 1-to-2 layer and softmax
    is the same function). In the paper nothing but its initial value makes near mean together; here the weight stays
    negative, so that the sign cannot flip in training.

    Args:
        encoder: pictures to vectors; the paper's is ``VisionTower(stride=2)``.
        sound: sounds to vectors; the paper's is ``SoundTower(stride=2)``.
        views: transforms of the pictures, in order.
        gain: of the sound's jitter (section 2: as in L3-Net, 0.1).
        masks: strips of spectrograms hidden in training; None hides nothing.
        negatives: sounds of other recordings that each picture is compared with (the papers: 1).
        dim: length of the embeddings (section 3.1: 128).
        margin: distance at which a pair is undecided before training; unit vectors are 0 to 2 apart.
        slope: weight of the distance before training.
    """

    least_recordings = 2

    def __init__(
        self,
        encoder: Encoder,
        sound: SoundEncoder,
        views: Sequence[Transform] = (),
        gain: float = 0.1,
        masks: SpectrogramMask | None = None,
        negatives: int = 1,
        dim: int = 128,
        margin: float = 1.0,
        slope: float = 3.0,
    ):
        super().__init__(encoder, sound, views, gain, masks)
        self.negatives = check_negatives(negatives)
        self.pictures_to = embedding(encoder.dim, dim, dim)  # figure 2: fc1 with rectification, fc2
        self.sounds_to = embedding(sound.dim, dim, dim)
        self.weight = nn.Parameter(torch.tensor(slope).expm1().log())  # softplus of it is the slope
        self.bias = nn.Parameter(torch.tensor(slope * margin))

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return ``loss`` in nats and ``accuracy``, chance 0.5; see `avssl.methods.sound.pairs.pairs_of`."""
        pairs = self.pairs_of(batch)
        pictures, sounds = self.embed(pairs)
        return verify_pairs(self.decide, pictures, sounds, pairs, self.negatives)

    def decide(self, pictures: Tensor, sounds: Tensor) -> Tensor:
        """Return logits of embeddings, ``(N,)``, row by row."""
        distance = (pictures - sounds).square().sum(1).clamp(min=1e-8).sqrt()
        return self.bias - F.softplus(self.weight) * distance
