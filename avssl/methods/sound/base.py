"""What methods of picture and sound can do when they have learned; evaluators and tools ask for these alone.

Pictures are float in [0, 1], ``(N, frames, 3, H, W)``, one frame or several; sounds are windows ``(N, channels,
samples)`` at the rate of the sound encoder.
"""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from torch import Tensor

from avssl.nets import Encoder, SoundEncoder
from avssl.transforms import Transform


@runtime_checkable
class PairScorer(Protocol):
    """Scores whether pictures and sounds belong together: every method of sound."""

    encoder: Encoder
    sound: SoundEncoder
    views: Sequence[Transform]

    def score_pairs(self, pictures: Tensor, sound: Tensor) -> Tensor:
        """Return one score per row, ``(N,)``: the greater, the better both fit; above 0 where they belong together."""
        ...


@runtime_checkable
class SidedScorer(Protocol):
    """Scores pairs by what it makes of each side alone, so that many pairs of the same recordings cost little more."""

    encoder: Encoder
    sound: SoundEncoder
    views: Sequence[Transform]

    def side_of_pictures(self, pictures: Tensor) -> Tensor:
        """Return what is made of pictures alone, ``(N, ...)``."""
        ...

    def side_of_sounds(self, sound: Tensor) -> Tensor:
        """Return what is made of windows of sound alone, ``(N, ...)``."""
        ...

    def score_sides(self, pictures: Tensor, sounds: Tensor) -> Tensor:
        """Return the scores of `PairScorer.score_pairs` from both sides, ``(N,)``, row by row."""
        ...


@runtime_checkable
class JointEmbedder(Protocol):
    """Has vectors of pictures and of sounds in one space."""

    encoder: Encoder
    sound: SoundEncoder
    views: Sequence[Transform]

    def embed_pictures(self, pictures: Tensor) -> Tensor:
        """Return unit vectors, ``(N, dim)``."""
        ...

    def embed_sounds(self, sound: Tensor) -> Tensor:
        """Return unit vectors, ``(N, dim)``; near those of the pictures that they belong to."""
        ...


@runtime_checkable
class Localizer(Protocol):
    """Locates where in a picture the sound comes from."""

    encoder: Encoder
    sound: SoundEncoder
    views: Sequence[Transform]

    def locate(self, pictures: Tensor, sound: Tensor) -> Tensor:
        """Return maps ``(N, rows, columns)``, greater where the sound comes from; of several frames their mean."""
        ...
