"""Tiles of a map, and the cells of another map that lie within reach of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from math import ceil, floor, prod
from typing import Literal, NamedTuple

import torch
from torch import Tensor

TILE = 12  # cells a side: larger tiles share their keys among more queries, and more of these are too far


@dataclass(frozen=True, kw_only=True)
class Reach:
    """How far from its place a cell looks in another frame.

    Args:
        radius: in the unit of ``stride``; None for everywhere.
        stride: of one cell, on both axes: (1, 1) for a radius in cells.
        shape: ``"circle"``: distances below the radius; ``"square"``: at most the radius on each axis.
    """

    radius: float | None = None
    stride: tuple[float, float] = (1.0, 1.0)
    shape: Literal["circle", "square"] = "circle"

    def cells(self, axis: int) -> int | None:
        """Return how many cells away the farthest lies on an axis; None for any number."""
        if self.radius is None:
            return None
        steps = self.radius / self.stride[axis]
        return floor(steps) if self.shape == "square" else max(0, ceil(steps) - 1)


class Tile(NamedTuple):
    """Queries, the keys within their reach, and which of these are too far.

    Attributes:
        queries: rows and columns.
        keys: rows and columns.
        cells: the keys' numbers in the map, int64 ``(keys,)``.
        far: to be added to scores: -inf for keys that are too far, else 0, float32 ``(queries, keys)``; None if all
            are within reach.
    """

    queries: tuple[slice, slice]
    keys: tuple[slice, slice]
    cells: Tensor
    far: Tensor | None

    @property
    def pairs(self) -> int:
        """How many pairs of a query and a key there are."""
        return prod(side.stop - side.start for side in (*self.queries, *self.keys))


def ranges(cells: int, tile: int) -> list[range]:
    """Return an axis in parts of about ``tile`` cells that differ by one at most.

    Examples:
        >>> [len(part) for part in ranges(18, 16)], [len(part) for part in ranges(60, 16)], ranges(5, 2)[0]
        ([18], [15, 15, 15, 15], range(0, 2))
    """
    parts = max(1, round(cells / tile))
    return [range(cells * part // parts, cells * (part + 1) // parts) for part in range(parts)]


@lru_cache(maxsize=4)
def tiles(height: int, width: int, reach: Reach, tile: int) -> tuple[Tile, ...]:
    """Return the tiles of a map and what is within reach of each."""
    sides = product(ranges(height, tile), ranges(width, tile))
    return tuple(one_tile(rows, columns, height, width, reach) for rows, columns in sides)


def one_tile(rows: range, columns: range, height: int, width: int, reach: Reach) -> Tile:
    """Return a tile and what is within its reach."""
    sides = []
    for axis, (side, cells) in enumerate(((rows, height), (columns, width))):
        far = reach.cells(axis)
        inside = range(cells) if far is None else range(max(0, side.start - far), min(cells, side.stop + far))
        sides.append((side, inside))
    far = None
    if reach.radius is not None:  # tiles in the middle share their table
        shifts = tuple((len(side), inside.start - side.start, len(inside)) for side, inside in sides)
        far = too_far(shifts[0], shifts[1], reach)
    (own, up), (across, beside) = sides
    queries = slice(own.start, own.stop), slice(across.start, across.stop)
    cells = torch.tensor(up)[:, None] * width + torch.tensor(beside)
    return Tile(queries, (slice(up.start, up.stop), slice(beside.start, beside.stop)), cells.flatten(), far)


@lru_cache(maxsize=64)
def too_far(rows: tuple[int, int, int], columns: tuple[int, int, int], reach: Reach) -> Tensor:
    """Return -inf for keys that are out of reach of a query, else 0, float32 ``(queries, keys)``.

    Args:
        rows: how many rows of queries, where the rows of keys start beside theirs, and how many these are.
        columns: the same of columns.
        reach: how far cells may lie.
    """
    steps = [
        (torch.arange(own)[:, None] - (torch.arange(cells) + start)) * stride
        for (own, start, cells), stride in zip((rows, columns), reach.stride, strict=True)
    ]
    down, across = steps[0][:, None, :, None].double(), steps[1][None, :, None, :].double()
    assert reach.radius is not None
    if reach.shape == "square":
        far = (down.abs() > reach.radius) | (across.abs() > reach.radius)
    else:
        far = down**2 + across**2 >= reach.radius**2
    far = far.flatten(2).flatten(0, 1)
    return torch.zeros(far.shape).masked_fill_(far, -torch.inf)  # numbers are added much faster than a mask is applied


def whole(parts: Sequence[Tensor], height: int, width: int, tile: int) -> Tensor:
    """Return what tiles hold, each ``(cells of the tile, values)``, in the order of the map, ``(cells, values)``."""
    joined = parts[0].new_empty(height, width, parts[0].shape[1])
    for part, place in zip(parts, tiles(height, width, Reach(), tile), strict=True):
        rows, columns = place.queries
        joined[place.queries] = part.view(rows.stop - rows.start, columns.stop - columns.start, -1)
    return joined.flatten(0, 1)
