"""Recordings that are in the data twice by the same look and sound; by the same bytes see `avssl.files`."""

import torch
from torch import Tensor
from torch.nn import functional as F

ALIKE = 0.999  # cosine of two recordings' looks and of their sounds, above which they are called the same


def look_of(pictures: Tensor) -> Tensor:
    """Return a unit vector of each picture's coarse light, ``(N, 64)``, of pictures ``(N, 3, H, W)`` in [0, 1]."""
    cells = F.adaptive_avg_pool2d(pictures.mean(1, keepdim=True), 8).flatten(1)
    return F.normalize(cells - cells.mean(1, keepdim=True), dim=1)


def sound_of(sound: Tensor) -> Tensor:
    """Return a unit vector of each window's course of loudness and spectrum, ``(N, 64)``, whatever its gain."""
    wave = sound.mean(1)
    course = F.adaptive_avg_pool1d(wave.square()[:, None], 32).flatten(1)
    spectrum = F.adaptive_avg_pool1d(torch.fft.rfft(wave, dim=1).abs().square()[:, None], 32).flatten(1)
    logs = [(part.clamp(min=1e-10)).log() for part in (course, spectrum)]
    return F.normalize(torch.cat([part - part.mean(1, keepdim=True) for part in logs], 1), dim=1)


def alike(looks: Tensor, sounds: Tensor, others: tuple[Tensor, Tensor]) -> list[tuple[int, int]]:
    """Return pairs (row, other's row) that look and sound the same.

    Args:
        looks: as `look_of` gives them, ``(N, 64)``.
        sounds: as `sound_of` gives them.
        others: both of the other set.
    """
    found = (looks @ others[0].T > ALIKE) & (sounds @ others[1].T > ALIKE)
    return [(int(row), int(other)) for row, other in found.nonzero()]
