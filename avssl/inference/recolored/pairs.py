"""The pictures of the test, as PNG: the true one and the recoloured one, made when they are first asked for."""

import io
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from avssl.config import ConfigError, Trust, rebuild, trusting
from avssl.data import Dataset
from avssl.data.recordings import ENDINGS, PICTURES
from avssl.evaluation.recoloring.recolor import Recolors, borrowed, recolored
from avssl.inference.files import files_given
from avssl.inference.recolored.trials import Side, Trial
from avssl.installed import tool
from avssl.media import open_video
from avssl.media.errors import MediaError
from avssl.media.resize import resize_area


@dataclass(eq=False, kw_only=True)
class Pairs:
    """Pictures and their recoloured copies.

    Args:
        pictures: uint8 ``(N, 3, size, size)``.
        names: of the pictures, for the record; the page never sees them.
        method: gives colours.
        within: short side that the method sees, in pixels; None for that of the pictures.
        device: where the method runs.
    """

    pictures: np.ndarray
    names: Sequence[str]
    method: Recolors
    within: int | None
    device: str
    lock: Any = field(default_factory=threading.Lock)  # requests come in several threads; the method works for one
    made: dict[tuple[int, int | None], np.ndarray] = field(default_factory=dict)

    def fake(self, trial: Trial) -> np.ndarray:
        """Return the recoloured picture of a trial, uint8 ``(3, size, size)``."""
        donor = trial.donor if trial.kind == "catch" else None
        with self.lock:
            if (trial.picture, donor) not in self.made:
                own = self.pictures[trial.picture : trial.picture + 1]
                both = (
                    recolored(self.method, own, self.within, self.device)
                    if donor is None
                    else borrowed(own, self.pictures[donor : donor + 1])
                )
                self.made[trial.picture, donor] = both[0]
            return self.made[trial.picture, donor]

    def png(self, trial: Trial, side: Side) -> bytes:
        """Return what a side of a trial shows, as a PNG without a word about itself."""
        pixels = self.fake(trial) if side == trial.fake else self.pictures[trial.picture]
        stream = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0))).save(stream, "png")
        return stream.getvalue()


def pictures_of_files(files: Sequence[Path], size: int) -> tuple[np.ndarray, list[str]]:
    """Return pictures in files and folders, the first frame of a video, and their names; a bad one is told, left out.

    Raises:
        ConfigError: if none can be read.
    """
    pictures, names = [], []
    for path in files_given(files, ENDINGS | PICTURES, "video or picture", f"{tool('colorization_test')} a.jpg"):
        try:
            with open_video(path) as video:
                pictures.append(square(video.frames(np.zeros(1, int)).data[0].numpy(), size))
        except MediaError as error:
            print(f"left out: {error}")
            continue
        names.append(str(path))
    if not pictures:
        raise ConfigError("pictures: no file could be read")
    return np.stack(pictures), names


def pictures_of_run(
    settings: dict[str, Any], size: int, most: int, trust: Trust = ()
) -> tuple[np.ndarray, list[str], str]:
    """Return a picture of each item of the data that a run held out, their names, and what they are.

    Args:
        settings: of the run.
        size: of the pictures, in pixels.
        most: pictures at most, spread evenly over the data.
        trust: packages whose classes the settings may name, see `avssl.load_encoder`.

    Raises:
        ConfigError: if the run has no data of pictures, or none can be read.
    """
    part = "held_out" if settings.get("held_out") else "data"
    kept = {name: value for name, value in dict(settings[part]).items() if name != "size"}  # as they are, not as taught
    with trusting(trust):
        data = rebuild(kept, "avssl.data.Dataset", part)
    assert isinstance(data, Dataset)
    pictures, names = [], []
    for index in np.linspace(0, len(data) - 1, min(most, len(data))).round().astype(int):
        item = data[0, int(index)]
        if "failure" in item:
            print(f"left out: {item['failure']['error']}")
            continue
        frames = item["frames"][item["valid"]]
        pictures.append(square(frames[len(frames) // 2].numpy(), size))
        names.append(str(item["path"]))
    if not pictures:
        raise ConfigError(f"pictures: none of the run's {part} could be read; name files or folders")
    about = "held-out data of the run" if part == "held_out" else "training data of the run, which held none out"
    return np.stack(pictures), names, about


def square(picture: np.ndarray, size: int) -> np.ndarray:
    """Return the middle square of a picture at a size, uint8 ``(3, size, size)``."""
    height, width = picture.shape[1:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    cut = np.ascontiguousarray(picture[:, top : top + side, left : left + side].transpose(1, 2, 0))
    if side < size:
        return np.asarray(Image.fromarray(cut).resize((size, size), Image.Resampling.BICUBIC)).transpose(2, 0, 1)
    slot = np.empty((size, size, 3), np.uint8)
    resize_area(cut, slot)
    return slot.transpose(2, 0, 1)
