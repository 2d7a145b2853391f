"""Measures of predicted key points: PCK with a named normaliser and threshold, its area, and mean distances.

All are pure functions of arrays. ``predicted`` and ``truth`` are ``(people, joints, 2)`` in pixels, counted from the
centre of the top left pixel; ``visible`` ``(people, joints)`` is True for the joints that count; ``normaliser``
``(people,)`` is each person's reference length in pixels, see `avssl.metrics.lengths`. A predicted joint
that is NaN is lost, and a lost joint is wrong: losing a joint can never raise a score.

PCK: Yang & Ramanan, "Articulated Human Detection with Flexible Mixtures of Parts", PAMI 2013.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np

Comparison = Literal["<=", "<"]
Average = Literal["joints", "all"]
Area = Literal["mean", "trapezoids"]
GRID = tuple(round(0.01 * step, 2) for step in range(1, 51))  # thresholds of the area: 0.01, 0.02, ... 0.50
TO_FIFTH = tuple(round(0.01 * step, 2) for step in range(21))  # PDJ's axis (Sapp and Taskar, "MODEC", CVPR 2013)


def distances(predicted: np.ndarray, truth: np.ndarray, normaliser: np.ndarray | None = None) -> np.ndarray:
    """Return how far each predicted joint is from the truth, ``(people, joints)``; infinite where it is lost.

    Args:
        predicted: ``(people, joints, 2)``, NaN where lost.
        truth: ``(people, joints, 2)``; NaN where nobody labelled the joint, which gives NaN.
        normaliser: lengths in pixels, ``(people,)``, that the distances are given in; None for pixels.

    Raises:
        ValueError: if the arrays do not fit together or a normaliser is not a length above 0.
    """
    predicted, truth = np.asarray(predicted, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    if predicted.shape != truth.shape or truth.ndim != 3 or truth.shape[-1] != 2:
        raise ValueError(f"predicted and true joints must be (people, joints, 2); got {predicted.shape}, {truth.shape}")
    step = predicted - truth
    found = np.sqrt(step[..., 0] ** 2 + step[..., 1] ** 2)
    found[~np.isfinite(predicted).all(-1)] = np.inf
    found[~np.isfinite(truth).all(-1)] = np.nan
    return found if normaliser is None else found / _lengths(normaliser, len(truth))[:, None]


def hits(
    predicted: np.ndarray,
    truth: np.ndarray,
    visible: np.ndarray,
    normaliser: np.ndarray,
    threshold: float,
    comparison: Comparison = "<=",
) -> np.ndarray:
    """Return 1 where a joint is right, 0 where it is wrong, NaN where it does not count: ``(people, joints)``."""
    return right(_counted(predicted, truth, visible, normaliser), threshold, comparison)


def per_joint(values: np.ndarray) -> np.ndarray:
    """Return the mean over people of each joint, ``(joints,)``, from ``(people, joints)``; NaN where none counts."""
    counted = ~np.isnan(values)
    total, people = np.where(counted, values, 0.0).sum(0), counted.sum(0)
    return np.divide(total, people, out=np.full(total.shape, np.nan), where=people > 0)


def mean(values: np.ndarray, average: Average = "joints") -> float:
    """Return one number from ``(people, joints)`` with NaN where a joint does not count.

    ``"joints"``: the plain mean of the joints' own means, over joints that anybody shows (mmpose, CRW).
    ``"all"``: every counted joint of every person weighs the same (MPII's own; SimpleBaseline's "Mean").
    """
    if average not in ("joints", "all"):
        raise ValueError(f"average must be 'joints' or 'all', got {average!r}")
    counted = values[~np.isnan(values)]
    if not len(counted):
        raise ValueError("no joint counts: nothing is visible")
    if average == "all":
        return float(counted.mean())
    joints = per_joint(values)
    return float(joints[~np.isnan(joints)].mean())


def pck(
    predicted: np.ndarray,
    truth: np.ndarray,
    visible: np.ndarray,
    normaliser: np.ndarray,
    threshold: float = 0.2,
    comparison: Comparison = "<=",
    average: Average = "joints",
) -> float:
    """Return the percentage of correct key points as a share in [0, 1].

    A joint is correct if it lies within ``threshold`` lengths of its true place. With MPII's head sizes
    (`avssl.metrics.lengths.head_sizes`) and 0.5 this is PCKh@0.5.

    Examples:
        >>> truth = np.zeros((1, 2, 2))
        >>> predicted = np.array([[[2.0, 0.0], [np.nan, np.nan]]])  # one within 0.2 of 10 pixels, one lost
        >>> pck(predicted, truth, np.ones((1, 2), bool), np.array([10.0]), threshold=0.2)
        0.5
    """
    return mean(hits(predicted, truth, visible, normaliser, threshold, comparison), average)


def pck_curve(
    predicted: np.ndarray,
    truth: np.ndarray,
    visible: np.ndarray,
    normaliser: np.ndarray,
    thresholds: Sequence[float] = GRID,
    comparison: Comparison = "<=",
    average: Average = "joints",
) -> np.ndarray:
    """Return `pck` at each threshold, ``(thresholds,)``."""
    return curve_of(_counted(predicted, truth, visible, normaliser), thresholds, comparison, average)


def pdj(
    predicted: np.ndarray,
    truth: np.ndarray,
    visible: np.ndarray,
    torso: np.ndarray,
    thresholds: Sequence[float] = TO_FIFTH,
) -> np.ndarray:
    """Return the percentage of detected joints: each joint's share within each threshold, in torso diameters.

    Sapp and Taskar, "MODEC: Multimodal Decomposable Models for Human Pose Estimation", CVPR 2013, section 5.

    Args:
        predicted: ``(people, joints, 2)``, NaN where lost.
        truth: ``(people, joints, 2)``.
        visible: which joints count, ``(people, joints)``.
        torso: each person's torso diameter in pixels, ``(people,)``.
        thresholds: in torso diameters.

    Returns:
        ``(thresholds, joints)``, shares in [0, 1]; NaN for a joint that nobody shows.
    """
    found, people = _right_and_counted(_counted(predicted, truth, visible, torso), thresholds, "<=")
    return np.divide(found, people, out=np.full(found.shape, np.nan), where=people > 0)


def auc(
    predicted: np.ndarray,
    truth: np.ndarray,
    visible: np.ndarray,
    normaliser: np.ndarray,
    thresholds: Sequence[float] = GRID,
    comparison: Comparison = "<=",
    average: Average = "joints",
    area: Area = "mean",
) -> float:
    """Return the area under the `pck_curve`, in [0, 1]; its name must carry the grid, see `auc_name` and `area_of`."""
    return area_of(pck_curve(predicted, truth, visible, normaliser, thresholds, comparison, average), thresholds, area)


def epe(predicted: np.ndarray, truth: np.ndarray, visible: np.ndarray, average: Average = "joints") -> float:
    """Return the mean end-point error in pixels; infinite if a joint that counts is lost."""
    return mean(np.where(visible, distances(predicted, truth), np.nan), average)


def nme(
    predicted: np.ndarray,
    truth: np.ndarray,
    visible: np.ndarray,
    normaliser: np.ndarray,
    average: Average = "joints",
) -> float:
    """Return the mean distance in normaliser lengths; infinite if a joint that counts is lost."""
    return mean(np.where(visible, distances(predicted, truth, normaliser), np.nan), average)


def right(far: np.ndarray, threshold: float, comparison: Comparison = "<=") -> np.ndarray:
    """Return 1 where a distance is small enough, 0 where not, NaN where it is NaN."""
    near = far <= threshold if _is_least(comparison) else far < threshold
    return np.where(np.isnan(far), np.nan, near)


def curve_of(
    far: np.ndarray, thresholds: Sequence[float], comparison: Comparison = "<=", average: Average = "joints"
) -> np.ndarray:
    """Return the PCK at each threshold from distances in normaliser lengths, ``(thresholds,)``.

    Args:
        far: NaN where a joint does not count, infinite where it is lost, ``(people, joints)``.
        thresholds: in normaliser lengths.
        comparison: ``"<="`` or ``"<"``.
        average: see `mean`.
    """
    if average not in ("joints", "all"):
        raise ValueError(f"average must be 'joints' or 'all', got {average!r}")
    found, people = _right_and_counted(far, thresholds, comparison)
    if not people.any():
        raise ValueError("no joint counts: nothing is visible")
    if average == "all":
        return found.sum(1) / people.sum()
    shown = people > 0
    return (found[:, shown] / people[shown]).mean(1)


def area_of(heights: np.ndarray, thresholds: Sequence[float], area: Area = "mean") -> float:
    """Return the area under a PCK curve as a share of the widest there could be.

    ``"mean"``: the mean of the heights; ``"trapezoids"``: the integral of straight lines between them, which counts
    the first and the last height half.

    Examples:
        >>> heights = np.array([0.0, 0.5, 1.0])
        >>> area_of(heights, (0, 0.1, 0.2)), area_of(heights[1:], (0.1, 0.2)), area_of(heights, (0, 1, 2), "trapezoids")
        (0.5, 0.75, 0.5)
    """
    if area not in ("mean", "trapezoids"):
        raise ValueError(f"area must be 'mean' or 'trapezoids', got {area!r}")
    if area == "mean":
        return float(heights.mean())
    return float(np.trapezoid(heights, thresholds) / (thresholds[-1] - thresholds[0]))


def pck_name(threshold: float, normaliser: str, comparison: Comparison = "<=") -> str:
    """Return the name that a PCK is reported by.

    Examples:
        >>> pck_name(0.2, "torso"), pck_name(0.5, "head", "<")
        ('pck@0.2/torso', 'pck@<0.5/head')
    """
    return f"pck@{'' if comparison == '<=' else '<'}{threshold:g}/{normaliser}"


def auc_name(thresholds: Sequence[float], normaliser: str, area: Area = "mean") -> str:
    """Return the name that an area is reported by: first and last threshold, how many, and trapezoids if it has any.

    Examples:
        >>> auc_name(GRID, "torso"), auc_name((0, 0.1, 0.2), "head", "trapezoids")
        ('auc@0.01-0.5x50/torso', 'auc@0-0.2x3 trapezoids/head')
    """
    rule = "" if area == "mean" else f" {area}"
    return f"auc@{thresholds[0]:g}-{thresholds[-1]:g}x{len(thresholds)}{rule}/{normaliser}"


def _right_and_counted(
    far: np.ndarray, thresholds: Sequence[float], comparison: Comparison
) -> tuple[np.ndarray, np.ndarray]:
    """Return how many people have each joint right ``(thresholds, joints)``, and how many show it ``(joints,)``.

    Each joint's distances are put in order once, whatever the number of thresholds.
    """
    side = "right" if _is_least(comparison) else "left"
    ordered = np.sort(far, axis=0)  # NaN last
    people = far.shape[0] - np.isnan(far).sum(0)
    columns = [
        np.searchsorted(column[:count], thresholds, side) for column, count in zip(ordered.T, people, strict=True)
    ]
    return np.stack(columns, 1), people


def _counted(predicted: np.ndarray, truth: np.ndarray, visible: np.ndarray, normaliser: np.ndarray) -> np.ndarray:
    """Return distances in normaliser lengths, NaN where a joint does not count."""
    far = distances(predicted, truth, normaliser)
    counted = np.asarray(visible, dtype=bool)
    if counted.shape != far.shape:
        raise ValueError(f"visible must be (people, joints) = {far.shape}, got {counted.shape}")
    if np.isnan(far[counted]).any():
        raise ValueError("some joints are marked visible but their true place is NaN; mark them as not visible")
    return np.where(counted, far, np.nan)


def _is_least(comparison: Comparison) -> bool:
    if comparison not in ("<=", "<"):
        raise ValueError(f"comparison must be '<=' or '<', got {comparison!r}")
    return comparison == "<="


def _lengths(normaliser: np.ndarray, people: int) -> np.ndarray:
    lengths = np.asarray(normaliser, dtype=np.float64)
    if lengths.shape != (people,):
        raise ValueError(f"the normaliser must be one length a person, ({people},); got {lengths.shape}")
    bad = np.flatnonzero(~(np.isfinite(lengths) & (lengths > 0)))
    if len(bad):
        raise ValueError(
            f"the normaliser of {len(bad)} of {people} people is not above 0 (first: person {bad[0]}, "
            f"{lengths[bad[0]]}); leave them out or choose another normaliser"
        )
    return lengths
