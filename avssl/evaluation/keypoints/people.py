"""Pictures with key points, gathered from a data set in one pass over its recordings."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from avssl.config import ConfigError
from avssl.data import Dataset
from avssl.progress import track

Joints = Literal["labelled", "visible"]
ALONE = "\0item "  # the group of an item that has none; no data set has such a name


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
        reference: the length that the data annotate for each, in pixels of the pictures, NaN where unknown, float32
            ``(pictures,)``; None where they annotate none.
        group: what is not independent, whole numbers ``(pictures,)``: the data's groups, the recording without.
        groups: names of the data's groups.
        failures: the recordings that could not be read, with the error.
    """

    images: Tensor
    points: np.ndarray
    counted: np.ndarray
    video: np.ndarray
    times: np.ndarray
    paths: tuple[str, ...]
    reference: np.ndarray | None = None
    group: np.ndarray | None = None
    groups: frozenset[str] = frozenset()
    failures: tuple[dict[str, str], ...] = ()

    def __len__(self) -> int:
        return len(self.images)

    @property
    def independent(self) -> np.ndarray:
        """What a bootstrap draws whole: the groups, or the recordings where there are none, ``(pictures,)``."""
        return self.video if self.group is None else self.group

    def take(self, rows: np.ndarray) -> "People":
        """Return some of the pictures, in the order of ``rows``."""
        return replace(
            self,
            images=self.images[torch.from_numpy(rows)],
            points=self.points[rows],
            counted=self.counted[rows],
            video=self.video[rows],
            times=self.times[rows],
            reference=None if self.reference is None else self.reference[rows],
            group=None if self.group is None else self.group[rows],
        )

    def cropped(self, margin: int) -> "People":
        """Return the pictures without ``margin`` pixels on each side, joints moved along."""
        height, width = self.images.shape[-2:]
        if margin < 0 or 2 * margin >= min(height, width):
            raise ConfigError(f"margin={margin} leaves nothing of pictures of {height}x{width}; read them larger")
        images = self.images[..., margin : height - margin, margin : width - margin]
        return replace(self, images=images, points=self.points - np.float32(margin))


def collect(
    data: Dataset, what: str, joints: Joints = "labelled", quiet: bool = False, items: Sequence[int] | None = None
) -> People:
    """Read items of a data set once.

    Args:
        data: its items hold ``frames`` and ``keypoints``.
        what: the word for progress and errors, such as ``"test"``.
        joints: which joints count: all whose place is known, hidden ones too, or the visible alone.
        quiet: show no progress.
        items: which items; None for all.

    Raises:
        ConfigError: if the items have no key points, differ in size, or none can be read.
    """
    images, points, counted, times, video, paths, failures = [], [], [], [], [], [], []
    reference, groups, bare = [], [], 0
    chosen = range(len(data)) if items is None else items
    for index in track(chosen, f"reading {what} pictures", quiet=quiet):
        item = data[0, index]
        if "failure" in item:
            failures.append(item["failure"])
            continue
        if "keypoints" not in item:
            failures.append({"path": item["path"], "error": "it has no key points"})
            bare += 1
            continue
        valid = item["valid"].flatten().numpy()
        images.append(item["frames"].flatten(0, 1)[torch.from_numpy(valid)])
        points.append(item["keypoints"].flatten(0, 1).numpy()[valid])
        counted.append(item["visible"].flatten(0, 1).numpy()[valid])
        times.append(item["times"].flatten().numpy()[valid])
        video.append(np.full(valid.sum(), len(paths)))
        groups += [item.get("group") or f"{ALONE}{index}"] * int(valid.sum())
        if "reference" in item:
            reference.append(item["reference"].flatten().numpy()[valid])
        paths.append(item["path"])
    if bare and not paths:
        raise ConfigError(
            f"{failures[0]['path']} ({what}) has no key points; they come from a manifest with a column 'keypoints', "
            "from Persons, or from source: demo:figures"
        )
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
        reference=np.concatenate(reference) if len(reference) == len(paths) else None,
        group=np.unique(groups, return_inverse=True)[1],
        groups=frozenset(group for group in groups if not group.startswith(ALONE)),
        failures=tuple(failures),
    )
