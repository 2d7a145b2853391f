"""Places as maps, and maps as places, in half-pixel geometry: cell c of stride s lies at pixel (c + 0.5) s - 0.5."""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

Decode = Literal["middle", "dark", "quarter"]
LEAST = 1e-10  # under which the logarithm of a map is cut


def gaussians(points: Tensor, size: tuple[int, int], stride: tuple[float, float], sigma: float) -> Tensor:
    """Return maps of height 1 around joints, ``(N, joints, rows, columns)``, exact below a cell.

    Args:
        points: joints in pixels of the picture, ``(N, joints, 2)``.
        size: rows and columns.
        stride: pixels a cell, (down, across).
        sigma: in cells.
    """
    x, y = ((points[..., axis] + 0.5) / stride[1 - axis] - 0.5 for axis in (0, 1))
    across = torch.arange(size[1], device=points.device) - x[..., None]
    down = torch.arange(size[0], device=points.device) - y[..., None]
    return torch.exp(-(down[..., :, None].square() + across[..., None, :].square()) / (2 * sigma**2))


def places(maps: Tensor, stride: tuple[float, float], sigma: float, decode: Decode) -> Tensor:
    """Return where maps are highest, in pixels of the picture, ``(N, joints, 2)``; NaN where none is above 0.

    Args:
        maps: ``(N, joints, rows, columns)``.
        stride: pixels a cell, (down, across).
        sigma: of the Gaussians that the maps were taught, in cells.
        decode: how a place is found below a cell: ``"middle"``, ``"dark"`` or ``"quarter"``, see `HeatMaps`.
    """
    best, place = maps.flatten(2).max(2)
    y, x = (place // maps.shape[-1]).float(), (place % maps.shape[-1]).float()
    find = {"middle": _middle, "dark": _dark, "quarter": _quarter}[decode]
    y, x = find(maps, y, x, sigma)
    found = torch.stack([(x + 0.5) * stride[1] - 0.5, (y + 0.5) * stride[0] - 0.5], -1)
    return found.masked_fill((best <= 0)[..., None], torch.nan)


def _middle(maps: Tensor, y: Tensor, x: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
    """Return the weighted middle of the positive values within two sigma of the highest cell."""
    down, across = (torch.arange(count, device=maps.device).float() for count in maps.shape[-2:])
    far = (down[:, None] - y[..., None, None]).square() + (across - x[..., None, None]).square()
    weights = maps.clamp(min=0) * (far <= (2 * sigma) ** 2)
    total = weights.sum((2, 3)).clamp(min=1e-12)
    return (weights.sum(3) * down).sum(2) / total, (weights.sum(2) * across).sum(2) / total


def _quarter(maps: Tensor, y: Tensor, x: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
    """Return the highest cell and a quarter of one towards its higher neighbours."""
    near = _around(maps, y, x)
    return y + torch.sign(near[2][1] - near[0][1]) / 4, x + torch.sign(near[1][2] - near[1][0]) / 4


def _dark(maps: Tensor, y: Tensor, x: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
    """Return the top of the parabola through the logarithm of the blurred map, at most a cell from the highest."""
    near = [[value.clamp(min=LEAST).log() for value in line] for line in _around(_blurred(maps, sigma), y, x)]
    slope_y, slope_x = (near[2][1] - near[0][1]) / 2, (near[1][2] - near[1][0]) / 2
    bend_y = near[2][1] - 2 * near[1][1] + near[0][1]
    bend_x = near[1][2] - 2 * near[1][1] + near[1][0]
    twist = (near[2][2] - near[2][0] - near[0][2] + near[0][0]) / 4
    steep = bend_y * bend_x - twist.square()
    top = (steep > 1e-6) & (bend_y < 0)
    scale = torch.where(top, steep, torch.ones_like(steep))
    step_y = torch.where(top, (twist * slope_x - bend_x * slope_y) / scale, 0.0)
    step_x = torch.where(top, (twist * slope_y - bend_y * slope_x) / scale, 0.0)
    return y + step_y.clamp(-1, 1), x + step_x.clamp(-1, 1)


def _around(maps: Tensor, y: Tensor, x: Tensor) -> list[list[Tensor]]:
    """Return the 3 x 3 values around a cell of each map; beyond the border those on it."""
    rows, columns = maps.shape[-2:]
    flat = maps.flatten(2)

    def value(row: Tensor, column: Tensor) -> Tensor:
        inside = row.clamp(0, rows - 1).long() * columns + column.clamp(0, columns - 1).long()
        return flat.gather(2, inside[..., None])[..., 0]

    return [[value(y + down, x + across) for across in (-1, 0, 1)] for down in (-1, 0, 1)]


def _blurred(maps: Tensor, sigma: float) -> Tensor:
    """Return maps blurred by a Gaussian, with the border continued."""
    reach = min(round(3 * sigma), maps.shape[-1] - 1, maps.shape[-2] - 1)
    kernel = torch.exp(-torch.arange(-reach, reach + 1, device=maps.device).square() / (2 * sigma**2))
    kernel = kernel / kernel.sum()
    flat = F.pad(maps.flatten(0, 1)[:, None], [reach] * 4, mode="replicate")
    blurred = F.conv2d(F.conv2d(flat, kernel.view(1, 1, -1, 1)), kernel.view(1, 1, 1, -1))
    return blurred.view_as(maps)
