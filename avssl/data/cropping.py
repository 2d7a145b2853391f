"""Cutting a box out of a picture and resizing it, and where points go by that, exact to a fraction of a pixel.

A box is ``(x1, y1, x2, y2)``: its edges in the picture's coordinates, in which 0 is the centre of the first pixel. All
boxes here have the proportions of the crop, so that lengths change by one factor in every direction and a share such
as distance over head size is the same in the crop and in the picture.
"""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from avssl.data.base import DataError

Box = np.ndarray
LARGEST = 20_000  # pixels; who has a longer crop before it is resized has a wrong annotation


def around(middle: np.ndarray, side: float, size: Sequence[int]) -> Box:
    """Return the smallest box of the proportions of ``size`` that holds a square.

    Args:
        middle: of the square, ``(2,)``.
        side: of the square.
        size: height and width of the crop.

    Examples:
        >>> around(np.array([10.0, 10.0]), 8, (4, 8))
        array([ 2.,  6., 18., 14.])
    """
    height, width = size
    half = side / 2 * np.array([max(1, width / height), max(1, height / width)])
    return np.concatenate([middle - half, middle + half])


def fitted(box: Box, size: Sequence[int], context: float) -> Box:
    """Return the smallest box of the proportions of ``size`` around a box of any proportions, ``context`` times.

    Examples:
        >>> fitted(np.array([0.0, 0.0, 4.0, 2.0]), (8, 8), 1.5)
        array([-1., -2.,  5.,  4.])
    """
    height, width = size
    step = max((box[2] - box[0]) / width, (box[3] - box[1]) / height)  # of the picture's pixels for one of the crop
    half = context * step / 2 * np.array([width, height])
    middle = (box[:2] + box[2:]) / 2
    return np.concatenate([middle - half, middle + half])


def around_points(points: np.ndarray, size: Sequence[int], context: float) -> Box:
    """Return the box around the points ``(points, 2)`` that are not NaN; NaN if there is none."""
    known = points[np.isfinite(points).all(-1)]
    if not len(known):
        return np.full(4, np.nan)
    return fitted(np.concatenate([known.min(0), known.max(0)]), size, context)


def cut(pixels: np.ndarray, box: Box, size: Sequence[int]) -> np.ndarray:
    """Return a box of a picture, resized with antialiasing (bilinear), black where it reaches beyond the picture.

    Args:
        pixels: uint8 ``(height, width, 3)``.
        box: edges, of the proportions of ``size``.
        size: height and width to return.

    Raises:
        DataError: if the box is absurdly large.
    """
    height, width = size
    if max(box[2:] - box[:2]) > LARGEST:
        raise DataError(f"a crop of {box[2] - box[0]:.0f}x{box[3] - box[1]:.0f} pixels; is the annotation right?")
    edges = box + 0.5  # Pillow has 0 at the left edge of the first pixel
    reach = int(np.ceil((box[2] - box[0]) / width)) + 1  # the filter looks beyond the box, as it should at its edges
    first, last = np.floor(edges[:2]).astype(int) - reach, np.ceil(edges[2:]).astype(int) + reach
    held = Image.fromarray(pixels).crop((*first.tolist(), *last.tolist()))
    inner = tuple((edges - np.tile(first, 2)).tolist())
    return np.asarray(held.resize((width, height), Image.Resampling.BILINEAR, box=inner))


def to_crop(points: np.ndarray, box: Box, size: Sequence[int]) -> np.ndarray:
    """Return where points ``(..., 2)`` of a picture lie in the crop of a box.

    Examples:
        >>> box = np.array([-0.5, -0.5, 7.5, 7.5])  # 8 pixels become 4: the first two are the first
        >>> to_crop(np.array([[0.5, 0.5], [7.5, 0.5]]), box, (4, 4))
        array([[0. , 0. ],
               [3.5, 0. ]])
    """
    height, width = size
    return (points - box[:2]) * (np.array([width, height]) / (box[2:] - box[:2])) - 0.5


def to_picture(points: np.ndarray, box: Box, size: Sequence[int]) -> np.ndarray:
    """Return where points of a crop lie in the picture: the inverse of `to_crop`.

    Args:
        points: ``(..., joints, 2)``, in pixels of the crop.
        box: edges of the crop in the picture, ``(..., 4)``.
        size: height and width of the crop.

    Examples:
        >>> to_picture(np.array([[0.0, 0.0], [3.5, 0.0]]), np.array([-0.5, -0.5, 7.5, 7.5]), (4, 4))
        array([[0.5, 0.5],
               [7.5, 0.5]])
    """
    height, width = size
    step = (box[..., 2:] - box[..., :2]) / np.array([width, height])
    return (points + 0.5) * step[..., None, :] + box[..., None, :2]
