"""Pictures with key points, gathered from a data set in one pass over its recordings."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from rich.progress import track
from torch import Tensor

from avssl.config import ConfigError
from avssl.data import Dataset

Joints = Literal["labelled", "visible"]


@dataclass(frozen=True, eq=False, kw_only=True)
class People:
    """Pictures, and where the joints are in them.

    Args:
        images: uint8 RGB ``(pictures, 3, H, W)``.
        points: joints in pixels of the pictures from the centre of the top left pixel, float32
            ``(pictures, joints, 2)``.
        counted: which joints count, bool ``(pictures, joints)``.
        video: which recording each picture is from, a row of ``paths``, int64 ``(pictures,)``.
        times: when it is on screen, in seconds, float64 ``(pictures,)``.
        paths: the recordings.
        failures: the recordings that could not be read, with the error.
    """

    images: Tensor
    points: np.ndarray
    counted: np.ndarray
    video: np.ndarray
    times: np.ndarray
    paths: tuple[str, ...]
    failures: tuple[dict[str, str], ...] = ()

    def __len__(self) -> int:
        return len(self.images)

    def take(self, rows: np.ndarray) -> "People":
        """Return some of the pictures, in the order of ``rows``."""
        return People(
            images=self.images[torch.from_numpy(rows)],
            points=self.points[rows],
            counted=self.counted[rows],
            video=self.video[rows],
            times=self.times[rows],
            paths=self.paths,
            failures=self.failures,
        )

    def cropped(self, margin: int) -> "People":
        """Return the pictures without ``margin`` pixels on each side, joints moved along."""
        height, width = self.images.shape[-2:]
        if margin < 0 or 2 * margin >= min(height, width):
            raise ConfigError(f"margin={margin} leaves nothing of pictures of {height}x{width}; read them larger")
        return People(
            images=self.images[..., margin : height - margin, margin : width - margin],
            points=self.points - np.float32(margin),
            counted=self.counted,
            video=self.video,
            times=self.times,
            paths=self.paths,
            failures=self.failures,
        )


def gather(data: Dataset, what: str, joints: Joints = "labelled", quiet: bool = False) -> People:
    """Read every item of a data set once.

    Args:
        data: its items hold ``frames`` and ``keypoints``.
        what: the word for progress and errors, such as ``"test"``.
        joints: which joints count: all whose place is known, hidden ones too, or the visible alone.
        quiet: show no progress.

    Raises:
        ConfigError: if the items have no key points, differ in size, or none can be read.
    """
    images, points, counted, times, video, paths, failures = [], [], [], [], [], [], []
    for index in track(range(len(data)), f"reading {what} videos", disable=quiet, transient=True):
        item = data[0, index]
        if "failure" in item:
            failures.append(item["failure"])
            continue
        if "keypoints" not in item:
            raise ConfigError(
                f"{item['path']} ({what}) has no key points; they come from a manifest with a column 'keypoints', "
                "or from source: demo:figures"
            )
        kept = item["valid"].flatten().numpy()
        images.append(item["frames"].flatten(0, 1)[torch.from_numpy(kept)])
        points.append(item["keypoints"].flatten(0, 1).numpy()[kept])
        counted.append(item["visible"].flatten(0, 1).numpy()[kept])
        times.append(item["times"].flatten().numpy()[kept])
        video.append(np.full(kept.sum(), len(paths)))
        paths.append(item["path"])
    if not paths:
        raise ConfigError(f"none of the {len(data)} {what} videos can be read; the first: {failures[0]}")
    sizes = {tuple(frames.shape[-2:]) for frames in images}
    if len(sizes) > 1:
        raise ConfigError(f"the {what} pictures differ in size ({sorted(sizes)[:3]}); set size: [height, width]")
    places = np.concatenate(points)
    known = np.isfinite(places).all(-1)
    return People(
        images=torch.cat(images),
        points=places,
        counted=np.asarray(known & np.concatenate(counted)) if joints == "visible" else np.asarray(known),
        video=np.concatenate(video),
        times=np.concatenate(times),
        paths=tuple(paths),
        failures=tuple(failures),
    )
