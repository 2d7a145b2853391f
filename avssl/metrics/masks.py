"""Measures of masks of objects in video: region similarity J, contour accuracy F, and what becomes of them over time.

All are pure functions of arrays, and count as the official tool of DAVIS does. Perazzi et al., "A Benchmark Dataset and
Evaluation Methodology for Video Object Segmentation", CVPR 2016; Pont-Tuset et al., "The 2017 DAVIS Challenge on Video
Object Segmentation", 2017, https://arxiv.org/abs/1704.00675; davis2017-evaluation, ``metrics.py`` and ``utils.py``.
"""

from math import ceil, hypot, isqrt

import numpy as np

TOLERANCE = 0.008  # of the picture's diagonal: how far contours may lie apart
QUARTERS = 4


def jaccard(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return intersection over union of masks, ``(...)`` in [0, 1]; 1 where both are empty.

    Args:
        found: bool ``(..., H, W)``.
        truth: the same shape.
    """
    found, truth = checked(found, truth)
    union = (found | truth).sum((-2, -1))
    return np.where(union == 0, 1.0, (found & truth).sum((-2, -1)) / np.maximum(union, 1))


def boundary(found: np.ndarray, truth: np.ndarray, tolerance: float = TOLERANCE) -> np.ndarray:
    """Return the F-measure of contours, ``(...)`` in [0, 1]; 1 where both masks have none.

    A contour's pixel is right if one of the other contour lies within a disk around it.

    Args:
        found: bool ``(..., H, W)``.
        truth: the same shape.
        tolerance: radius of the disk, as a share of the picture's diagonal, rounded up to pixels; from 1 on in pixels.

    Examples:
        >>> square = np.zeros((100, 100), bool)
        >>> square[30:60, 30:60] = True
        >>> [round(float(boundary(np.roll(square, by, 0), square)), 3) for by in (2, 3)]
        [1.0, 0.533]
    """
    found, truth = checked(found, truth)
    radius = ceil(tolerance * hypot(*truth.shape[-2:])) if tolerance < 1 else int(tolerance)
    ours, theirs = contour(found), contour(truth)
    many, true = ours.sum((-2, -1)), theirs.sum((-2, -1))
    precision = (ours & widened(theirs, radius)).sum((-2, -1)) / np.maximum(many, 1)
    recall = (theirs & widened(ours, radius)).sum((-2, -1)) / np.maximum(true, 1)
    precision = np.where(many == 0, 1.0, precision)  # nothing said, nothing wrong
    recall = np.where(true == 0, 1.0, recall)
    total = precision + recall
    return np.where(total == 0, 0.0, 2 * precision * recall / np.where(total == 0, 1, total))


def contour(masks: np.ndarray) -> np.ndarray:
    """Return the pixels whose right, lower or lower right neighbour is on the other side, bool ``(..., H, W)``."""
    right, lower, both = (np.copy(masks) for _ in range(3))
    right[..., :-1], lower[..., :-1, :] = masks[..., 1:], masks[..., 1:, :]
    both[..., :-1, :-1] = masks[..., 1:, 1:]
    both[..., -1, :-1], both[..., :-1, -1] = masks[..., -1, 1:], masks[..., 1:, -1]
    return (masks ^ right) | (masks ^ lower) | (masks ^ both)


def widened(masks: np.ndarray, radius: int) -> np.ndarray:
    """Return the pixels within a disk of ``radius`` pixels around any pixel of a mask, bool ``(..., H, W)``."""
    height, width = masks.shape[-2:]
    counts = np.zeros((*masks.shape[:-1], width + 1), np.int32)
    np.cumsum(masks, -1, out=counts[..., 1:])
    columns, found = np.arange(width), np.zeros_like(masks)
    for down in range(min(radius, height - 1) + 1):
        half = isqrt(radius**2 - down**2)
        wide = counts[..., np.minimum(columns + half + 1, width)] > counts[..., np.maximum(columns - half, 0)]
        found[..., down:, :] |= wide[..., : height - down, :]
        found[..., : height - down, :] |= wide[..., down:, :]
    return found


def recall(values: np.ndarray) -> float:
    """Return the share of frames above one half, NaN left out."""
    known = values[~np.isnan(values)]
    return float((known > 0.5).mean()) if len(known) else float("nan")


def decay(values: np.ndarray) -> float:
    """Return the mean of the first quarter of frames less that of the last, for a video of any length.

    The official tool keeps the edges of quarters as bytes, so that from 256 frames on its decay is wrong or NaN.

    Args:
        values: of each frame in the order of time, ``(frames,)``; NaN where it does not count.

    Examples:
        >>> [round(decay(np.linspace(1, 0, frames)), 4) for frames in (100, 300, 400)]
        [0.7475, 0.7492, 0.7494]
    """
    edges = (np.round(np.linspace(1, len(values), QUARTERS + 1) + 1e-10) - 1).astype(int)
    first, last = values[edges[0] : edges[1] + 1], values[edges[-2] : edges[-1] + 1]
    first, last = first[~np.isnan(first)], last[~np.isnan(last)]
    return float(first.mean() - last.mean()) if len(first) and len(last) else float("nan")


def checked(found: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return masks as truths.

    Raises:
        ValueError: if their shapes differ.
    """
    found, truth = np.asarray(found, bool), np.asarray(truth, bool)
    if found.shape != truth.shape or truth.ndim < 2:
        raise ValueError(f"found and true masks need one shape (..., H, W); got {found.shape} and {truth.shape}")
    return found, truth
