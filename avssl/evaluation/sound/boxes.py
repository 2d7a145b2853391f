"""Boxes of what sounds and of what is silent, as a data set's annotations have them."""

from dataclasses import dataclass

import numpy as np

from avssl.config import ConfigError
from avssl.data import Videos
from avssl.evaluation.sound.clips import Heard
from avssl.media import open_video


@dataclass(frozen=True, eq=False, kw_only=True)
class Sources:
    """What is where in the pictures of each row.

    Args:
        box: of what sounds, in pixels of the returned frames, edges, ``(N, 4)``.
        other: of something silent; NaN where there is none, ``(N, 4)``.
        sounding: class of what sounds, ``(N,)``.
        silent: class of the other; -1 where there is none, ``(N,)``.
    """

    box: np.ndarray
    other: np.ndarray
    sounding: np.ndarray
    silent: np.ndarray


def sources_of(data: Videos, heard: Heard) -> Sources:
    """Return the boxes of each row.

    Args:
        data: recordings whose manifest has a column ``annotations``: ``.npz`` files with ``boxes`` ``(objects, 4)``, in
            pixels as filmed, what sounds first, and ``classes`` ``(objects,)``.
        heard: their clips.

    Raises:
        ConfigError: if a recording has no annotations, or they hold no box.
    """
    height, width = heard.frames.shape[-2:]
    box, other, sounding, silent = [], [], [], []
    for item in heard.item.tolist():
        recording = data.recordings[item]
        if recording.annotations is None:
            raise ConfigError(
                f"evaluator.data: {recording.path} has no boxes; localisation needs a manifest with a column "
                "'annotations' of .npz files that hold boxes"
            )
        with np.load(recording.annotations) as stored:
            boxes, classes = stored["boxes"].astype(float), stored["classes"]
        if not len(boxes):
            raise ConfigError(f"evaluator.data: {recording.annotations} holds no box; leave {recording.path} out")
        with open_video(recording.path) as video:
            filmed = (video.info.width, video.info.height)
        boxes = boxes * np.array([width / filmed[0], height / filmed[1]] * 2)
        box.append(boxes[0])
        other.append(boxes[1] if len(boxes) > 1 else np.full(4, np.nan))
        sounding.append(int(classes[0]))
        silent.append(int(classes[1]) if len(boxes) > 1 else -1)
    return Sources(box=np.array(box), other=np.array(other), sounding=np.array(sounding), silent=np.array(silent))
