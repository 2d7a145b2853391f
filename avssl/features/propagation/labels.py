"""Labels of pixels and points as labels of cells, and back, with one centre both ways.

Cell i of an axis looks at pixel ``offset + stride * i``, see `avssl.nets.FeatureMap`. All maps are products with two
small matrices, one for each axis, so that any stride, offset and size is exact.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from avssl.features.propagation.settings import Propagation, ReadIn

Pair = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class CellGrid:
    """Where cells look in a picture.

    Args:
        cells: rows and columns.
        stride: pixels from cell to cell, down and across.
        offset: the pixel that the first cell looks at.
        pixels: height and width of the picture.
    """

    cells: tuple[int, int]
    stride: Pair
    offset: Pair
    pixels: tuple[int, int]

    def on(self, pixels: tuple[int, int]) -> "CellGrid":
        """Return the same cells over the picture at another size.

        Examples:
            >>> CellGrid(cells=(2, 2), stride=(4, 4), offset=(1.5, 1.5), pixels=(8, 8)).on((16, 16)).offset
            (3.5, 3.5)
        """
        scale = [new / old for new, old in zip(pixels, self.pixels, strict=True)]
        stride = (self.stride[0] * scale[0], self.stride[1] * scale[1])
        offset = ((self.offset[0] + 0.5) * scale[0] - 0.5, (self.offset[1] + 0.5) * scale[1] - 0.5)
        return CellGrid(cells=self.cells, stride=stride, offset=offset, pixels=pixels)

    def centres(self, axis: int) -> Tensor:
        """Return the pixels that cells look at, float64 ``(cells,)``."""
        return self.offset[axis] + self.stride[axis] * torch.arange(self.cells[axis], dtype=torch.float64)


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
    down, across = (reading(how, grid, axis).float().to(mask.device) for axis in (0, 1))
    return down @ one_hot(mask, objects) @ across.T


def reading(how: ReadIn, grid: CellGrid, axis: int) -> Tensor:
    """Return the weight of each pixel of an axis for each cell, float64 ``(cells, pixels)``; rows sum to 1."""
    pixels, stride = grid.pixels[axis], grid.stride[axis]
    centres, places = grid.centres(axis)[:, None], torch.arange(pixels, dtype=torch.float64)
    if how == "area":
        low = torch.maximum(places - 0.5, centres - stride / 2)
        high = torch.minimum(places + 0.5, centres + stride / 2)
        weights = (high - low).clamp(min=0)
        beyond = weights.sum(1) == 0  # cells over padding
        nearest = (centres - places).abs().argmin(1)
        weights[beyond, nearest[beyond]] = 1
        return weights / weights.sum(1, keepdim=True)
    if how == "bilinear":
        return (1 - (centres.clamp(0, pixels - 1) - places).abs()).clamp(min=0)
    if how == "corner":
        centres = stride * torch.arange(grid.cells[axis], dtype=torch.float64)[:, None]
    chosen = (centres + 0.5).floor().clamp(0, pixels - 1)
    return (chosen == places).double()


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


def writing(grid: CellGrid, axis: int) -> Tensor:
    """Return the weight of each cell for each pixel of an axis, ``(pixels, cells)``: bilinear, border repeated."""
    places = (torch.arange(grid.pixels[axis], dtype=torch.float64) - grid.offset[axis]) / grid.stride[axis]
    places = places.clamp(0, grid.cells[axis] - 1)[:, None]
    return (1 - (places - torch.arange(grid.cells[axis])).abs()).clamp(min=0).float()


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
