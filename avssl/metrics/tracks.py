"""Measures of a box that is followed through a video: overlap, success and precision as benchmarks of trackers count.

All are pure functions of arrays. A box is ``(left, top, right, bottom)``, its edges.

Wu, Lim and Yang, "Object Tracking Benchmark", TPAMI 2015 (OTB: 21 thresholds, overlap above each, first frame counted);
Huang, Zhao and Huang, "GOT-10k", TPAMI 2019, https://arxiv.org/abs/1810.11981 (AO and SR, first frame left out).
"""

import numpy as np

THRESHOLDS = np.arange(21) / 20  # of OTB: 0, 0.05 ... 1


def frame_overlaps(found: np.ndarray, truth: np.ndarray, size: tuple[int, int] | None = None) -> np.ndarray:
    """Return intersection over union in each frame, ``(...)``; NaN where the true box is unknown.

    Args:
        found: ``(..., 4)``.
        truth: the same shape.
        size: height and width of the picture that both are cut to first, as in GOT-10k; None cuts nothing.

    Examples:
        >>> frame_overlaps(np.array([[0, 0, 10, 10]]), np.array([[5, 0, 15, 10]])).round(3)
        array([0.333])
    """
    found, truth = np.asarray(found, np.float64), np.asarray(truth, np.float64)
    if found.shape != truth.shape or found.shape[-1:] != (4,):
        raise ValueError(f"found and true boxes need one shape (..., 4); got {found.shape} and {truth.shape}")
    if size is not None:
        most = np.array([size[1], size[0]] * 2, np.float64)
        found, truth = found.clip(0, most), truth.clip(0, most)  # copies: the official code changes what it is given
    low, high = np.maximum(found[..., :2], truth[..., :2]), np.minimum(found[..., 2:], truth[..., 2:])
    both = (high - low).clip(0).prod(-1)
    areas = [(box[..., 2:] - box[..., :2]).clip(0).prod(-1) for box in (found, truth)]
    union = areas[0] + areas[1] - both
    return np.where(union > 0, both / np.where(union > 0, union, 1), np.where(np.isnan(union), np.nan, 0.0))


def centre_errors(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return how far the middles of boxes lie apart, in pixels, ``(...)``; NaN where the true box is unknown."""
    found, truth = np.asarray(found, np.float64), np.asarray(truth, np.float64)
    return np.linalg.norm((found[..., :2] + found[..., 2:] - truth[..., :2] - truth[..., 2:]) / 2, axis=-1)


def otb_success(overlaps: np.ndarray) -> float:
    """Return OTB's success of a sequence: the mean over 21 thresholds of the share of frames whose overlap is above.

    The last threshold is 1, above which nothing is: a perfect tracker scores 20 / 21.

    Args:
        overlaps: of each frame, ``(frames,)``, NaN left out.

    Examples:
        >>> otb_success(np.ones(5)) == 20 / 21, otb_success(np.zeros(5))
        (True, 0.0)
    """
    return float((known(overlaps)[:, None] > THRESHOLDS).mean()) if len(known(overlaps)) else float("nan")


def success(overlaps: np.ndarray) -> float:
    """Return the area under the whole curve of success, which is the mean overlap: 1 for a perfect tracker."""
    return float(known(overlaps).mean()) if len(known(overlaps)) else float("nan")


def success_rate(overlaps: np.ndarray, threshold: float) -> float:
    """Return the share of frames whose overlap is above a threshold (GOT-10k's SR), NaN left out."""
    return float((known(overlaps) > threshold).mean()) if len(known(overlaps)) else float("nan")


def precision(errors: np.ndarray, pixels: float) -> float:
    """Return the share of frames whose middle is at most so many pixels off, NaN left out."""
    return float((known(errors) <= pixels).mean()) if len(known(errors)) else float("nan")


def success_curve(overlaps: np.ndarray) -> np.ndarray:
    """Return the share of frames whose overlap is above each of OTB's thresholds, ``(21,)``."""
    return (known(overlaps)[:, None] > THRESHOLDS).mean(0) if len(known(overlaps)) else np.full(21, np.nan)


def known(values: np.ndarray) -> np.ndarray:
    """Return what is not NaN."""
    return values[~np.isnan(values)]
