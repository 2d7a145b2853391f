"""The contract of transforms."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor

from avssl.config import Recorded
from avssl.transforms.draws import Draws

Scope = Literal["tuple", "frame"]  # one draw for all frames of a tuple, or one for each frame


class Transform(Recorded, ABC):
    """Changes the frames of a batch, on its device.

    Attributes:
        keeps_places: whether all that is seen stays where it is, so that masks and points of the frames hold for what
            it returns. Those that move things inherit from `avssl.transforms.geometric.Geometric` and tell where to.
    """

    keeps_places: bool = False

    @abstractmethod
    def __call__(self, frames: Tensor, draws: Draws, train: bool = True) -> Tensor:
        """Return the changed frames.

        Args:
            frames: RGB, float in [0, 1], ``(tuples, frames, 3, H, W)``. Those that methods of views are made of take
                uint8 as well (`unit`) and return values in [0, 1], as torchvision's do.
            draws: the only source of chance, one stream a tuple.
            train: False for the look that evaluation takes; each transform says what it does then.

        Returns:
            Frames of the same shape, or with another height and width.
        """


def apply_views(views: Sequence[Transform], frames: Tensor, draws: Draws, train: bool) -> Tensor:
    """Return frames ``(tuples, frames, 3, H, W)`` as views show them, one after the other."""
    for view in views:
        frames = view(frames, draws, train=train)
    return frames


def check_chance(chance: float) -> float:
    """Return a chance, or say what one is."""
    if not 0 <= chance <= 1:
        raise ValueError(f"chance must be in [0, 1]; got {chance}")
    return chance


def draw_mask(draws: Draws, frames: Tensor, scope: Scope, chance: float) -> Tensor:
    """Choose tuples or frames by chance, bool ``(tuples, frames or 1, 1, 1, 1)``."""
    return draw_by_scope(draws, frames, scope, 1, 1, 1, low=0, high=1) < chance


def draw_by_scope(draws: Draws, frames: Tensor, scope: Scope, *shape: int, low: float, high: float) -> Tensor:
    """Draw numbers in [low, high) by scope: ``(tuples, frames or 1, *shape)``."""
    return draws.uniform(frames.shape[1] if scope == "frame" else 1, *shape, low=low, high=high)


def unit(frames: Tensor) -> Tensor:
    """Return frames as float32 in [0, 1]; float32 and float64 stay as they are.

    Raises:
        ValueError: for whole numbers that are not uint8: nothing tells their range.
    """
    if frames.dtype == torch.uint8:
        return frames.float() / 255
    if not frames.is_floating_point():
        raise ValueError(f"frames are uint8, or float in [0, 1]; got {frames.dtype}")
    return frames if frames.dtype in (torch.float32, torch.float64) else frames.float()


def adjust_some(frames: Tensor, chosen: Tensor, adjust: Callable[[Tensor, Tensor], Tensor], sizes: Tensor) -> Tensor:
    """Return frames of which the chosen items ``(items,)`` are adjusted.

    A CPU adjusts these alone; elsewhere all are, as finding them would make the host wait for the device.
    """
    if frames.device.type != "cpu":
        return adjust(frames, sizes).where(chosen.view(-1, 1, 1, 1, 1), frames)
    rows = chosen.nonzero()[:, 0]
    if len(rows):
        frames[rows] = adjust(frames[rows], sizes[rows])
    return frames


def constant(values: Sequence[float], device: torch.device, dtype: torch.dtype = torch.int64) -> Tensor:
    """Return a few numbers as a tensor that is made on a device: a copy from the host would wait for it."""
    return torch.stack([torch.full((), value, dtype=dtype, device=device) for value in values])


def by_scope(frames: Tensor, scope: Scope) -> Tensor:
    """Return frames as the items that share a draw: tuples, or each frame as a tuple of one; ``(items, frames, ...)``.

    What was drawn with the same scope (`draw_by_scope`) fits them once its first two axes are one.
    """
    return frames if scope == "tuple" else frames.flatten(0, 1)[:, None]
