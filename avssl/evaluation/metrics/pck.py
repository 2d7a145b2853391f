"""Measures of predicted key points: PCK with a named normaliser and threshold, its area, and mean distances.

All are pure functions of arrays. ``predicted`` and ``truth`` are ``(people, joints, 2)`` in pixels, counted from the
centre of the top left pixel; ``visible`` ``(people, joints)`` is True for the joints that count; ``normaliser``
``(people,)`` is each person's reference length in pixels. A predicted joint that is NaN is lost, and a lost joint is
wrong: losing a joint can never raise a score.

PCK: Yang & Ramanan, "Articulated Human Detection with Flexible Mixtures of Parts", PAMI 2013.
"""

from typing import Literal

import numpy as np

Comparison = Literal["<=", "<"]
Average = Literal["joints", "all"]
GRID = tuple(round(0.01 * step, 2) for step in range(1, 51))  # thresholds of the area: 0.01, 0.02, ... 0.50


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
    ``"all"``: every counted joint of every person weighs the same (SimpleBaseline's "Mean").
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

    A joint is correct if it lies within ``threshold`` lengths of its true place.

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
    thresholds: tuple[float, ...] = GRID,
    comparison: Comparison = "<=",
    average: Average = "joints",
) -> np.ndarray:
    """Return `pck` at each threshold, ``(thresholds,)``."""
    return curve_of(_counted(predicted, truth, visible, normaliser), thresholds, comparison, average)


def curve_of(
    far: np.ndarray, thresholds: tuple[float, ...], comparison: Comparison = "<=", average: Average = "joints"
) -> np.ndarray:
    """Return the PCK at each threshold from distances in normaliser lengths, ``(thresholds,)``.

    Each joint's distances are put in order once, whatever the number of thresholds.

    Args:
        far: NaN where a joint does not count, infinite where it is lost, ``(people, joints)``.
        thresholds: in normaliser lengths.
        comparison: ``"<="`` or ``"<"``.
        average: see `mean`.
    """
    if average not in ("joints", "all"):
        raise ValueError(f"average must be 'joints' or 'all', got {average!r}")
    side = "right" if _is_least(comparison) else "left"
    ordered = np.sort(far, axis=0)  # NaN last
    people = far.shape[0] - np.isnan(far).sum(0)
    if not people.any():
        raise ValueError("no joint counts: nothing is visible")
    found = np.stack(
        [np.searchsorted(column[:count], thresholds, side) for column, count in zip(ordered.T, people, strict=True)]
    )
    if average == "all":
        return found.sum(0) / people.sum()
    shown = people > 0
    return (found[shown] / people[shown, None]).mean(0)


def auc(
    predicted: np.ndarray,
    truth: np.ndarray,
    visible: np.ndarray,
    normaliser: np.ndarray,
    thresholds: tuple[float, ...] = GRID,
    comparison: Comparison = "<=",
    average: Average = "joints",
) -> float:
    """Return the mean of `pck` over a grid of thresholds, in [0, 1]; its name must carry the grid, see `auc_name`."""
    return float(pck_curve(predicted, truth, visible, normaliser, thresholds, comparison, average).mean())


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


def pck_name(threshold: float, normaliser: str, comparison: Comparison = "<=") -> str:
    """Return the name that a PCK is reported by.

    Examples:
        >>> pck_name(0.2, "torso"), pck_name(0.5, "head", "<")
        ('pck@0.2/torso', 'pck@<0.5/head')
    """
    return f"pck@{'' if comparison == '<=' else '<'}{threshold:g}/{normaliser}"


def auc_name(thresholds: tuple[float, ...], normaliser: str) -> str:
    """Return the name that an area is reported by: first and last threshold, and how many.

    Examples:
        >>> auc_name(GRID, "torso")
        'auc@0.01-0.5x50/torso'
    """
    return f"auc@{thresholds[0]:g}-{thresholds[-1]:g}x{len(thresholds)}/{normaliser}"


def _counted(predicted: np.ndarray, truth: np.ndarray, visible: np.ndarray, normaliser: np.ndarray) -> np.ndarray:
    """Return distances in normaliser lengths, NaN where a joint does not count."""
    far = distances(predicted, truth, normaliser)
    counted = np.asarray(visible, dtype=bool)
    if counted.shape != far.shape:
        raise ValueError(f"visible must be (people, joints) = {far.shape}, got {counted.shape}")
    if np.isnan(far[counted]).any():
        raise ValueError("some joints are marked visible but their true place is NaN; mark them as not visible")
    return np.where(counted, far, np.nan)


def right(far: np.ndarray, threshold: float, comparison: Comparison = "<=") -> np.ndarray:
    """Return 1 where a distance is small enough, 0 where not, NaN where it is NaN."""
    near = far <= threshold if _is_least(comparison) else far < threshold
    return np.where(np.isnan(far), np.nan, near)


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
