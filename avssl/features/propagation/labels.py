"""Labels of pixels and points as labels of cells, and back, with one centre both ways.

Cell i of an axis looks at pixel ``offset + stride * i``, see `avssl.nets.cells`.
"""

import torch
from torch import Tensor

from avssl.features.propagation.settings import Propagation
from avssl.nets.cells import CellGrid, ReadIn, pixels_to_cells, writing


def one_hot(mask: Tensor, objects: int) -> Tensor:
    """Return the background and each object as a map of 0 and 1, ``(1 + objects, H, W)``.

    Args:
        mask: numbers of objects from 1 on, 0 for the background, integers ``(H, W)``.
        objects: how many; larger numbers, such as 255 for void, are the background.
    """
    known = torch.where(mask.long() > objects, 0, mask.long())
    return (known == torch.arange(1 + objects, device=mask.device)[:, None, None]).float()


def mask_to_cells(mask: Tensor, objects: int, grid: CellGrid, how: ReadIn = "area") -> Tensor:
    """Return the share of the background and of each object in each cell, ``(1 + objects, rows, columns)``."""
    return pixels_to_cells(one_hot(mask, objects), grid, how)


def points_to_cells(points: Tensor, grid: CellGrid, sigma: float) -> Tensor:
    """Return a Gaussian around each point, not rounded to cells, ``(points, rows, columns)``.

    Args:
        points: (x, y) in pixels, ``(points, 2)``; NaN where unknown, which gives 0 everywhere.
        grid: where cells look.
        sigma: of the Gaussian, in cells.
    """
    down, across = (
        -((grid.centres(axis) - points[:, 1 - axis, None].double().cpu()) ** 2) / (2 * (sigma * grid.stride[axis]) ** 2)
        for axis in (0, 1)
    )
    return (down.exp()[:, :, None] * across.exp()[:, None, :]).nan_to_num(0.0).float().to(points.device)


def cells_to_mask(soft: Tensor, grid: CellGrid, settings: Propagation, seen: tuple[int, int] | None = None) -> Tensor:
    """Return the label with the largest share at each pixel, int64 ``(H, W)``.

    Args:
        soft: ``(labels, rows, columns)``.
        grid: where cells look, in the picture that is painted.
        settings: whether labels are stretched before, and where the largest is chosen.
        seen: size of the picture that the encoder saw; needed where the largest is chosen at it.
    """
    if settings.minmax == "cells":
        soft = stretched(soft)
    if settings.coarse and seen is not None and seen != grid.pixels:
        small = cells_to_mask(soft, grid.on(seen), settings)
        rows, columns = (
            ((torch.arange(wanted) + 0.5) * have / wanted).long().to(soft.device)
            for wanted, have in zip(grid.pixels, seen, strict=True)
        )
        return small[rows][:, columns]
    down, across = (writing(grid, axis).to(soft.device) for axis in (0, 1))
    painted = down @ soft.float() @ across.T
    return (stretched(painted) if settings.minmax == "pixels" else painted).argmax(0)


def stretched(soft: Tensor) -> Tensor:
    """Return each label from its least to its largest value as 0 to 1; one that is the same everywhere becomes 0."""
    low = soft.flatten(1).amin(1)[:, None, None]
    range_ = soft.flatten(1).amax(1)[:, None, None] - low
    return torch.where(range_ > 0, (soft - low) / range_.clamp(min=1e-12), 0.0)


def cells_to_points(soft: Tensor, grid: CellGrid, peak: int) -> tuple[Tensor, Tensor]:
    """Return where points are, (x, y) in pixels ``(points, 2)``, NaN for a lost one, and the largest weight of each.

    Args:
        soft: ``(points, rows, columns)``.
        grid: where cells look.
        peak: cells whose mean, by their weight, is taken.
    """
    values, places = soft.flatten(1).topk(min(peak, soft[0].numel()), 1)
    rows, columns = places // grid.cells[1], places % grid.cells[1]
    centres = [grid.centres(axis).float().to(soft.device) for axis in (0, 1)]
    weights = values / values.sum(1, keepdim=True)  # 0 / 0: a lost point is NaN
    found = torch.stack([(centres[1][columns] * weights).sum(1), (centres[0][rows] * weights).sum(1)], 1)
    return found, values[:, 0]
