"""The one place where the coordinates of official files become ours.

Ours: x to the right and y down, in pixels, 0 at the *centre* of the first pixel, so that a picture of ``width`` pixels
reaches from -0.5 to ``width - 0.5``. A box is ``(x1, y1, x2, y2)``, its left, upper, right and lower *edges* in these
coordinates: ``x2 - x1`` is its width, and the box of the whole picture is ``(-0.5, -0.5, width - 0.5, height - 0.5)``.
"""

import numpy as np
from numpy.typing import ArrayLike


def points_from_matlab(points: ArrayLike) -> np.ndarray:
    """Return places that count the first pixel's centre as 1 in our coordinates; NaN stays NaN.

    A box that was given as two opposite *points* (MPII's head, FLIC's torso) is brought here too.

    Args:
        points: of any shape, in pixels from 1.

    Returns:
        float64 of the same shape.

    Examples:
        >>> points_from_matlab([[1, 1], [640, 480.5]])
        array([[  0. ,   0. ],
               [639. , 479.5]])
    """
    return np.asarray(points, np.float64) - 1


def index_from_matlab(index: ArrayLike) -> np.ndarray:
    """Return numbers of rows or frames that count from 1 as numbers that count from 0, int64, in one dimension.

    Raises:
        ValueError: if one is not whole, or is below 1, so that it cannot have counted from 1.

    Examples:
        >>> index_from_matlab([[1.0], [5.0]])
        array([0, 4])
    """
    given = np.asarray(index).reshape(-1)
    whole = given.astype(np.int64)
    if (whole != given).any() or (whole < 1).any():
        wrong = given[(whole != given) | (whole < 1)][0]
        raise ValueError(f"numbers that count from 1 are whole and at least 1, got {wrong}")
    return whole - 1


def boxes_from_inclusive(boxes: ArrayLike, first: int = 1) -> np.ndarray:
    """Return boxes that name the first and the last pixel *inside* (VOC) as edges in our coordinates.

    Args:
        boxes: ``(..., 4)``, x1, y1, x2, y2: numbers of pixels.
        first: the number of the first pixel; 1 in VOC.

    Returns:
        float64 ``(..., 4)``; one pixel alone is one wide and one high.

    Examples:
        >>> boxes_from_inclusive([1, 1, 500, 375])  # a whole picture of 500x375
        array([ -0.5,  -0.5, 499.5, 374.5])
    """
    return np.asarray(boxes, np.float64) - first + np.array([-0.5, -0.5, 0.5, 0.5])


def boxes_to_torchvision(boxes: ArrayLike) -> np.ndarray:
    """Return boxes as torchvision's detectors want them: 0 is the *left edge* of the first pixel.

    Examples:
        >>> boxes_to_torchvision([-0.5, -0.5, 499.5, 374.5])
        array([  0.,   0., 500., 375.])
    """
    return np.asarray(boxes, np.float64) + 0.5


def boxes_from_torchvision(boxes: ArrayLike) -> np.ndarray:
    """Return boxes of torchvision's detectors in our coordinates.

    Examples:
        >>> boxes_from_torchvision([0, 0, 500, 375])
        array([ -0.5,  -0.5, 499.5, 374.5])
    """
    return np.asarray(boxes, np.float64) - 0.5
