"""What lies at the cells of a map, and what cells say of pixels: with one centre both ways.

Cell i of an axis looks at pixel ``offset + stride * i``, see `avssl.nets.FeatureMap`. All is a product with two small
matrices, one for each axis, so that any stride, offset and size is exact.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from avssl.nets.feature_maps import FeatureMap

Pair = tuple[float, float]
ReadIn = Literal["area", "bilinear", "nearest", "corner"]


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


def grid_over(found: FeatureMap, pixels: tuple[int, int]) -> CellGrid:
    """Return where the cells of a map of pictures look.

    Args:
        found: as an encoder gave it.
        pixels: height and width of the pictures.
    """
    cells = (found.values.shape[-2], found.values.shape[-1])
    stride, offset = (found.stride[0], found.stride[1]), (found.offset[0], found.offset[1])
    return CellGrid(cells=cells, stride=stride, offset=offset, pixels=pixels)


def pixels_to_cells(values: Tensor, grid: CellGrid, how: ReadIn = "area") -> Tensor:
    """Return what lies at each cell, ``(..., rows, columns)``: colours, masks as shares, anything of pixels.

    What a map should say of pixels is read around the pixels that its cells look at; a plain pooling of stride by
    stride would be off by up to half a stride.

    Args:
        values: ``(..., H, W)``.
        grid: where cells look, see `grid_over`.
        how: the ``"area"`` average over the cell, ``"bilinear"`` or ``"nearest"`` where it looks, or the ``"corner"``,
            pixel stride x i.

    Examples:
        >>> grid = CellGrid(cells=(1, 2), stride=(4.0, 4.0), offset=(0.0, 0.0), pixels=(1, 8))
        >>> pixels_to_cells(torch.arange(8.0)[None], grid)
        tensor([[0.8000, 4.0000]])
    """
    down, across = (reading(how, grid, axis).to(values) for axis in (0, 1))
    return down @ values @ across.T


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


def writing(grid: CellGrid, axis: int) -> Tensor:
    """Return the weight of each cell for each pixel of an axis, ``(pixels, cells)``: bilinear, border repeated."""
    places = (torch.arange(grid.pixels[axis], dtype=torch.float64) - grid.offset[axis]) / grid.stride[axis]
    places = places.clamp(0, grid.cells[axis] - 1)[:, None]
    return (1 - (places - torch.arange(grid.cells[axis])).abs()).clamp(min=0).float()
