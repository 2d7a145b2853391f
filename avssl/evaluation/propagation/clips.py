"""Videos to propagate labels through: frames, and the truth about all of them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from torch import Tensor

from avssl.config import ConfigError
from avssl.data import Dataset
from avssl.data.masks import VOID
from avssl.files import names_in
from avssl.media.pictures import SUFFIXES, natural
from avssl.progress import track

Read = TypeVar("Read")


@dataclass(frozen=True, eq=False, kw_only=True)
class Clip:
    """A video and its labels.

    Args:
        frames: uint8 ``(frames, 3, H, W)``.
        masks: objects or classes, 0 background, 255 void, uint8 ``(frames, H, W)``; None without.
        points: (x, y) in pixels, NaN where unknown, ``(frames, points, 2)``; None without.
        path: the recording.
        group: what is not independent of it.
        names: of the frames' files, without ending.
    """

    frames: Tensor
    masks: np.ndarray | None
    points: np.ndarray | None
    path: str
    group: str
    names: tuple[str, ...]

    @property
    def labels(self) -> str:
        """What there is to carry, in words."""
        return " and ".join(name for name in ("masks", "points") if getattr(self, name) is not None)

    @property
    def objects(self) -> int:
        """How many objects the first frame has: its largest number, as the official tool of DAVIS counts."""
        assert self.masks is not None
        first = self.masks[0]
        return int(np.where(first == VOID, 0, first).max())


def each_video(
    data: Dataset,
    read: Callable[[int], Read | dict[str, str]],
    failures: list[dict[str, str]],
    doing: str,
    done: str,
    num_shown: int,
    quiet: bool,
) -> Iterator[tuple[int, Read, bool]]:
    """Yield each video with its index and whether it is drawn; one at a time is in memory.

    Args:
        data: the videos.
        read: returns the video of an index, or what failed.
        failures: takes the others.
        doing: what is done, for the progress.
        done: the same, of what can be "done".
        num_shown: videos that are drawn, spread over the data.
        quiet: show no progress.

    Raises:
        ConfigError: at the end, if none could be read.
    """
    drawn = set(np.linspace(0, len(data) - 1, num_shown).round().astype(int).tolist())
    for index in track(range(len(data)), doing, quiet=quiet):
        video = read(index)
        if isinstance(video, dict):
            failures.append(video)
        else:
            yield index, video, index in drawn
    if len(failures) == len(data):
        raise ConfigError(f"none of the {len(data)} videos can be {done}; the first: {told(failures[0])}")


def told(failure: Mapping[str, str]) -> str:
    """Return which video could not be scored, and why."""
    return f"{failure['path']} ({failure['error']})"


def read_clip(
    data: Dataset, index: int, objects: Sequence[Sequence[int]] | None, labelled: bool = True
) -> Clip | dict[str, str]:
    """Return a video, or what failed.

    Args:
        data: videos; of several clips the first one is taken.
        index: which.
        objects: numbers of the masks that make one object each; None takes them as they are.
        labelled: a video without masks and key points fails.
    """
    item = data[0, index]
    if "failure" in item:
        return item["failure"]
    valid = item["valid"][0]
    frames = item["frames"][0][valid]
    masks = item["masks"][0][valid].numpy() if "masks" in item else None
    points = None
    if "keypoints" in item:
        points = item["keypoints"][0][valid].numpy().astype(np.float64)
        points = np.where(np.isfinite(points).all(-1, keepdims=True), points, np.nan)
    if labelled and masks is None and points is None:
        return {"path": item["path"], "error": "it has neither masks (set masks: true) nor key points"}
    where = item["index"][0][valid].tolist() if "index" in item else list(range(len(frames)))
    return Clip(
        frames=frames,
        masks=masks if masks is None or objects is None else joined(masks, objects),
        points=points,
        path=item["path"],
        group=item.get("group") or item["path"],
        names=names_of(Path(item["path"]), where),
    )


def joined(masks: np.ndarray, objects: Sequence[Sequence[int]]) -> np.ndarray:
    """Return masks in which numbers that make one object are one; void stays, all else is background.

    Examples:
        >>> joined(np.array([0, 1, 2, 3, 255]), [[1, 3], [2]]).tolist()
        [0, 1, 2, 1, 255]
    """
    table = np.zeros(256, np.uint8)
    table[VOID] = VOID
    for number, own in enumerate(objects, 1):
        table[list(own)] = number
    return table[masks]


def names_of(path: Path, index: Sequence[int]) -> tuple[str, ...]:
    """Return what the results of frames are called: as their files where they are files, else by number."""
    if path.is_dir():
        files = sorted(names_in(path, SUFFIXES, depth=0), key=natural)
        return tuple(Path(files[one]).stem for one in index)
    return tuple(f"{one:05d}" for one in index)
