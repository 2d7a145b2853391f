"""Boxes of what sounds and of what is silent, as a data set's annotations have them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from avssl.config import ConfigError
from avssl.data import DataError, Stills, Videos
from avssl.data.arrays import read_arrays
from avssl.evaluation.sound.clips import Heard
from avssl.media import open_video
from avssl.metrics.localisation import consensus, within


@dataclass(frozen=True, eq=False, kw_only=True)
class Sources:
    """What is where in the pictures of each row.

    Args:
        boxes: of what sounds, several where annotators gave several, in pixels of the returned frames, edges,
            ``(boxes, 4)`` each.
        votes: boxes that must cover a pixel so that it counts in full, ``(N,)``.
        other: of something silent; NaN where there is none, ``(N, 4)``.
        sounding: class of what sounds, by the annotations' own numbers; -1 where boxes alone are given, ``(N,)``.
        silent: class of the other; -1 where there is none, ``(N,)``.
    """

    boxes: list[np.ndarray]
    votes: np.ndarray
    other: np.ndarray
    sounding: np.ndarray
    silent: np.ndarray

    @property
    def box(self) -> np.ndarray:
        """The first box of each, ``(N, 4)``."""
        return np.array([boxes[0] for boxes in self.boxes])

    def truths(self, height: int, width: int) -> list[np.ndarray]:
        """Return how far each pixel sounds, in [0, 1], see `avssl.metrics.localisation.consensus`."""
        return [consensus(boxes, votes, height, width) for boxes, votes in zip(self.boxes, self.votes, strict=True)]

    def holds(self, row: int, point: tuple[float, float]) -> bool:
        """Tell whether a point x, y lies in any box of what sounds."""
        return any(within(point, box) for box in self.boxes[row])


def sources_of(data: Videos | Stills, heard: Heard) -> Sources:
    """Return the boxes of each row.

    Args:
        data: recordings whose manifest has a column ``annotations``: ``.npz`` files with ``boxes`` ``(objects, 4)``, in
            pixels as filmed, what sounds first, and ``classes`` ``(objects,)``; or a column ``sounding``, boxes of all
            that sounds as shares of the picture.
        heard: their clips.

    Raises:
        ConfigError: if a recording has no annotations, or they hold no box.
    """
    height, width = heard.frames.shape[-2:]
    found, votes, other, sounding, silent = [], [], [], [], []
    nothing = np.full(4, np.nan)
    for item in heard.item.tolist():
        recording = data.recordings[item]
        votes.append(recording.votes)
        if recording.boxes:
            found.append(np.array(recording.boxes) * [width, height, width, height])
            other.append(nothing)
            sounding.append(-1)  # a manifest numbers its classes by itself, annotations by themselves
            silent.append(-1)
            continue
        if recording.annotations is None:
            raise ConfigError(
                f"evaluator.data: {recording.path} has no boxes; localisation needs a manifest with a column "
                "'sounding', or 'annotations' of .npz files that hold them"
            )
        boxes, classes = read_boxes(recording.annotations)
        if not len(boxes):
            raise ConfigError(f"evaluator.data: {recording.annotations} holds no box; leave {recording.path} out")
        with open_video(recording.path) as video:
            filmed = (video.info.width, video.info.height)
        boxes = boxes * np.array([width / filmed[0], height / filmed[1]] * 2)
        found.append(boxes[:1])
        other.append(boxes[1] if len(boxes) > 1 else nothing)
        sounding.append(int(classes[0]))
        silent.append(int(classes[1]) if len(boxes) > 1 else -1)
    return Sources(
        boxes=found,
        votes=np.array(votes),
        other=np.array(other),
        sounding=np.array(sounding),
        silent=np.array(silent),
    )


def read_boxes(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the boxes of a recording, ``(boxes, 4)`` in its own pixels, and their classes ``(boxes,)``.

    Raises:
        DataError: if the file lacks them, or holds something else.
    """
    arrays = read_arrays(path, "boxes", "classes")
    boxes, classes = arrays["boxes"].astype(float), arrays["classes"]
    if boxes.ndim != 2 or boxes.shape[1] != 4 or classes.shape != boxes.shape[:1]:
        raise DataError(f"{path}: boxes should be (boxes, 4), classes (boxes,); got {boxes.shape} and {classes.shape}")
    if not np.isfinite(boxes).all() or (boxes[:, :2] >= boxes[:, 2:]).any():
        raise DataError(
            f"{path}: a box is left, top, right, bottom, left < right and top < bottom; got {boxes.tolist()}"
        )
    return boxes, classes
