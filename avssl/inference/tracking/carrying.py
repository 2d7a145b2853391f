"""Marks carried from their frame to the end of a recording and to its start, frame by frame."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from avssl.evaluation.propagation.maps import Maps, grid_of, seen_by
from avssl.features.propagation.labels import cells_to_mask, cells_to_points
from avssl.features.propagation.propagate import propagate
from avssl.features.propagation.settings import Propagation
from avssl.inference.tracking.marks import Marks
from avssl.media import Reader
from avssl.nets.cells import CellGrid

PIECE = 16  # frames held at a time


@dataclass(frozen=True, eq=False, kw_only=True)
class Found:
    """What was found in a frame.

    Args:
        frame: its number.
        mask: numbers of objects, uint8 ``(H, W)``.
        places: (x, y) of the middle of each object, then of each point, NaN where lost, ``(labels, 2)``.
        confidence: of each in [0, 1]; 0 where lost.
        pixels: of each object.
    """

    frame: int
    mask: np.ndarray
    places: np.ndarray
    confidence: np.ndarray
    pixels: np.ndarray


def carry_marks(
    small: Reader, maps: Maps, marks: Marks, frame: int, settings: Propagation, multiple: int = 1
) -> Iterator[Found]:
    """Yield what is found in each frame once: the marked one first, on to the end, and then back to the start.

    No more frames are held than `PIECE`, and no more features than the settings look back at.

    Args:
        small: the recording in the size that is compared.
        maps: what maps pictures to features.
        marks: of ``frame``, in pixels of the mask's size.
        frame: number of the frame.
        settings: how labels are propagated.
        multiple: of the sides of pictures, for encoders that need it.
    """
    start, size = seen_by(small.frames([frame]).data, settings, multiple)
    found = maps(start)
    coarse = grid_of(found, size)
    grid = coarse.on((marks.mask.shape[0], marks.mask.shape[1]))
    labels = marks.on_cells(grid, settings).to(found.values.device)
    yield as_marked(marks, frame)
    for order in (range(frame, len(small)), range(frame, -1, -1)):
        carried = propagate(features_along(small, maps, order, settings, multiple), labels, settings, coarse.stride)
        next(carried)
        for number, soft in zip(order[1:], carried, strict=True):
            yield read_out(soft, marks, grid, settings, number)


def features_along(
    small: Reader, maps: Maps, order: Sequence[int], settings: Propagation, multiple: int
) -> Iterator[Tensor]:
    """Yield the features of frames one by one, in any order; `PIECE` frames are held at a time."""
    for start in range(0, len(order), PIECE):
        part = small.frames(np.array(order[start : start + PIECE])).data
        yield from maps(seen_by(part, settings, multiple)[0]).values


def as_marked(marks: Marks, frame: int) -> Found:
    """Return what was marked itself."""
    places = [middle(marks.mask == number + 1) for number in range(marks.objects)]
    return Found(
        frame=frame,
        mask=marks.mask,
        places=np.concatenate([np.array(places, np.float32).reshape(-1, 2), marks.points]),
        confidence=np.ones(len(marks.names), np.float32),
        pixels=pixels_of(marks.mask, marks.objects),
    )


def read_out(soft: Tensor, marks: Marks, grid: CellGrid, settings: Propagation, frame: int) -> Found:
    """Return what the labels of a frame's cells say.

    An object is as sure as the mean share that it has of the cells where its share is the largest; a point as the share
    of its weight that lies in the cells of its peak: what spreads over the frame is lost.
    """
    split = 1 + marks.objects if marks.objects else 0
    mask, places, confidence = np.zeros(grid.pixels, np.uint8), [], []
    if marks.objects:
        mask = cells_to_mask(soft[:split], grid, settings).to(torch.uint8).cpu().numpy()
        shares, winner = soft[:split].max(0)
        for number in range(1, split):
            places.append(middle(mask == number))
            own = shares[winner == number]
            confidence.append(float(own.mean()) if len(own) and np.isfinite(places[-1]).all() else 0.0)
    if len(marks.points):
        found, _ = cells_to_points(soft[split:], grid, settings.peak)
        weights = soft[split:].flatten(1)
        peak = weights.topk(min(settings.peak, weights.shape[1]), 1).values.sum(1)
        sure = torch.where(weights.sum(1) > 0, peak / weights.sum(1).clamp(min=1e-12), 0.0)
        places += found.cpu().numpy().tolist()
        confidence += sure.cpu().tolist()
    return Found(
        frame=frame,
        mask=mask,
        places=np.array(places, np.float32).reshape(-1, 2),
        confidence=np.array(confidence, np.float32),
        pixels=pixels_of(mask, marks.objects),
    )


def middle(mask: np.ndarray) -> tuple[float, float]:
    """Return the mean (x, y) of a mask's pixels; NaN for an empty one."""
    rows, columns = np.nonzero(mask)
    return (float(columns.mean()), float(rows.mean())) if len(rows) else (float("nan"), float("nan"))


def pixels_of(mask: np.ndarray, objects: int) -> np.ndarray:
    """Return how many pixels each object has, int64 ``(objects,)``."""
    return np.bincount(mask.flatten(), minlength=objects + 1)[1 : objects + 1]
