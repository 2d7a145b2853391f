"""The most similar cells of other frames, tile by tile: the whole product of two frames is never made.

A tile of queries meets the keys within reach of it alone. Running results join the frames.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from avssl.features.propagation.tiles import TILE, Reach, Tile, cells_of, tiles, tiles_of, whole


class Neighbours(NamedTuple):
    """The most similar cells of each query.

    Attributes:
        values: similarities, the largest first, ``(cells, k)``; -inf where fewer than k are within reach.
        places: which they are, ``entry * cells + cell``, int64 ``(cells, k)``.
        total: the logarithm of the sum of all exponentials within reach, ``(cells,)``; None if nobody asked.
    """

    values: Tensor
    places: Tensor
    total: Tensor | None


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
