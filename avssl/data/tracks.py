"""The box of what is followed through a recording, frame by frame, from the text files of tracking benchmarks."""

import re
from pathlib import Path

import numpy as np

from avssl.data.base import DataError
from avssl.data.recordings import Recording
from avssl.data.texts import read_lines


def read_track(recording: Recording, frames: int) -> np.ndarray:
    """Return the box of each frame of a recording, float64 ``(frames, 4)``: left, top, right, bottom, edges in pixels.

    A line a frame: left, top, width, height, parted by commas, tabs or blanks. Where the file has one line alone, that
    of the first frame, the others are NaN, as are frames in which nothing of it can be seen (``cover`` 0).

    Args:
        recording: ``track`` names the file, ``origin`` is what its upper left pixel is called (1 in OTB), ``cover``
            a file of whole numbers, one a frame.
        frames: of the part that is annotated.

    Raises:
        DataError: if there is no file, or it does not fit the frames.
    """
    if recording.track is None:
        raise DataError(f"{recording.path} has no track; give its manifest a column track: a text file of boxes")
    boxes = read_boxes(recording.track)
    if len(boxes) == 1 and frames > 1:
        boxes = np.concatenate([boxes, np.full((frames - 1, 4), np.nan)])
    if len(boxes) != frames:
        raise DataError(
            f"{recording.track} has {len(boxes)} boxes, {recording.path} {frames} frames; one each is needed"
        )
    boxes[:, :2] -= recording.origin
    boxes[:, 2:] += boxes[:, :2]
    if recording.cover is not None:
        seen = numbers_of(recording.cover, 1)[:, 0]
        if len(seen) != frames:
            raise DataError(f"{recording.cover} has {len(seen)} lines, {recording.path} {frames} frames")
        boxes[1:][seen[1:] == 0] = np.nan
    return boxes


def read_boxes(path: Path) -> np.ndarray:
    """Return the boxes of a file as they stand there, float64 ``(lines, 4)``.

    Raises:
        DataError: if it holds none, or a line is no box.
    """
    boxes = numbers_of(path, 4)
    if not len(boxes):
        raise DataError(f"{path} is empty; a line of four numbers for each frame is needed")
    return boxes


def numbers_of(path: Path, count: int) -> np.ndarray:
    """Return lines of ``count`` numbers, float64 ``(lines, count)``.

    Raises:
        DataError: if a line holds anything else.
    """
    found = []
    for line, text in read_lines(path):
        try:
            values = [float(part) for part in re.split(r"[,;\s]+", text.strip(" ,;\t"))]
        except ValueError:
            values = []
        if len(values) != count:
            raise DataError(f"{path}, line {line}: {text[:40]!r} should be {count} numbers")
        found.append(values)
    return np.array(found, np.float64).reshape(-1, count)
