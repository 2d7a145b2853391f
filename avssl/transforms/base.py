"""The contract of transforms."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal

from torch import Tensor

from avssl.config import Recorded
from avssl.transforms.draws import Draws

Scope = Literal["tuple", "frame"]  # one draw for all frames of a tuple, or one for each frame


class Transform(Recorded, ABC):
    """Changes the frames of a batch, on its device."""

    @abstractmethod
    def __call__(self, frames: Tensor, draws: Draws, train: bool = True) -> Tensor:
        """Return the changed frames.

        Args:
            frames: RGB, float in [0, 1], ``(tuples, frames, 3, H, W)``.
            draws: the only source of chance, one stream a tuple.
            train: False for the look that evaluation takes; each transform says what it does then.

        Returns:
            Frames of the same shape, or with another height and width.
        """


def through(views: Sequence[Transform], frames: Tensor, draws: Draws, train: bool) -> Tensor:
    """Return frames ``(tuples, frames, 3, H, W)`` as views show them, one after the other."""
    for view in views:
        frames = view(frames, draws, train=train)
    return frames


def check_chance(chance: float) -> float:
    """Return a chance, or say what one is."""
    if not 0 <= chance <= 1:
        raise ValueError(f"chance must be in [0, 1]; got {chance}")
    return chance


def some(draws: Draws, frames: Tensor, scope: Scope, chance: float) -> Tensor:
    """Choose tuples or frames by chance, bool ``(tuples, frames or 1, 1, 1, 1)``."""
    return spread(draws, frames, scope, 1, 1, 1, low=0, high=1) < chance


def spread(draws: Draws, frames: Tensor, scope: Scope, *shape: int, low: float, high: float) -> Tensor:
    """Draw numbers in [low, high) by scope: ``(tuples, frames or 1, *shape)``."""
    return draws.uniform(frames.shape[1] if scope == "frame" else 1, *shape, low=low, high=high)
