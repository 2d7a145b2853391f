"""TorchCodec's index-based samplers: ``clips_at_regular_indices`` and ``clips_at_random_indices``.

https://github.com/meta-pytorch/torchcodec
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from avssl.sampling.base import Clips, Sampler, Timeline, needs_rng
from avssl.sampling.checks import check_choice, check_count
from avssl.sampling.grid import time_of
from avssl.sampling.presets.float32 import whole_linspace

Policy = Literal["repeat_last", "wrap", "error"]
"""Past the end: the last frame that the clip still has, the clip from its start, or an error."""


@dataclass(frozen=True, kw_only=True)
class TorchCodecRegular(Sampler):
    """``clips_at_regular_indices``: clips from the first start to the last, starts truncated to whole frames.

    Args:
        num_clips: clips; more than there are starts repeats some.
        num_frames_per_clip: frames a clip.
        num_indices_between_frames: distance of neighbouring frames.
        policy: what stands past the end of a recording that is shorter than a clip.
    """

    num_clips: int = 1
    num_frames_per_clip: int = 1
    num_indices_between_frames: int = 1
    policy: Policy = "repeat_last"

    def __post_init__(self):
        _check(self)

    def __call__(self, timeline: Timeline, rng: np.random.Generator | None = None) -> Clips:
        return _clips(timeline, whole_linspace(0, _legal(timeline, self) - 1, self.num_clips), self)


@dataclass(frozen=True, kw_only=True)
class TorchCodecRandom(Sampler):
    """``clips_at_random_indices``: every start is as likely, each clip drawn for itself.

    Args:
        num_clips: clips.
        num_frames_per_clip: frames a clip.
        num_indices_between_frames: distance of neighbouring frames.
        policy: what stands past the end of a recording that is shorter than a clip.
    """

    num_clips: int = 1
    num_frames_per_clip: int = 1
    num_indices_between_frames: int = 1
    policy: Policy = "repeat_last"

    def __post_init__(self):
        _check(self)

    def __call__(self, timeline: Timeline, rng: np.random.Generator | None = None) -> Clips:
        return _clips(timeline, needs_rng(rng, self).integers(_legal(timeline, self), size=self.num_clips), self)


def _check(sampler: TorchCodecRegular | TorchCodecRandom) -> None:
    for name in ("num_clips", "num_frames_per_clip", "num_indices_between_frames"):
        check_count(sampler, name)
    check_choice(sampler, "policy", ("repeat_last", "wrap", "error"))


def _legal(timeline: Timeline, sampler: TorchCodecRegular | TorchCodecRandom) -> int:
    return max(1, len(timeline) - (sampler.num_frames_per_clip - 1) * sampler.num_indices_between_frames)


def _clips(timeline: Timeline, starts: np.ndarray, sampler: TorchCodecRegular | TorchCodecRandom) -> Clips:
    positions = starts[:, None] + np.arange(sampler.num_frames_per_clip) * sampler.num_indices_between_frames
    valid = positions < len(timeline)
    if sampler.policy == "error" and not valid.all():
        raise ValueError(f"the recording is too short for {sampler}: it has {len(timeline)} frames")
    have = valid.sum(axis=1, keepdims=True)
    step = np.arange(sampler.num_frames_per_clip)[None]
    kept = step % have if sampler.policy == "wrap" else np.minimum(step, have - 1)
    index = np.take_along_axis(positions, kept, axis=1)
    return Clips(index=index, times=time_of(timeline, positions), valid=valid)
