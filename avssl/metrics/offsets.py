"""Offsets between sound and picture, found on curves of scores."""

import numpy as np


def middle(clips: int, reach: int) -> np.ndarray:
    """Return the clips that have windows on both sides as far as ``reach`` steps.

    Examples:
        >>> middle(6, 2).tolist()
        [2, 3]
    """
    return np.arange(reach, clips - reach)


def measures(curves: np.ndarray, true: np.ndarray, tolerance: int, step: float) -> dict[str, float]:
    """Return how often the best offset is the true one, and how far it is from it.

    Args:
        curves: scores of the offsets, ``(recordings, offsets)``; those that are equally good share.
        true: place of the true offset, ``(recordings,)``.
        tolerance: steps within which an offset counts as found.
        step: seconds between offsets.

    Returns:
        ``found``, a share, and ``error``, the mean absolute error in seconds.

    Examples:
        >>> measures(np.array([[0.0, 2.0, 1.0], [1.0, 0.0, 1.0]]), np.array([1, 0]), tolerance=0, step=0.1)
        {'found': 0.75, 'error': 0.05}
    """
    best = curves == curves.max(1, keepdims=True)
    weight = best / best.sum(1, keepdims=True)
    away = np.abs(np.arange(curves.shape[1]) - true[:, None])
    found = float((weight * (away <= tolerance)).sum(1).mean())
    return {"found": found, "error": float((weight * away).sum(1).mean() * step)}


def chance(reach: int, tolerance: int, step: float) -> dict[str, float]:
    """Return what guessing gives, see `measures`, where the true offset is in the middle.

    Examples:
        >>> chance(reach=1, tolerance=0, step=1.5)
        {'found': 0.3333333333333333, 'error': 1.0}
    """
    count = 2 * reach + 1
    return measures(np.zeros((1, count)), np.array([reach]), tolerance, step)
