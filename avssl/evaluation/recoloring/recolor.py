"""Recoloured pictures: the lightness of the truth with the colours of a method, of another picture, or with none.

Zhang, Isola and Efros, "Colorful Image Colorization", ECCV 2016, section 3.1. https://arxiv.org/abs/1603.08511
"""

from typing import Protocol, runtime_checkable

import numpy as np
import torch
from skimage.color import rgb2lab
from torch import Tensor
from torch.nn import functional as F

from avssl.transforms.lab import rgb_from_lab

BATCH = 16


@runtime_checkable
class Recolors(Protocol):
    """A method that gives grey pictures colours; it looks at their lightness alone."""

    def colorize(self, pictures: Tensor) -> Tensor:
        """Return pictures with new colours, float RGB in [0, 1], ``(N, 3, H, W)``, as they came."""
        ...


@torch.no_grad()
def recolored(method: Recolors, pictures: np.ndarray, size: int | None = None, device: str = "cpu") -> np.ndarray:
    """Return pictures with a method's colours on their own lightness, pixel by pixel.

    The method sees the picture at the size that it was taught with; its colours are brought to the picture's own size,
    as in the paper, whose network predicts a quarter of it (section 2). So nothing but colour tells the two apart.

    Args:
        method: gives colours; on ``device``.
        pictures: uint8 ``(N, 3, H, W)``.
        size: short side that the method sees, in pixels; None for the pictures' own.
        device: where the method runs.

    Returns:
        Pictures, uint8 ``(N, 3, H, W)``.
    """
    found = []
    for start in range(0, len(pictures), BATCH):
        part = torch.from_numpy(pictures[start : start + BATCH]).to(device).float() / 255
        height, width = part.shape[-2:]
        scale = 1.0 if size is None else min(1.0, size / min(height, width))
        shape = (round(height * scale), round(width * scale))
        small = part if shape == (height, width) else F.interpolate(part, shape, mode="area")
        color = torch.from_numpy(lab_of(method.colorize(small).clamp(0, 1).cpu().numpy())[:, 1:])
        found.append(F.interpolate(color, (height, width), mode="bilinear", align_corners=False).numpy())
    return with_color(pictures, np.concatenate(found))


def gray(pictures: np.ndarray) -> np.ndarray:
    """Return pictures without colour, uint8 ``(N, 3, H, W)``."""
    return with_color(pictures, np.zeros((len(pictures), 2, *pictures.shape[-2:]), np.float32))


def borrowed(pictures: np.ndarray, donors: np.ndarray) -> np.ndarray:
    """Return pictures with the colours of others, place by place: the paper's ``Random`` row (section 3.1).

    Args:
        pictures: uint8 ``(N, 3, H, W)``.
        donors: uint8 of the same shape, whose colours are taken.
    """
    return with_color(pictures, color_of(donors))


def color_of(pictures: np.ndarray) -> np.ndarray:
    """Return the colour channels a and b of uint8 pictures, float32 ``(N, 2, H, W)``, about -100 to 100."""
    return lab_of(pictures / np.float32(255))[:, 1:]


def with_color(pictures: np.ndarray, color: np.ndarray) -> np.ndarray:
    """Return pictures with other colours on their lightness; colours outside RGB are cut off at its faces.

    Args:
        pictures: uint8 ``(N, 3, H, W)``.
        color: channels a and b, ``(N, 2, H, W)``.
    """
    lightness = lab_of(pictures / np.float32(255))[:, :1]
    drawn = rgb_from_lab(torch.from_numpy(np.concatenate([lightness, color], 1)))  # scikit-image warns of such colours
    return (drawn * 255).round().byte().numpy()


def lab_of(pictures: np.ndarray) -> np.ndarray:
    """Return CIE Lab (white point D65) of RGB pictures in [0, 1], float32 ``(N, 3, H, W)``."""
    return rgb2lab(pictures.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2).astype(np.float32)
