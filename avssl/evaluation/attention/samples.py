"""The pictures, or the clips and their frames, whose attention is drawn and scored."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from avssl.config import ConfigError
from avssl.data import Dataset
from avssl.evaluation.attention.rotations import turn_points
from avssl.features.rows import centre
from avssl.methods.pretext.rotation import QUARTERS, turns
from avssl.nets.encoders import Takes
from avssl.progress import track


@dataclass(frozen=True, eq=False, kw_only=True)
class Samples:
    """Pictures or frames, one row each; for an encoder of clips the clips that the frames are from, too.

    Args:
        images: uint8 ``(pictures, 3, H, W)``; of clips all frames that are no padding.
        poses: joints in pixels, ``(pictures, joints, 2)``, NaN where unknown; None without key points.
        paths: a file for each picture.
        times: when it is on screen, in seconds.
        failures: what could not be read.
        clips: uint8 ``(clips, frames, 3, H, W)``, padding included; None for an encoder of pictures.
        valid: bool ``(clips, frames)``: which frames are no padding.
        copies: rows of each picture or clip, one for each turn.
    """

    images: Tensor
    poses: np.ndarray | None
    paths: tuple[str, ...]
    times: tuple[float, ...]
    failures: tuple[dict[str, str], ...]
    clips: Tensor | None = None
    valid: Tensor | None = None
    copies: int = 1

    @property
    def inputs(self) -> Tensor:
        """What the encoder takes: pictures, or whole clips."""
        return self.images if self.clips is None else self.clips

    def frames_of(self, values: Tensor) -> Tensor:
        """Return what each picture or frame has, in the order of ``images``, ``(pictures, ...)``.

        Args:
            values: of what the encoder takes: ``(pictures, ...)`` or ``(clips, frames, ...)``.
        """
        if self.valid is None:
            return values
        turns_last = values.unflatten(0, (-1, self.copies)).transpose(1, 2)
        return turns_last[self.valid[:: self.copies]].flatten(0, 1)

    def places(self) -> list[dict[str, int]]:
        """Return which clip, and which of its frames, each of ``images`` is; nothing of pictures."""
        if self.valid is None:
            return [{}] * len(self.images)
        pairs = self.valid[:: self.copies].nonzero().repeat_interleave(self.copies, 0).tolist()
        return [{"clip": clip, "frame": frame} for clip, frame in pairs]

    def in_all_turns(self) -> "Samples":
        """Return each picture four times, turned by 0, 90, 180 and 270 degrees against the clock; clips likewise.

        Raises:
            ValueError: if the pictures are not square.
        """
        side = self.images.shape[-1]
        return replace(
            self,
            images=turns(self.images),
            poses=None if self.poses is None else turn_points(self.poses, side),
            paths=tuple(path for path in self.paths for _ in range(QUARTERS)),
            times=tuple(time for time in self.times for _ in range(QUARTERS)),
            clips=None if self.clips is None else turns(self.clips),
            valid=None if self.valid is None else self.valid.repeat_interleave(QUARTERS, 0),
            copies=QUARTERS,
        )


def read_samples(data: Dataset, crop: int | tuple[int, int] | None, takes: Takes, quiet: bool) -> Samples:
    """Read pictures or clips into memory.

    Args:
        data: pictures, or videos whose frames or clips are drawn.
        crop: the middle of each picture that is used; None for all of it.
        takes: whether the encoder takes pictures or clips.
        quiet: show no progress.

    Raises:
        ConfigError: if none can be read, or pictures differ in size or clips in length.
    """
    images, clips, valids, poses, paths, times, failures = [], [], [], [], [], [], []
    for index in track(range(len(data)), f"reading {takes}", quiet=quiet):
        item = data[0, index]
        if "failure" in item:
            failures.append(item["failure"])
            continue
        frames, valid = item["frames"], item["valid"]
        frames, moved = (frames, (0, 0)) if crop is None else centre(frames, crop)
        images.append(frames[valid])
        if takes == "clips":
            clips.append(frames[valid.any(1)])
            valids.append(valid[valid.any(1)])
        paths += [item["path"]] * int(valid.sum())
        times += item["times"][valid].tolist()
        if "keypoints" in item:
            poses.append(item["keypoints"][valid].numpy() - np.array(moved[::-1], np.float32))
    if not paths:
        raise ConfigError(f"none of the {len(data)} pictures can be read; the first: {failures[:1]}")
    sizes = {tuple(frames.shape[-2:]) for frames in images}
    if len(sizes) > 1:
        raise ConfigError(f"the pictures differ in size ({sorted(sizes)[:3]}); set size: [height, width], or a crop")
    if len(lengths := {one.shape[1] for one in clips}) > 1:
        raise ConfigError(f"the clips differ in length ({sorted(lengths)[:3]} frames); sample equal ones")
    return Samples(
        images=torch.cat(images),
        poses=np.concatenate(poses) if sum(map(len, poses)) == len(paths) else None,
        paths=tuple(paths),
        times=tuple(times),
        failures=tuple(failures),
        clips=torch.cat(clips) if takes == "clips" else None,
        valid=torch.cat(valids) if takes == "clips" else None,
    )
