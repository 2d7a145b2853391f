"""Label propagation: the labels of the first frame, carried through a video by similar cells.

One function for what authors' evaluators do in as many ways; `avssl.features.propagation.settings` names the switches.
Jabri, Owens and Efros, "Space-Time Correspondence as a Contrastive Random Walk", NeurIPS 2020, section 4.1,
https://arxiv.org/abs/2006.14613; Vondrick et al., "Tracking Emerges by Colorizing Videos", ECCV 2018.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from avssl.features.propagation.search import attend, neighbours
from avssl.features.propagation.settings import OWN, Propagation
from avssl.features.propagation.tiles import TILE, Reach

Entry = tuple[Tensor, Tensor]  # features (H, W, channels) and labels (H, W, labels) of a frame


def propagate(
    features: Iterable[Tensor],
    labels: Tensor,
    settings: Propagation = OWN,
    stride: tuple[float, float] = (8.0, 8.0),
    tile: int = TILE,
    sets: int = 1,
) -> Iterator[Tensor]:
    """Yield the labels of each frame of a video, the first one's as they were given.

    Frames are taken one by one and no more are held than the settings look back at, so that memory does not grow with
    the length of the video. Frames may come in any order in time: for one from the middle on, call it for both sides.

    Args:
        features: of each frame, ``(channels, rows, columns)``.
        labels: of the first frame, ``(labels, rows, columns)``: shares of objects, or heat maps of points.
        settings: what a cell takes its labels from, see `Propagation`.
        stride: pixels from cell to cell, down and across; what a radius in pixels is counted in.
        tile: cells a side of the tiles in which cells are compared.
        sets: of so many labelings, one after the other and each of as many labels, cells are compared once.

    Yields:
        Labels ``(labels, rows, columns)``, float32.

    Raises:
        ValueError: if the features of a frame and the labels are not of the same cells, or not finite.

    Examples:
        >>> film = [torch.eye(4).view(4, 2, 2), torch.eye(4)[[1, 0, 3, 2]].view(4, 2, 2)]  # columns change places
        >>> last = list(propagate(film, torch.tensor([[[1.0, 0.0], [1.0, 0.0]]]), Propagation(k=1)))[-1]
        >>> last.tolist()
        [[[0.0, 1.0], [0.0, 1.0]]]
    """
    shelf: dict[int, Entry] = {}
    soft = labels.float()
    for time, frame in enumerate(features):
        if frame.shape[1:] != labels.shape[1:]:
            raise ValueError(
                f"frame {time} has features of {tuple(frame.shape[1:])} cells, the labels are of "
                f"{tuple(labels.shape[1:])}; all frames need one size"
            )
        query = prepared(frame, settings)
        if not torch.isfinite(query.sum()):
            raise ValueError(f"the features of frame {time} are not all finite; there is nothing to compare")
        if time:
            seen = (shelf[one] for one in settings.frames(time))
            soft = carried(query, list(seen), settings, reach_of(settings, stride), tile).T.unflatten(
                1, frame.shape[1:]
            )
        yield soft
        stored = query.half() if settings.similarity == "cosine" else query  # others may be beyond half's range
        fed = torch.cat([fed_back(one, settings) for one in soft.chunk(sets)])
        shelf[time] = (stored, fed.movedim(0, -1).contiguous())
        for past in [one for one in shelf if not settings.needs(one, time + 1)]:
            del shelf[past]


def prepared(frame: Tensor, settings: Propagation) -> Tensor:
    """Return features ``(rows, columns, channels)`` in full precision, of unit length where cosines are asked for.

    Gradients do not pass.
    """
    cells = frame.detach().float().movedim(0, -1)
    return (F.normalize(cells, dim=-1) if settings.similarity == "cosine" else cells).contiguous()


def reach_of(settings: Propagation, stride: tuple[float, float]) -> Reach:
    """Return how far cells may lie."""
    return Reach(
        radius=settings.radius, stride=stride if settings.unit == "pixels" else (1.0, 1.0), shape=settings.shape
    )


def fed_back(soft: Tensor, settings: Propagation) -> Tensor:
    """Return the labels that later frames see."""
    if settings.feedback == "soft":
        return soft
    return F.one_hot(soft.argmax(0), len(soft)).movedim(-1, 0).float()


def carried(
    query: Tensor, entries: Sequence[Entry], settings: Propagation, reach: Reach, tile: int = TILE, exempt: int = 1
) -> Tensor:
    """Return the labels of a frame, ``(cells, labels)``, from those of other frames.

    Args:
        query: its features, ``(rows, columns, channels)``.
        entries: features and labels of the other frames.
        settings: how many cells, of which frames, with which weights.
        reach: how far cells may lie.
        tile: cells a side of a tile.
        exempt: how many of the entries the reach does not hold for, where the settings exempt the first.
    """
    if settings.among == "each frame":
        joint = replace(settings, among="all frames")
        each = [carried(query, [entry], joint, reach, tile, int(not n)) for n, entry in enumerate(entries)]
        return torch.stack(each).mean(0)
    keys, labels = zip(*entries, strict=True)
    exempt = exempt if settings.exempt else 0
    temperature = settings.temperature * (query.shape[-1] ** 0.5 if settings.similarity == "scaled dot" else 1)
    if settings.k is None:
        return attend(query, keys, labels, temperature, reach, exempt, tile=tile)
    asked = temperature if settings.over == "all" else None
    found = neighbours(query, keys, settings.k, reach, exempt, asked, tile)
    if settings.ties:
        return attend(query, keys, labels, temperature, reach, exempt, found.values[:, -1], tile)
    scaled = found.values / temperature
    weights = scaled.softmax(1) if found.total is None else (scaled - found.total[:, None]).exp()
    rows = torch.stack(labels).flatten(0, 2)
    return (rows[found.places] * weights[..., None]).sum(1)
