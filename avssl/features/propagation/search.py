"""The most similar cells of other frames, tile by tile: the whole product of two frames is never made.

A tile of queries meets the keys within reach of it alone, of as many frames at once as `ROOM` holds.
"""

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

import torch
from torch import Tensor

from avssl.features.propagation.tiles import TILE, Reach, Tile, tiles, whole

ROOM = 2**22  # similarities that are held at a time: 16 MB
GROUP = 16  # similarities of which the largest is looked at first


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
    each: list[tuple[Tensor, Tensor]] = []
    totals: list[Tensor] = []
    for several in scored(query, keys, reach, exempt, tile):
        values, places = query.new_empty(0), torch.empty(0)
        total: Tensor | None = None
        for number, some in enumerate(several):
            if temperature is not None:
                more = (some.scores / temperature).logsumexp(1, keepdim=True)
                total = more if total is None else torch.logaddexp(total, more)
            best, columns = largest(some.scores, k)
            cells = [part.cells + entry * count for part, entry in zip(some.tiles, some.entries, strict=True)]
            found = torch.cat(cells).to(query.device)[columns]
            if number:
                best, order = largest(torch.cat([values, best], 1), k)
                found = torch.cat([places, found], 1).gather(1, order)
            values, places = best, found
        values, order = values.sort(1, descending=True)
        each.append((values, places.gather(1, order)))
        totals += [] if total is None else [total]
    values, places = (whole(parts, height, width, tile) for parts in zip(*each, strict=True))
    return Neighbours(values, places, whole(totals, height, width, tile)[:, 0] if totals else None)


def largest(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return the k largest scores of each row and their columns, in any order: what ``topk`` finds, but faster.

    The k largest scores lie in the k groups whose largest are the largest, so that of most groups no more is looked at.

    Args:
        scores: ``(rows, columns)``.
        k: how many; all, if there are fewer columns.

    Examples:
        >>> values, columns = largest(torch.arange(1000.0)[None], 2)
        >>> values.sort().values.tolist(), columns.sort().values.tolist()
        ([[998.0, 999.0]], [[998, 999]])
    """
    groups = scores.shape[1] // GROUP
    if groups <= 2 * k:
        values, columns = scores.topk(min(k, scores.shape[1]), 1, sorted=False)
        return values, columns
    inside = GROUP * groups  # a group's scores lie ``groups`` columns apart, so that maxima are taken of whole rows
    _, best = largest(scores[:, :inside].unflatten(1, (GROUP, groups)).amax(1), k)
    members = best[:, None] + groups * torch.arange(GROUP, device=scores.device)[:, None]
    rest = torch.arange(inside, scores.shape[1], device=scores.device).expand(len(scores), -1)
    columns = torch.cat([members.flatten(1), rest], 1)
    values, order = scores.gather(1, columns).topk(k, 1, sorted=False)
    return values, columns.gather(1, order)


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
    found: list[Tensor] = []
    for several in scored(query, keys, reach, exempt, tile):
        peak, joined = query.new_empty(0), query.new_empty(0)
        for number, some in enumerate(several):
            scores = some.scores
            if least is not None:
                enough = least.view(height, width)[some.tiles[0].queries].reshape(-1, 1)
                scores = scores.masked_fill(scores < enough, -torch.inf)
            scores = scores / temperature
            before, peak = peak, scores.amax(1, keepdim=True)
            peak = torch.maximum(before, peak) if number else peak
            steady = peak.clamp(min=torch.finfo(peak.dtype).min)  # no cell so far: no weight, rather than NaN
            weights = (scores - steady).exp()
            pairs = zip(some.tiles, some.entries, strict=True)
            values = torch.cat([labels[entry][part.keys].float().flatten(0, 1) for part, entry in pairs])
            added = torch.cat([weights @ values, weights.sum(1, keepdim=True)], 1)
            joined = joined * (before - steady).exp() + added if number else added
        found.append(joined[:, :-1] / joined[:, -1:])
    return whole(found, height, width, tile)


class Scored(NamedTuple):
    """A tile of queries beside the keys of some frames.

    Attributes:
        tiles: of each frame; their queries are the same.
        entries: which frames.
        scores: similarities ``(queries, keys)``, in memory that the next ones will fill.
    """

    tiles: Sequence[Tile]
    entries: Sequence[int]
    scores: Tensor


def scored(query: Tensor, keys: Sequence[Tensor], reach: Reach, exempt: int, tile: int) -> Iterator[Iterator[Scored]]:
    """Yield for each tile the similarities to its keys, of some frames at a time."""
    height, width, _ = query.shape
    near = tiles(height, width, reach, tile)
    everywhere = tiles(height, width, Reach(), tile) if exempt else near
    room = query.new_empty(max(ROOM, *(part.pairs for part in (*near, *everywhere))))
    for close, whole_map in zip(near, everywhere, strict=True):
        yield scored_tile(query, keys, [whole_map if entry < exempt else close for entry in range(len(keys))], room)


def scored_tile(query: Tensor, keys: Sequence[Tensor], parts: Sequence[Tile], room: Tensor) -> Iterator[Scored]:
    """Yield the similarities of a tile, of as many frames at a time as there is room for."""
    queries = query[parts[0].queries].flatten(0, 1)
    left = list(range(len(keys)))
    while left:
        many = max(1, sum(total <= len(room) for total in accumulate(parts[entry].pairs for entry in left)))
        entries, left = left[:many], left[many:]
        widths = [len(parts[entry].cells) for entry in entries]
        scores = room[: len(queries) * sum(widths)].view(len(queries), -1)
        for entry, own in zip(entries, scores.split(widths, 1), strict=True):
            part = parts[entry]
            torch.mm(queries, keys[entry][part.keys].float().flatten(0, 1).T, out=own)
            if part.far is not None:
                own.add_(part.far.to(own.device))
        yield Scored([parts[entry] for entry in entries], entries, scores)
