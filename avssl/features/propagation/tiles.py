"""The most similar cells of other frames, tile by tile: the whole product of two frames is never made.

A tile of queries meets the keys within reach of it alone. Running results join the frames.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, floor
from typing import Literal, NamedTuple

import torch
from torch import Tensor

TILE = 16  # cells a side: a tile's table of similarities fits into a core's cache


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


class Neighbours(NamedTuple):
    """The most similar cells of each query.

    Args:
        values: similarities, the largest first, ``(cells, k)``; -inf where fewer than k are within reach.
        places: which they are, ``entry * cells + cell``, int64 ``(cells, k)``.
        total: the logarithm of the sum of all exponentials within reach, ``(cells,)``; None if nobody asked.
    """

    values: Tensor
    places: Tensor
    total: Tensor | None


class Tile(NamedTuple):
    """Queries, the keys within their reach, and which of these are too far.

    Args:
        queries: rows and columns.
        keys: rows and columns.
        far: bool ``(queries, keys)``; None if all are within reach.
    """

    queries: tuple[slice, slice]
    keys: tuple[slice, slice]
    far: Tensor | None


def neighbours(
    query: Tensor,
    keys: Sequence[Tensor],
    k: int,
    reach: Reach,
    exempt: int = 0,
    temperature: float | None = None,
    tile: int = TILE,
) -> Neighbours:
    """Return the most similar cells of several frames for each cell of one.

    Args:
        query: features ``(H, W, channels)``.
        keys: features of the other frames, each ``(H, W, channels)``, in half or full precision; products are of full.
        k: how many cells.
        reach: how far they may lie.
        exempt: for so many of the frames, from the first on, they may lie anywhere.
        temperature: of the total; None to leave it out.
        tile: about how many cells a side of a tile has.
    """
    height, width, _ = query.shape
    count = height * width
    found = [(query.new_empty(0), torch.empty(0))] * tiles_of(height, width, tile)
    totals: list[Tensor | None] = [None] * len(found)
    for entry, (scores_of, parts) in enumerate(frames_of(query, keys, reach, exempt, tile)):
        for number, part in enumerate(parts):
            scores = scores_of(part)
            if temperature is not None:
                total, before = (scores / temperature).logsumexp(1), totals[number]
                totals[number] = total if before is None else torch.logaddexp(before, total)
            values, places = scores.topk(min(k, scores.shape[1]), 1, sorted=False)
            places = cells_of(part.keys, width, query.device)[places] + entry * count
            if entry:
                values, places = (torch.cat(both, 1) for both in zip(found[number], (values, places), strict=True))
                values, order = values.topk(min(k, values.shape[1]), 1, sorted=False)
                places = places.gather(1, order)
            found[number] = values, places
    values, order = whole([values for values, _ in found], height, width, tile).sort(1, descending=True)
    places = whole([places for _, places in found], height, width, tile).gather(1, order)
    sums = [total[:, None] for total in totals if total is not None]
    return Neighbours(values, places, whole(sums, height, width, tile)[:, 0] if sums else None)


def attend(
    query: Tensor,
    keys: Sequence[Tensor],
    labels: Sequence[Tensor],
    temperature: float,
    reach: Reach,
    exempt: int = 0,
    least: Tensor | None = None,
    tile: int = TILE,
) -> Tensor:
    """Return the mean of labels within reach, weighted by a softmax of similarities, ``(cells, labels)``.

    Args:
        query: features ``(H, W, channels)``.
        keys: features of the other frames, each ``(H, W, channels)``.
        labels: of these frames, each ``(H, W, labels)``.
        temperature: that similarities are divided by.
        reach: how far cells may lie.
        exempt: for so many of the frames, from the first on, they may lie anywhere.
        least: the similarity of each query that a cell needs, ``(cells,)``; None for all.
        tile: about how many cells a side of a tile has.
    """
    height, width, _ = query.shape
    count = tiles_of(height, width, tile)
    peaks: list[Tensor | None] = [None] * count
    sums = [torch.empty(0)] * count
    for entry, (scores_of, parts) in enumerate(frames_of(query, keys, reach, exempt, tile)):
        for number, part in enumerate(parts):
            scores = scores_of(part)
            if least is not None:
                enough = least.view(height, width)[part.queries].reshape(-1, 1)
                scores = scores.masked_fill(scores < enough, -torch.inf)
            scores, before = scores / temperature, peaks[number]
            peak = (
                scores.amax(1, keepdim=True) if before is None else torch.maximum(before, scores.amax(1, keepdim=True))
            )
            steady = peak.clamp(min=torch.finfo(peak.dtype).min)  # no cell so far: no weight, rather than NaN
            weights = (scores - steady).exp()
            values = labels[entry][part.keys].flatten(0, 1).float()
            added = torch.cat([weights @ values, weights.sum(1, keepdim=True)], 1)
            sums[number] = added if before is None else sums[number] * (before - steady).exp() + added
            peaks[number] = peak
    joined = whole(sums, height, width, tile)
    return joined[:, :-1] / joined[:, -1:]


def frames_of(query: Tensor, keys: Sequence[Tensor], reach: Reach, exempt: int, tile: int) -> Iterator[tuple]:
    """Yield for each frame what scores a tile, and its tiles; one frame at a time is held in full precision."""
    height, width, _ = query.shape
    near = tiles(height, width, reach, tile)
    everywhere = tiles(height, width, Reach(), tile) if exempt else near
    for entry, key in enumerate(keys):
        full = key.float()

        def scores_of(part: Tile, full: Tensor = full) -> Tensor:
            scores = query[part.queries].flatten(0, 1) @ full[part.keys].flatten(0, 1).T
            return scores if part.far is None else scores.masked_fill_(part.far.to(scores.device), -torch.inf)

        yield scores_of, everywhere if entry < exempt else near


def tiles_of(height: int, width: int, tile: int) -> int:
    """Return how many tiles there are."""
    return len(ranges(height, tile)) * len(ranges(width, tile))


def ranges(cells: int, tile: int) -> list[range]:
    """Return an axis in parts of about ``tile`` cells that differ by one at most.

    Examples:
        >>> [len(part) for part in ranges(18, 16)], [len(part) for part in ranges(60, 16)], ranges(5, 2)[0]
        ([18], [15, 15, 15, 15], range(0, 2))
    """
    parts = max(1, round(cells / tile))
    return [range(cells * part // parts, cells * (part + 1) // parts) for part in range(parts)]


def tiles(height: int, width: int, reach: Reach, tile: int) -> list[Tile]:
    """Return the tiles of a map and what is within reach of each."""
    return [
        one_tile(rows, columns, height, width, reach)
        for rows in ranges(height, tile)
        for columns in ranges(width, tile)
    ]


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
    return Tile(queries, (slice(up.start, up.stop), slice(beside.start, beside.stop)), far)


@lru_cache(maxsize=64)
def too_far(rows: tuple[int, int, int], columns: tuple[int, int, int], reach: Reach) -> Tensor:
    """Return which keys are out of reach of which queries, bool ``(queries, keys)``.

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
    return far.flatten(2).flatten(0, 1)


def cells_of(keys: tuple[slice, slice], width: int, device: torch.device) -> Tensor:
    """Return the numbers of a window's cells in its map, ``(keys,)``."""
    rows, columns = (torch.arange(side.start, side.stop, device=device) for side in keys)
    return (rows[:, None] * width + columns).flatten()


def whole(parts: Sequence[Tensor], height: int, width: int, tile: int) -> Tensor:
    """Return what tiles hold, each ``(cells of the tile, values)``, in the order of the map, ``(cells, values)``."""
    joined = parts[0].new_empty(height, width, parts[0].shape[1])
    for part, place in zip(parts, tiles(height, width, Reach(), tile), strict=True):
        rows, columns = place.queries
        joined[place.queries] = part.view(rows.stop - rows.start, columns.stop - columns.start, -1)
    return joined.flatten(0, 1)
