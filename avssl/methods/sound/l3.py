"""L3-Net: tell whether a picture and a second of sound come from the same recording.

Arandjelovic and Zisserman, "Look, Listen and Learn", ICCV 2017. https://arxiv.org/abs/1705.08168
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from avssl.methods.base import Batch
from avssl.methods.sound.pairs import check_negatives, verify_pairs
from avssl.methods.sound.two_streams import TwoStreams
from avssl.nets import Encoder, SoundEncoder, SpectrogramMask
from avssl.transforms import Transform


class L3(TwoStreams):
    """Two streams; a small network decides from the features of both, side by side (section 3, figure 2).

    Departures from the paper: one logit in place of the softmax over two, which is the same function; negatives are
    the sounds of the same batch, exchanged, so that both sides are sampled alike.

    Args:
        encoder: pictures to vectors; the paper's is ``VisionTower(stride=1)``.
        sound: sounds to vectors; the paper's is ``SoundTower(stride=1, spec=SpectrogramSpec.l3())``.
        views: transforms of the pictures, in order.
        gain: of the sound's jitter (section 3.2: 0.1).
        masks: strips of spectrograms hidden in training; None hides nothing.
        negatives: sounds of other recordings that each picture is compared with (the papers: 1).
        hidden: width of the deciding network (section 3: 128).
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
        hidden: int = 128,
    ):
        super().__init__(encoder, sound, views, gain, masks)
        self.negatives = check_negatives(negatives)
        self.fusion = nn.Sequential(nn.Linear(encoder.dim + sound.dim, hidden), nn.ReLU(), nn.Linear(hidden, 1))

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return ``loss`` in nats and ``accuracy``, chance 0.5; see `avssl.methods.sound.pairs.pairs_of`."""
        pairs = self.pairs_of(batch)
        pictures, sounds = self.encode(pairs)
        return verify_pairs(self.fuse, pictures, sounds, pairs, self.negatives)

    def fuse(self, pictures: Tensor, sounds: Tensor) -> Tensor:
        """Return logits of features, ``(N,)``, row by row."""
        return self.fusion(torch.cat([pictures, sounds], 1)).squeeze(1)

    def score_sides(self, pictures: Tensor, sounds: Tensor) -> Tensor:
        """Return logits of features, ``(N,)``, as `fuse` does."""
        return self.fuse(pictures, sounds)
