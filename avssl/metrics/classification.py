"""Measures of classification: accuracy, the mean over classes, average precision as PASCAL VOC has it.

All are pure functions. ``scores`` are ``(items, classes)``, the higher the surer; ``truth`` is one class an item
``(items,)``, ``labels`` are several: 1 present, 0 absent, NaN to be ignored (VOC's difficult), ``(items, classes)``.
Everingham et al., "The PASCAL Visual Object Classes Challenge", IJCV 2010, section 4.2 (11 points until 2009, the area
from 2010 on).
"""

from typing import Literal

import numpy as np

Precision = Literal["voc07", "area"]


def right_at(scores: np.ndarray, truth: np.ndarray, k: int = 1) -> np.ndarray:
    """Return 1 for each item whose class is among the ``k`` surest, else 0, ``(items,)``.

    A tie with the true class counts against it, so that equal scores for all classes are wrong, not right.

    Examples:
        >>> right_at(np.array([[0.1, 0.9], [0.5, 0.5]]), np.array([1, 0]))
        array([1., 0.])
    """
    check(scores, truth)
    if not 1 <= k <= scores.shape[1]:
        raise ValueError(f"k must be in [1, {scores.shape[1]}], the number of classes; got {k}")
    own = scores[np.arange(len(truth)), truth]
    ahead = (scores >= own[:, None]).sum(1) - 1
    return (ahead < k).astype(np.float64)


def accuracy(scores: np.ndarray, truth: np.ndarray, k: int = 1) -> float:
    """Return the share of items whose class is among the ``k`` surest; chance ``k / classes`` for balanced classes."""
    return float(right_at(scores, truth, k).mean())


def mean_class_accuracy(scores: np.ndarray, truth: np.ndarray) -> float:
    """Return the mean over the classes that occur of each one's accuracy; chance ``1 / classes`` for any sizes."""
    right = right_at(scores, truth)
    return float(np.mean([right[truth == label].mean() for label in np.unique(truth)]))


def average_precision(scores: np.ndarray, present: np.ndarray, kind: Precision = "area") -> float:
    """Return the average precision of one class.

    Args:
        scores: ``(items,)``; items of equal scores stand in the order given.
        present: 1, 0, or NaN for items to leave out, ``(items,)``.
        kind: ``"voc07"``: the mean over recalls 0, 0.1, ... 1 of the best precision at that recall or a higher one;
            ``"area"``: the area under the curve made monotonous, as VOC from 2010 on.

    Raises:
        ValueError: if no item shows the class.

    Examples:
        >>> average_precision(np.array([3.0, 2.0, 1.0]), np.array([1, 0, 1]))
        0.8333333333333333
        >>> round(average_precision(np.array([3.0, 2.0, 1.0]), np.array([1, 0, 1]), "voc07"), 4)
        0.8485
    """
    counted = ~np.isnan(np.asarray(present, np.float64))
    scores, present = scores[counted], np.asarray(present)[counted] > 0
    if not present.any():
        raise ValueError("no item shows the class: its average precision is not defined")
    order = np.argsort(-scores, kind="stable")
    found = present[order].cumsum()
    recall, precision = found / present.sum(), found / np.arange(1, len(order) + 1)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    if kind == "voc07":
        places = np.searchsorted(recall, np.arange(11) / 10 - 1e-12)
        return float(np.append(best, 0.0)[places].mean())
    if kind == "area":
        return float(np.diff(recall, prepend=0.0) @ best)
    raise ValueError(f"kind must be 'voc07' or 'area', got {kind!r}")


def average_precisions(scores: np.ndarray, labels: np.ndarray, kind: Precision = "area") -> np.ndarray:
    """Return the average precision of each class, ``(classes,)``; NaN for classes that no item shows."""
    check(scores, labels)
    shown = np.nansum(labels, 0) > 0
    found = np.full(scores.shape[1], np.nan)
    for column in np.flatnonzero(shown):
        found[column] = average_precision(scores[:, column], labels[:, column], kind)
    return found


def mean_average_precision(scores: np.ndarray, labels: np.ndarray, kind: Precision = "area") -> float:
    """Return the mean over the classes that occur of `average_precision`; chance is about their share of the items."""
    each = average_precisions(scores, labels, kind)
    if np.isnan(each).all():
        raise ValueError("no class is shown by any item")
    return float(np.nanmean(each))


def check(scores: np.ndarray, truth: np.ndarray) -> None:
    if scores.ndim != 2 or len(scores) != len(truth) or (truth.ndim == 2 and truth.shape != scores.shape):
        raise ValueError(f"needs scores (items, classes) and as many truths; got {scores.shape} and {truth.shape}")
    if not np.isfinite(scores).all():
        raise ValueError(f"{int((~np.isfinite(scores)).any(1).sum())} items have scores that are not finite")
