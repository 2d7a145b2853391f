"""Measures of segmentations: intersection over union from a table of which class was taken for which.

All are pure functions of arrays.

Everingham et al., "The PASCAL Visual Object Classes Challenge: A Retrospective", IJCV 2015.
"""

import numpy as np

VOID = 255  # what is painted so belongs to no class and does not count


def confusion(found: np.ndarray, truth: np.ndarray, classes: int, void: int | None = VOID) -> np.ndarray:
    """Count pixels by true class (rows) and found class (columns), int64 ``(classes, classes)``.

    Tables of several pictures are added; a score is then taken of the sum, as in VOC, not of each picture.

    Args:
        found: a class for each pixel, whole numbers of any shape.
        truth: the same shape; pixels of ``void`` are left out.
        classes: how many there are.
        void: the number of no class in ``truth``; None if all count.

    Raises:
        ValueError: if the shapes differ or a number is no class.

    Examples:
        >>> confusion(np.array([0, 1, 1, 1]), np.array([0, 0, 1, 255]), classes=2)
        array([[1, 1],
               [0, 1]])
    """
    found, truth = np.asarray(found), np.asarray(truth)
    if found.shape != truth.shape:
        raise ValueError(f"found and true regions must have one shape; got {found.shape} and {truth.shape}")
    counted = np.ones(truth.shape, bool) if void is None else truth != void
    rows, columns = truth[counted].astype(np.int64), found[counted].astype(np.int64)
    for numbers, name in ((rows, "true"), (columns, "found")):
        if len(numbers) and (numbers.min() < 0 or numbers.max() >= classes):
            wrong = numbers[(numbers < 0) | (numbers >= classes)][0]
            raise ValueError(
                f"a {name} region has the number {wrong}, but there are {classes} classes, 0 to {classes - 1}"
            )
    return np.bincount(rows * classes + columns, minlength=classes * classes).reshape(classes, classes)


def iou(table: np.ndarray) -> np.ndarray:
    """Return intersection over union of each class, ``(..., classes)`` in [0, 1]; NaN for one absent everywhere.

    Args:
        table: pixels by true and found class, ``(..., classes, classes)``, see `confusion`.
    """
    table = np.asarray(table, np.float64)
    shared = np.diagonal(table, axis1=-2, axis2=-1)
    union = table.sum(-1) + table.sum(-2) - shared
    return np.divide(shared, union, out=np.full(union.shape, np.nan), where=union > 0)


def mean_iou(table: np.ndarray, absent: float | None = None) -> np.ndarray:
    """Return the mean of `iou` over classes, ``(...)`` in [0, 1].

    Chance level: a picture painted in the commonest class alone has that class's share of all pixels, divided by the
    number of classes.

    Args:
        table: ``(..., classes, classes)``.
        absent: what a class that is neither there nor found counts as; None leaves it out.

    Raises:
        ValueError: if nothing counts.

    Examples:
        >>> float(mean_iou(np.array([[1, 1], [0, 1]])))
        0.5
    """
    each = iou(table)
    if np.isnan(each).all(-1).any():
        raise ValueError("no pixel counts: all are void")
    return np.nanmean(each, -1) if absent is None else np.where(np.isnan(each), absent, each).mean(-1)


def pixel_accuracy(table: np.ndarray) -> np.ndarray:
    """Return the share of pixels whose class is right, ``(...)``."""
    table = np.asarray(table, np.float64)
    return np.trace(table, axis1=-2, axis2=-1) / table.sum((-2, -1))
