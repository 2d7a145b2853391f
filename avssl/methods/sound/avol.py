"""AVOL-Net: find what sounds in a picture, from pictures and sounds that belong together.

Arandjelovic and Zisserman, "Objects that Sound", ECCV 2018, section 4. https://arxiv.org/abs/1712.06651
"""

import math
from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avssl.methods.base import Batch
from avssl.methods.sound.pairs import check_negatives, verify_pairs
from avssl.methods.sound.two_streams import TwoStreams, embedding
from avssl.nets import Encoder, SoundEncoder, SpectrogramMask
from avssl.transforms import Transform

Pool = Literal["max", "logsumexp"]


class AVOL(TwoStreams):
    """The picture keeps its map; every cell is compared with the sound, and the best cell decides.

    With ``pool="max"`` and ``normalise=False`` this is the paper's (section 4.1): scalar products of cells and sound,
    a scale and a shift, and the maximum over cells. From scratch and with few steps that hardly learns, for one cell a
    picture gets the gradient. The default takes cosines and a soft maximum, log-mean-exp, whose sharpness grows from
    ``sharp[0]`` to ``sharp[1]`` over the first ``anneal`` steps, so that it ends near the maximum.

    Args:
        encoder: pictures to vectors, with a tapped map.
        sound: sounds to vectors; the paper's is ``SoundTower(stride=2)``.
        layer: the map; None for the last of the encoder's layers.
        views: transforms of the pictures, in order.
        gain: of the sound's jitter.
        masks: strips of spectrograms hidden in training; None hides nothing.
        negatives: sounds of other recordings that each picture is compared with (the papers: 1).
        dim: length of the embeddings (section 4.1: 128).
        pool: ``"logsumexp"`` or ``"max"``.
        normalise: compare directions (cosines) instead of scalar products.
        sharp: of the soft maximum, at first and in the end.
        anneal: steps in between.
    """

    least_recordings = 2

    sharpness: Tensor

    def __init__(
        self,
        encoder: Encoder,
        sound: SoundEncoder,
        layer: str | None = None,
        views: Sequence[Transform] = (),
        gain: float = 0.1,
        masks: SpectrogramMask | None = None,
        negatives: int = 1,
        dim: int = 128,
        pool: Pool = "logsumexp",
        normalise: bool = True,
        sharp: tuple[float, float] = (8.0, 16.0),
        anneal: int = 1000,
    ):
        super().__init__(encoder, sound, views, gain, masks)
        if layer is not None and layer not in encoder.layers:
            raise ValueError(f"{type(encoder).__name__} has no layer {layer!r}; it has {', '.join(encoder.layers)}")
        if pool not in ("max", "logsumexp") or min(sharp) <= 0 or anneal < 1:
            raise ValueError(f"needs pool max or logsumexp, sharp > 0, anneal >= 1; got {pool}, {sharp}, {anneal}")
        self.negatives = check_negatives(negatives)
        self.layer = layer or encoder.layers[-1]
        self.pool: Pool = pool
        self.normalise, self.sharp, self.anneal = normalise, tuple(sharp), anneal
        self.cells_to = nn.Sequential(nn.LazyConv2d(dim, 1), nn.ReLU(), nn.Conv2d(dim, dim, 1))
        self.sounds_to = embedding(sound.dim, dim, dim)
        self.scale = nn.Parameter(torch.tensor(10.0 if normalise else dim**-0.5))
        self.shift = nn.Parameter(torch.tensor(-1.0))
        self.register_buffer("sharpness", torch.tensor(float(sharp[0])))

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return ``loss`` in nats and ``accuracy``, chance 0.5; see `avssl.methods.sound.pairs.pairs_of`."""
        pairs = self.pairs_of(batch)
        cells, sounds = self.embed_cells(pairs.pictures), self.embed_sounds(*self.jittered(pairs))
        return verify_pairs(self.decide, cells, sounds, pairs, self.negatives)

    def after_step(self, step: int, steps: int) -> None:
        """Sharpen the soft maximum."""
        low, high = self.sharp
        self.sharpness.fill_(low * (high / low) ** min(1.0, step / self.anneal))

    def embed_cells(self, pictures: Tensor) -> Tensor:
        """Return a vector for each cell of pictures ``(N, frames, 3, H, W)``: ``(N, frames, dim, rows, columns)``."""
        count, frames = pictures.shape[:2]
        cells = self.cells_to(self.encoder.taps(pictures.flatten(0, 1), [self.layer])[self.layer])
        cells = F.normalize(cells, dim=1) if self.normalise else cells
        return cells.unflatten(0, (count, frames))

    def embed_sounds(self, sound: Tensor, alter: Callable[[Tensor], Tensor] | None = None) -> Tensor:
        """Return vectors ``(N, dim)`` of windows of sound ``(N, channels, samples)``."""
        found = self.sounds_to(self.sound(sound, alter))
        return F.normalize(found, dim=1) if self.normalise else found

    def compare(self, cells: Tensor, sounds: Tensor) -> Tensor:
        """Return how well each cell fits the sound, ``(N, frames, rows, columns)``: logits of single cells."""
        return self.scale * torch.einsum("nfdhw,nd->nfhw", cells, sounds) + self.shift

    def decide(self, cells: Tensor, sounds: Tensor) -> Tensor:
        """Return logits of pictures and sounds, ``(N,)``, row by row; the best cell of any frame decides."""
        if self.pool == "max":
            return self.compare(cells, sounds).flatten(1).amax(1)
        match = torch.einsum("nfdhw,nd->nfhw", cells, sounds).flatten(1)
        soft = (torch.logsumexp(match * self.sharpness, 1) - math.log(match.shape[1])) / self.sharpness
        return self.scale * soft + self.shift

    def side_of_pictures(self, pictures: Tensor) -> Tensor:
        """Return a vector for each cell, as `embed_cells` does."""
        return self.embed_cells(pictures)

    def side_of_sounds(self, sound: Tensor) -> Tensor:
        """Return vectors, as `embed_sounds` does."""
        return self.embed_sounds(sound)

    def score_sides(self, pictures: Tensor, sounds: Tensor) -> Tensor:
        """Return logits of cells and sounds, ``(N,)``, as `decide` does."""
        return self.decide(pictures, sounds)

    def locate(self, pictures: Tensor, sound: Tensor) -> Tensor:
        """Return maps of where the sound comes from, ``(N, rows, columns)``: logits of cells, the mean over frames."""
        return self.compare(self.embed_cells(pictures), self.embed_sounds(sound)).mean(1)
