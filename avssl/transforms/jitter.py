"""Jitter of brightness, contrast, saturation and hue, of each item by factors and in an order of its own."""

from collections.abc import Callable

import torch
from torch import Tensor

from avssl.transforms.base import Scope, Transform, adjust_some, by_scope, check_chance, draw_by_scope, draw_mask, unit
from avssl.transforms.draws import Draws

LUMA = (0.2989, 0.587, 0.114)  # torchvision's weights of red, green and blue, which sum to 0.9999

Range = float | tuple[float, float]


def luma(frames: Tensor) -> Tensor:
    """Return the grey values of RGB ``(..., 3, H, W)``, ``(..., 1, H, W)``."""
    red, green, blue = frames.unbind(-3)
    return (LUMA[0] * red).add_(green, alpha=LUMA[1]).add_(blue, alpha=LUMA[2])[..., None, :, :]


def adjust_brightness(frames: Tensor, factor: Tensor) -> Tensor:
    """Multiply frames in [0, 1] ``(items, frames, 3, H, W)`` by factors ``(items, 1, 1, 1, 1)``."""
    return (frames * factor).clamp_(0, 1)


def adjust_contrast(frames: Tensor, factor: Tensor) -> Tensor:
    """Move frames away from their mean grey by factors ``(items, 1, 1, 1, 1)``; an item's frames have one mean."""
    mean = luma(frames).mean((1, 2, 3, 4), keepdim=True)
    return (frames * factor).add_((1 - factor) * mean).clamp_(0, 1)


def adjust_saturation(frames: Tensor, factor: Tensor) -> Tensor:
    """Move pixels away from their own grey by factors ``(items, 1, 1, 1, 1)``."""
    return (frames * factor).add_((1 - factor) * luma(frames)).clamp_(0, 1)


def adjust_hue(frames: Tensor, turn: Tensor) -> Tensor:
    """Turn hues by shares of the whole circle, ``(items, 1, 1, 1, 1)``; grey stays grey.

    The greatest and the least of a pixel's three values stay, which in HSV are its value and saturation. A channel lies
    between them by how far the hue is from its own on the circle, counted in sixths: within one of it at the greatest,
    beyond two at the least.
    """
    red, green, blue = frames.unbind(-3)
    most, least = frames.amax(-3), frames.amin(-3)
    chroma = most - least
    inverse = 1 / chroma.where(chroma > 0, 1)
    hue = (red - green).mul_(inverse).add_(4)
    hue = torch.where(most == green, (blue - red).mul_(inverse).add_(2), hue)
    hue = torch.where(most == red, (green - blue).mul_(inverse), hue)
    hue = hue.add_(6 * turn[..., 0]).remainder_(6)
    shares = ((hue - 3).abs_() - 1, 2 - (hue - 2).abs_(), 2 - (hue - 4).abs_())
    return torch.stack([torch.addcmul(least, chroma, share.clamp_(0, 1)) for share in shares], -3)


class ColorJitter(Transform):
    """Change brightness, contrast, saturation and hue in a drawn order, as torchvision's, in training only.

    A factor is drawn uniformly from [1 - x, 1 + x], at least 0, or from a pair of bounds; the hue turns by [-x, x] of
    the circle. Grey pictures have neither saturation nor hue to change. Frames of a tuple share all of it, the mean
    grey of the contrast too (torchvision takes one mean a frame, which lets a clip flicker).

    Args:
        brightness: of the factor.
        contrast: of the factor.
        saturation: of the factor.
        hue: of the turn, at most 0.5.
        chance: share of tuples (or frames) that are changed.
        scope: ``"tuple"`` or ``"frame"``.

    Raises:
        ValueError: for ranges below 0, or hues beyond half the circle.
    """

    keeps_places = True

    def __init__(
        self,
        brightness: Range = 0.0,
        contrast: Range = 0.0,
        saturation: Range = 0.0,
        hue: Range = 0.0,
        chance: float = 1.0,
        scope: Scope = "tuple",
    ):
        self.ranges = [
            factors("brightness", brightness),
            factors("contrast", contrast),
            factors("saturation", saturation),
            turns(hue),
        ]
        self.chance = check_chance(chance)
        self.scope: Scope = scope

    @property
    def colours(self) -> bool:
        """Whether it changes saturation or hue, which grey pictures do not have."""
        return self.ranges[2:] != NEUTRAL[2:]

    def __call__(self, frames: Tensor, draws: Draws, train: bool = True) -> Tensor:
        frames = unit(frames)
        if not train:
            return frames
        # All is drawn whatever the settings, so that a number does not depend on them.
        changed = draw_mask(draws, frames, self.scope, self.chance).flatten()
        order = draw_by_scope(draws, frames, self.scope, 4, low=0, high=1).flatten(0, 1).argsort(dim=-1, stable=True)
        sizes = [
            draw_by_scope(draws, frames, self.scope, 1, 1, 1, low=low, high=high)
            .flatten(0, 1)[:, None]
            .to(frames.dtype)
            for low, high in self.ranges
        ]
        done = by_scope(frames, self.scope).clone()
        for step in range(4):
            for number, adjust in enumerate(ADJUSTING):
                if self.ranges[number] == NEUTRAL[number]:
                    continue
                done = adjust_some(done, changed & (order[:, step] == number), adjust, sizes[number])
        return done.view(frames.shape)


ADJUSTING: list[Callable[[Tensor, Tensor], Tensor]] = [
    adjust_brightness,
    adjust_contrast,
    adjust_saturation,
    adjust_hue,
]
NEUTRAL = [(1.0, 1.0), (1.0, 1.0), (1.0, 1.0), (0.0, 0.0)]  # what changes nothing


def factors(name: str, given: Range) -> tuple[float, float]:
    """Return the bounds of a factor."""
    low, high = given if isinstance(given, list | tuple) else (max(0.0, 1 - given), 1 + given)
    if not 0 <= low <= high or (not isinstance(given, list | tuple) and given < 0):
        raise ValueError(f"{name} must be at least 0, or a pair of bounds of the factor that rises; got {given}")
    return float(low), float(high)


def turns(given: Range) -> tuple[float, float]:
    """Return the bounds of a turn of the hue."""
    low, high = given if isinstance(given, list | tuple) else (-given, given)
    if not -0.5 <= low <= high <= 0.5:
        raise ValueError(f"hue must lie in [0, 0.5], or be a pair of bounds in [-0.5, 0.5] that rises; got {given}")
    return float(low), float(high)
