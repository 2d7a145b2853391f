"""Measures of surface normals: the angle between found and true ones, over the pixels where the truth is known.

All are pure functions of arrays.

Fouhey, Gupta and Hebert, "Data-Driven 3D Primitives for Single Image Understanding", ICCV 2013.
"""

import numpy as np

LIMITS = (11.25, 22.5, 30.0)  # degrees: the shares of pixels within them are reported


def angles(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the angle between found and true normals in degrees, in [0, 180].

    Chance level: 90 on average for a random direction; 57.3 for one from the half of them around the truth.

    Args:
        found: vectors of any length but 0, ``(..., 3)``.
        truth: ``(..., 3)``.

    Returns:
        ``(...)``; NaN where either vector is 0 or not finite.

    Examples:
        >>> angles(np.array([[0, 0, 2.0], [0, 0, 1.0]]), np.array([[0, 3.0, 0], [0, 0, 0.0]]))
        array([90., nan])
    """
    found, truth = np.asarray(found, np.float64), np.asarray(truth, np.float64)
    if found.shape != truth.shape or truth.shape[-1:] != (3,):
        raise ValueError(f"found and true normals must be (..., 3) of one shape; got {found.shape} and {truth.shape}")
    # the arc tangent is exact for small angles too, where the arc cosine of a dot product is not
    turned = np.linalg.norm(np.cross(found, truth), axis=-1)
    along = (found * truth).sum(-1)
    with np.errstate(invalid="ignore"):
        known = np.isfinite(turned) & np.isfinite(along) & np.any(found != 0, -1) & np.any(truth != 0, -1)
        return np.where(known, np.degrees(np.arctan2(turned, along)), np.nan)


def mean(errors: np.ndarray, valid: np.ndarray | None = None) -> float:
    """Return the mean angle in degrees over all pixels that count."""
    return float(_counted(errors, valid).mean())


def median(errors: np.ndarray, valid: np.ndarray | None = None) -> float:
    """Return the median angle in degrees over all pixels that count."""
    return float(np.median(_counted(errors, valid)))


def rmse(errors: np.ndarray, valid: np.ndarray | None = None) -> float:
    """Return the root of the mean squared angle, in degrees."""
    return float(np.sqrt((_counted(errors, valid) ** 2).mean()))


def within(errors: np.ndarray, limit: float, valid: np.ndarray | None = None) -> float:
    """Return the share of pixels whose angle is at most ``limit`` degrees, in [0, 1].

    Examples:
        >>> within(np.array([5.0, 11.25, 40.0, np.nan]), 11.25, np.array([True, True, True, False]))
        0.6666666666666666
    """
    return float((_counted(errors, valid) <= limit).mean())


def _counted(errors: np.ndarray, valid: np.ndarray | None) -> np.ndarray:
    """Return the errors that count; a normal that was not found, NaN where it counts, is as wrong as can be.

    Args:
        errors: degrees, any shape.
        valid: which count, the same shape; None for those that are not NaN.
    """
    errors = np.asarray(errors, np.float64)
    if valid is None:
        kept = errors[~np.isnan(errors)]
    else:
        valid = np.asarray(valid, bool)
        if valid.shape != errors.shape:
            raise ValueError(f"valid must have the shape of the errors, {errors.shape}; got {valid.shape}")
        kept = np.where(np.isnan(errors), 180.0, errors)[valid]
    if not kept.size:
        raise ValueError("no pixel counts: nowhere is the true normal known")
    return kept
