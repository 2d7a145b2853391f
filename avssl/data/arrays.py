"""Arrays that lie beside recordings in ``.npz`` files: key points, boxes, normals; checked before they are used."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from avssl.data.base import DataError


def read_arrays(path: Path, *names: str, optional: Sequence[str] = ()) -> dict[str, np.ndarray]:
    """Return arrays of numbers or truths from an ``.npz`` file; of ``optional`` ones those that are there.

    Raises:
        DataError: if the file is not there, is damaged, or lacks an array, or one holds anything but numbers.
    """
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as stored:  # NumPy may leave a path open
            there = list(stored)
            found = {name: stored[name] for name in (*names, *optional) if name in there}
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist; an .npz with {' and '.join(map(repr, names))} is needed") from error
    except Exception as error:  # NumPy and zipfile raise OSError, ValueError, EOFError, BadZipFile, zlib.error, ...
        told = " ".join(str(error).split())[:200] or type(error).__name__
        raise DataError(f"{path} cannot be read as an .npz ({told}); was it copied whole?") from error
    if missing := [name for name in names if name not in found]:
        has = ", ".join(map(str, there)) or "nothing"
        raise DataError(f"{path}: an .npz with an array {missing[0]!r} is needed; it has {has}")
    for name, array in found.items():
        if array.dtype.kind not in "biuf":
            raise DataError(f"{path}: the array {name!r} should hold numbers; it is of type {array.dtype}")
    return found


def read_keypoints(path: Path, frames: int) -> tuple[np.ndarray, np.ndarray]:
    """Return where joints are in each frame of a recording, ``(frames, joints, 2)``, and which can be seen.

    Args:
        path: an ``.npz`` with ``keypoints`` and ``visible``.
        frames: of the recording, each of which has a row.

    Raises:
        DataError: if the arrays are of other shapes, do not fit the frames, or a joint that is seen has no place.
    """
    arrays = read_arrays(path, "keypoints", "visible")
    points, visible = arrays["keypoints"], arrays["visible"]
    if points.ndim != 3 or points.shape[2] != 2 or visible.shape != points.shape[:2]:
        raise DataError(
            f"{path}: keypoints should be (frames, joints, 2) and visible (frames, joints); got {points.shape} and "
            f"{visible.shape}"
        )
    if len(points) != frames:
        raise DataError(f"{path} has key points of {len(points)} frames, but the recording has {frames}")
    if not np.isin(visible, (0, 1)).all():
        raise DataError(f"{path}: visible should be true or false, 1 or 0; it goes up to {visible.max()}")
    visible = visible.astype(bool)
    if not np.isfinite(points[visible]).all():
        frame, joint = np.argwhere(visible & ~np.isfinite(points).all(-1))[0]
        raise DataError(f"{path}: joint {joint} of frame {frame} is visible but has no place (NaN or infinite)")
    return points, visible
