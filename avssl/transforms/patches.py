"""Patches of a 3 x 3 grid, and the guards that keep them from telling where they lie without being understood.

Doersch, Gupta and Efros, "Unsupervised Visual Representation Learning by Context Prediction", ICCV 2015, section 3.1.
https://arxiv.org/abs/1505.05192
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from avssl.transforms.base import constant
from avssl.transforms.draws import Draws

DARK = 0.02  # added before logarithms: five grey levels, below which pictures hold noise
FLAT = 0.02  # a patch that varies by less than 2 % is not blown up
SIDE = 3  # cells a side of the grid
LENS = (-1.0, 2.0, -1.0)  # the axis from green to magenta, along which lenses shift colours (section 3.1)


def grid_patches(pictures: Tensor, draws: Draws, patch: int, gap: int, jitter: int) -> Tensor:
    """Cut nine patches out of each picture: a grid at a drawn place, each patch moved a little from its cell.

    Args:
        pictures: ``(N, 3, H, W)``.
        draws: the source of chance, one stream a picture.
        patch: side of a patch, in pixels.
        gap: between the cells of the grid, in pixels.
        jitter: a patch lies at most so many pixels off its cell, along each axis.

    Returns:
        Patches row by row, ``(N, 9, 3, patch, patch)``.

    Raises:
        ValueError: if the pictures are too small for the grid.
    """
    need = SIDE * patch + (SIDE - 1) * gap + 2 * jitter
    height, width = pictures.shape[-2:]
    if min(height, width) < need:
        raise ValueError(
            f"nine patches of {patch} px with gaps of {gap} px and a jitter of {jitter} px need pictures of {need} x "
            f"{need} px; got {height} x {width}; load them larger, or set a smaller patch, gap or jitter"
        )
    device, side = pictures.device, torch.arange(SIDE, device=pictures.device)
    room = constant([height - need, width - need], device, pictures.dtype)
    corner = (draws.uniform(1, 2) * (room + 1)).long().minimum(room.long())
    cells = torch.cartesian_prod(side, side) * (patch + gap)
    starts = corner + cells + draws.integers(SIDE * SIDE, 2, low=0, high=2 * jitter)
    along = torch.arange(patch, device=device)
    rows, columns = starts[..., 0, None] + along, starts[..., 1, None] + along
    number = torch.arange(len(pictures), device=device)[:, None, None, None]
    return pictures.movedim(1, 3)[number, rows[..., :, None], columns[..., None, :]].movedim(4, 2)


def project_colour(patches: Tensor) -> Tensor:
    """Take out of RGB ``(..., 3, H, W)`` what lies along the axis from green to magenta (section 3.1)."""
    axis = patches.new_tensor(LENS)
    keep = torch.eye(3, device=patches.device) - torch.outer(axis, axis) / axis.square().sum()
    return torch.einsum("ij,...jhw->...ihw", keep, patches)


def drop_colour(patches: Tensor, draws: Draws) -> Tensor:
    """Keep one drawn channel of each patch ``(N, members, 3, H, W)``; noise takes the place of the other two.

    The noise is Gaussian, its deviation a hundredth of that of the channel that is kept (section 3.1). Departure: it is
    added to the mean of that channel, so that a patch stays in the range of pictures.
    """
    kept = draws.integers(patches.shape[1], 1, 1, 1, low=0, high=2)
    one = patches.gather(2, kept.expand(-1, -1, 1, *patches.shape[-2:]))
    first, second = draws.uniform(*patches.shape[1:]), draws.uniform(*patches.shape[1:])
    normal = (-2 * (1 - first).log()).sqrt() * (2 * torch.pi * second).cos()  # Box and Muller
    noise = one.mean((-2, -1), keepdim=True) + one.std((-2, -1), keepdim=True) / 100 * normal
    channels = torch.arange(3, device=patches.device).view(3, 1, 1)
    return patches.where(channels == kept, noise)


def level(patches: Tensor) -> Tensor:
    """Take its slope off each patch ``(..., 3, H, W)``, as light that falls off across it, and even out the contrast.

    Light multiplies, so it is the logarithm that gets rid of it: of each channel, the plane that fits it best is taken
    away, which takes the change of contrast along with that of brightness. The mean becomes 0.5, the deviation 0.25.
    """
    flat = (patches.clamp(min=0) + DARK).log()
    flat = flat - flat.mean((-2, -1), keepdim=True)
    for axis in (-2, -1):
        along = torch.linspace(-1, 1, patches.shape[axis], device=patches.device)
        along = along[:, None] if axis == -2 else along
        slope = (flat * along).mean((-2, -1), keepdim=True) / along.square().mean()
        flat = flat - slope * along
    deviation = flat.square().mean((-2, -1), keepdim=True).sqrt()
    return 0.5 + 0.25 * flat / deviation.clamp(min=FLAT)


def coarsen(patches: Tensor, draws: Draws, chance: float, least: int = 10) -> Tensor:
    """Shrink some patches ``(N, members, 3, H, W)`` strongly and bring them back to size (section 3.1).

    Departure: the coarse side is one of two, ``least`` (10 px: the paper's "as little as 100 total pixels") and the
    middle between it and the whole side, where the paper draws any.

    Args:
        patches: to change.
        draws: the source of chance.
        chance: share of patches that lose their detail.
        least: the coarsest side, in pixels; patches that are no larger stay as they are.
    """
    side = patches.shape[-1]
    dice = draws.uniform(patches.shape[1], 1, 1, 1)
    if least >= side or not chance:
        return patches
    flat = patches.flatten(0, 1)
    levels = [least, (least + side) // 2]
    for number, level in enumerate(levels):
        small = F.interpolate(flat, size=(level, level), mode="area")
        back = F.interpolate(small, size=(side, side), mode="bilinear").view_as(patches)
        share = chance / len(levels)
        patches = back.where((dice >= number * share) & (dice < (number + 1) * share), patches)
    return patches
