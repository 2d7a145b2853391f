"""Measures of found boxes: overlap, and average precision as the PASCAL VOC challenges define it.

All are pure functions of arrays. A box is ``(left, top, right, bottom)``, its edges: ``right - left`` is its width.

Everingham et al., "The PASCAL Visual Object Classes (VOC) Challenge", IJCV 2010 (11 points), and "The PASCAL Visual
Object Classes Challenge: A Retrospective", IJCV 2015 (area).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

Convention = Literal["edges", "devkit"]
Comparison = Literal[">=", ">"]
Points = Literal["area", "11 points"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Found:
    """Boxes that a detector found in several pictures.

    Args:
        picture: which picture each is in, int64 ``(boxes,)``.
        kind: its class, int64 ``(boxes,)``.
        score: how sure the detector is, ``(boxes,)``.
        box: ``(boxes, 4)``.
    """

    picture: np.ndarray
    kind: np.ndarray
    score: np.ndarray
    box: np.ndarray


@dataclass(frozen=True, eq=False, kw_only=True)
class Truth:
    """The objects that are in the pictures.

    Args:
        picture: which picture each is in, int64 ``(objects,)``.
        kind: its class, int64 ``(objects,)``.
        box: ``(objects, 4)``.
        ignored: it counts neither when found nor when missed (VOC's difficult), bool ``(objects,)``.
    """

    picture: np.ndarray
    kind: np.ndarray
    box: np.ndarray
    ignored: np.ndarray


@dataclass(frozen=True, eq=False, kw_only=True)
class Matches:
    """The boxes of one class, the surest first, and which of them are right.

    Args:
        picture: which picture each is in, ``(boxes,)``.
        score: how sure the detector was, ``(boxes,)``.
        right: 1 where it found an object, 0 where it did not, NaN where it does not count, ``(boxes,)``.
    """

    picture: np.ndarray
    score: np.ndarray
    right: np.ndarray


def overlap(boxes: np.ndarray, others: np.ndarray, convention: Convention = "edges") -> np.ndarray:
    """Return intersection over union of each pair, ``(boxes, others)``; 0 where both are empty.

    Args:
        boxes: ``(boxes, 4)``.
        others: ``(others, 4)``.
        convention: ``"edges"``: a width is ``right - left``. ``"devkit"``: boxes name their first and last pixel, and
            a width is ``right - left + 1``, as in the VOC development kit; equal to ``"edges"`` on edges.

    Examples:
        >>> overlap(np.array([[0, 0, 10, 10]]), np.array([[0, 0, 10, 5], [20, 20, 30, 30]]))
        array([[0.5, 0. ]])
        >>> overlap(np.array([[1, 1, 10, 10]]), np.array([[1, 1, 10, 5]]), "devkit")  # the same boxes as pixels from 1
        array([[0.5]])
    """
    if convention not in ("edges", "devkit"):
        raise ValueError(f"convention must be 'edges' or 'devkit', got {convention!r}")
    more = float(convention == "devkit")
    first, second = _boxes(boxes)[:, None], _boxes(others)[None]
    low, high = np.maximum(first[..., :2], second[..., :2]), np.minimum(first[..., 2:], second[..., 2:])
    shared = (high - low + more).clip(0).prod(-1)
    areas = [(each[..., 2:] - each[..., :2] + more).clip(0).prod(-1) for each in (first, second)]
    union = areas[0] + areas[1] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def match_boxes(
    found: Found,
    truth: Truth,
    kind: int,
    threshold: float = 0.5,
    convention: Convention = "edges",
    comparison: Comparison = ">=",
) -> Matches:
    """Decide which boxes of a class are right, as the VOC development kit does.

    The surest come first (of equals, the one given first). Each looks at the object of its class that it overlaps
    most. It is right if the overlap reaches the threshold and no surer box has taken that object; a second box on an
    object is wrong. A box whose object is ``ignored`` does not count.

    Args:
        found: the boxes of all classes.
        truth: the objects of all classes.
        kind: the class.
        threshold: intersection over union that is needed.
        convention: see `overlap`.
        comparison: ``">="`` as in the kit, or ``">"`` as in py-faster-rcnn and Detectron.
    """
    if comparison not in (">=", ">"):
        raise ValueError(f"comparison must be '>=' or '>', got {comparison!r}")
    mine = np.flatnonzero(found.kind == kind)
    mine = mine[np.argsort(-found.score[mine], kind="stable")]
    share, target = _best(found, truth, mine, np.flatnonzero(truth.kind == kind), convention)
    reached = share >= threshold if comparison == ">=" else share > threshold
    near = np.flatnonzero(reached & (target >= 0))
    right = np.zeros(len(mine))
    right[near[np.unique(target[near], return_index=True)[1]]] = 1.0  # the first, so the surest, on each object
    right[near[truth.ignored[target[near]]]] = np.nan
    return Matches(picture=found.picture[mine], score=found.score[mine], right=right)


def _best(
    found: Found, truth: Truth, boxes: np.ndarray, objects: np.ndarray, convention: Convention
) -> tuple[np.ndarray, np.ndarray]:
    """Return each box's largest overlap with an object of its picture, and which object that is (-1: none is there)."""
    share, target = np.zeros(len(boxes)), np.full(len(boxes), -1)
    for picture in np.intersect1d(found.picture[boxes], truth.picture[objects]):
        rows = np.flatnonzero(found.picture[boxes] == picture)
        others = objects[truth.picture[objects] == picture]
        shares = overlap(found.box[boxes[rows]], truth.box[others], convention)
        best = shares.argmax(1)
        share[rows], target[rows] = shares[np.arange(len(rows)), best], others[best]
    return share, target


def curve(matches: Matches, objects: int) -> tuple[np.ndarray, np.ndarray]:
    """Return recall and precision after each box that counts, the surest first."""
    right = matches.right[~np.isnan(matches.right)]
    hits = np.cumsum(right)
    return hits / max(objects, 1), hits / np.arange(1, len(right) + 1)


def area_of(recall: np.ndarray, precision: np.ndarray, points: Points = "area") -> np.ndarray:
    """Return average precision from curves, in [0, 1].

    Args:
        recall: after each box, rising, ``(..., boxes)``.
        precision: after each box, ``(..., boxes)``.
        points: ``"area"``: the area under the curve after each precision is raised to the highest at this recall or
            more (VOC from 2010 on). ``"11 points"``: the mean of that highest precision at the recalls 0, 0.1, ... 1
            (VOC until 2009).

    Returns:
        ``(...)``; 0 without any box.
    """
    if points not in ("area", "11 points"):
        raise ValueError(f"points must be 'area' or '11 points', got {points!r}")
    if not recall.shape[-1]:
        return np.zeros(recall.shape[:-1])
    best = np.maximum.accumulate(precision[..., ::-1], -1)[..., ::-1]
    if points == "area":
        return (np.diff(recall, axis=-1, prepend=0.0) * best).sum(-1)
    total = np.zeros(recall.shape[:-1])
    for tenth in range(11):
        # a recall of 3 of 10 is 0.3 whatever floating point makes of either
        first = (recall < tenth / 10 - 1e-9).sum(-1)
        total += np.where(
            first < recall.shape[-1],
            np.take_along_axis(best, np.minimum(first, recall.shape[-1] - 1)[..., None], -1)[..., 0],
            0.0,
        )
    return total / 11


def average_precision(
    found: Found,
    truth: Truth,
    kind: int,
    threshold: float = 0.5,
    points: Points = "area",
    convention: Convention = "edges",
    comparison: Comparison = ">=",
) -> float:
    """Return the average precision of one class, in [0, 1]; NaN if no object of it counts.

    Chance level: near 0, for a box at a random place hardly overlaps an object by half.

    Examples:
        >>> box = np.array([[0.0, 0.0, 10.0, 10.0]])
        >>> zero = np.zeros(1, np.int64)
        >>> found = Found(picture=zero, kind=zero, score=np.ones(1), box=box)
        >>> truth = Truth(picture=zero, kind=zero, box=box + 1.0, ignored=np.zeros(1, bool))
        >>> average_precision(found, truth, 0), average_precision(found, truth, 0, threshold=0.75)
        (1.0, 0.0)
    """
    objects = int(((truth.kind == kind) & ~truth.ignored).sum())
    if not objects:
        return float("nan")
    return float(area_of(*curve(match_boxes(found, truth, kind, threshold, convention, comparison), objects), points))


def mean_average_precision(
    found: Found,
    truth: Truth,
    classes: int,
    thresholds: Sequence[float] = (0.5,),
    points: Points = "area",
    convention: Convention = "edges",
    comparison: Comparison = ">=",
) -> float:
    """Return the mean of `average_precision` over thresholds and over the classes that have objects, in [0, 1].

    Raises:
        ValueError: if no class has an object that counts.
    """
    each = np.array(
        [
            [average_precision(found, truth, kind, one, points, convention, comparison) for kind in range(classes)]
            for one in thresholds
        ]
    )
    if np.isnan(each).all():
        raise ValueError("no object counts: there is none, or all are to be ignored")
    return float(np.nanmean(each))


def ap_name(threshold: float, points: Points) -> str:
    """Return the name that an average precision is reported by.

    Examples:
        >>> ap_name(0.5, "11 points"), ap_name(0.75, "area")
        ('ap@0.5/11 points', 'ap@0.75/area')
    """
    return f"ap@{threshold:g}/{points}"


def _boxes(boxes: np.ndarray) -> np.ndarray:
    boxes = np.asarray(boxes, np.float64)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"boxes must be (boxes, 4): left, top, right, bottom; got {boxes.shape}")
    return boxes
