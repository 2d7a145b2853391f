"""mmaction2's frame sampling: ``SampleFrames``, ``DenseSampleFrames`` and ``UniformSample``, release 1.2.

Not covered: ``temporal_jitter``, ``twice_sample`` and ``target_fps`` of ``SampleFrames``.
https://github.com/open-mmlab/mmaction2
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from avssl.sampling.base import Clips, Sampler, Timeline, needs_rng
from avssl.sampling.checks import check_choice, check_count
from avssl.sampling.grid import time_of

OutOfBound = Literal["loop", "repeat_last"]
"""``"loop"`` goes on from the recording's start, ``"repeat_last"`` with the last frame that the clip still has."""


@dataclass(frozen=True, kw_only=True)
class MMActionTrain(Sampler):
    """``SampleFrames`` in training: a clip at random in each of ``num_clips`` parts.

    Args:
        clip_len: frames a clip.
        frame_interval: distance of neighbouring frames.
        num_clips: clips.
        out_of_bound_opt: what stands past the end.
        keep_tail_frames: False cuts parts of whole frames and leaves out the tail, as the library does by default.
    """

    clip_len: int
    frame_interval: int = 1
    num_clips: int = 1
    out_of_bound_opt: OutOfBound = "loop"
    keep_tail_frames: bool = False

    def __post_init__(self):
        _check(self)

    def __call__(self, timeline: Timeline, rng: np.random.Generator | None = None) -> Clips:
        rng, count = needs_rng(rng, self), self.num_clips
        span = self.clip_len * self.frame_interval
        starts = len(timeline) - span + 1
        if self.keep_tail_frames:
            length = max(0.0, starts / count)
            offsets = np.arange(count) * length + rng.uniform(0, length, size=count)
        elif starts // count > 0:
            offsets = np.arange(count) * (starts // count) + rng.integers(starts // count, size=count)
        elif len(timeline) > max(count, span):
            offsets = np.sort(rng.integers(starts, size=count))
        else:
            offsets = np.around(np.arange(count) * (max(0, starts) / count))
        return _clips(timeline, offsets.astype(np.int64), self)


@dataclass(frozen=True, kw_only=True)
class MMActionTest(Sampler):
    """``SampleFrames`` in testing: clips from the first start to the last; single frames at the parts' middles.

    Args:
        clip_len: frames a clip.
        frame_interval: distance of neighbouring frames.
        num_clips: clips.
        out_of_bound_opt: what stands past the end.
    """

    clip_len: int
    frame_interval: int = 1
    num_clips: int = 1
    out_of_bound_opt: OutOfBound = "loop"

    def __post_init__(self):
        _check(self)

    def __call__(self, timeline: Timeline, rng: np.random.Generator | None = None) -> Clips:
        count, clip = self.num_clips, np.arange(self.num_clips)
        room = max(len(timeline) - ((self.clip_len - 1) * self.frame_interval + 1), 0)
        if self.clip_len == 1:
            length = len(timeline) / count
            offsets = clip * length + length / 2
        elif count > 1:
            offsets = np.round(clip * (room / (count - 1)))
        else:
            offsets = np.array([room // 2])
        return _clips(timeline, offsets.astype(np.int64), self)


@dataclass(frozen=True, kw_only=True)
class MMActionDenseTrain(Sampler):
    """``DenseSampleFrames`` in training: clips within a window at random; its last start is never drawn, as there.

    Args:
        clip_len: frames a clip.
        frame_interval: distance of neighbouring frames.
        num_clips: clips a window.
        sample_range: the window, in frames.
        out_of_bound_opt: what stands past the end.
    """

    clip_len: int
    frame_interval: int = 1
    num_clips: int = 1
    sample_range: int = 64
    out_of_bound_opt: OutOfBound = "loop"

    def __post_init__(self):
        _check(self, "sample_range")

    def __call__(self, timeline: Timeline, rng: np.random.Generator | None = None) -> Clips:
        windows = max(1, 1 + len(timeline) - self.sample_range)
        start = 0 if windows == 1 else needs_rng(rng, self).integers(windows - 1)
        offsets = start + np.arange(self.num_clips) * (self.sample_range // self.num_clips)
        return _clips(timeline, offsets % len(timeline), self)


@dataclass(frozen=True, kw_only=True)
class MMActionDenseTest(Sampler):
    """``DenseSampleFrames`` in testing: windows from the first start to the last, each with its clips.

    Args:
        clip_len: frames a clip.
        frame_interval: distance of neighbouring frames.
        num_clips: clips a window.
        sample_range: the window, in frames.
        num_sample_positions: windows.
        out_of_bound_opt: what stands past the end.
    """

    clip_len: int
    frame_interval: int = 1
    num_clips: int = 1
    sample_range: int = 64
    num_sample_positions: int = 10
    out_of_bound_opt: OutOfBound = "loop"

    def __post_init__(self):
        _check(self, "sample_range", "num_sample_positions")

    def __call__(self, timeline: Timeline, rng: np.random.Generator | None = None) -> Clips:
        windows = max(1, 1 + len(timeline) - self.sample_range)
        starts = np.linspace(0, windows - 1, num=self.num_sample_positions, dtype=np.int64)
        offsets = starts[:, None] + np.arange(self.num_clips) * (self.sample_range // self.num_clips)
        return _clips(timeline, offsets.ravel() % len(timeline), self)


@dataclass(frozen=True, kw_only=True)
class MMActionUniformTrain(Sampler):
    """``UniformSample`` in training: one clip, a frame at random from each of ``clip_len`` parts, bounds included.

    Args:
        clip_len: frames, and parts.
    """

    clip_len: int

    def __post_init__(self):
        check_count(self, "clip_len")

    def __call__(self, timeline: Timeline, rng: np.random.Generator | None = None) -> Clips:
        bounds = np.round((len(timeline) - 1) / self.clip_len * np.arange(self.clip_len + 1)).astype(np.int64)
        return _real(timeline, needs_rng(rng, self).integers(bounds[:-1], bounds[1:] + 1)[None])


@dataclass(frozen=True, kw_only=True)
class MMActionUniformTest(Sampler):
    """``UniformSample`` in testing: clip ``k`` takes the frame at ``(k + 1) / (num_clips + 1)`` of each part.

    Args:
        clip_len: frames, and parts.
        num_clips: clips.
    """

    clip_len: int
    num_clips: int = 1

    def __post_init__(self):
        check_count(self, "clip_len")
        check_count(self, "num_clips")

    def __call__(self, timeline: Timeline, rng: np.random.Generator | None = None) -> Clips:
        length = (len(timeline) - 1) / self.clip_len
        starts = np.round(length * np.arange(self.clip_len)).astype(np.int64)
        within = (length / (self.num_clips + 1) * np.arange(1, self.num_clips + 1)).astype(np.int64)
        return _real(timeline, starts + within[:, None])


def _check(sampler: Sampler, *more: str) -> None:
    for name in ("clip_len", "frame_interval", "num_clips", *more):
        check_count(sampler, name)
    check_choice(sampler, "out_of_bound_opt", ("loop", "repeat_last"))


def _clips(
    timeline: Timeline,
    offsets: np.ndarray,
    sampler: MMActionTrain | MMActionTest | MMActionDenseTrain | MMActionDenseTest,
) -> Clips:
    positions = offsets[:, None] + np.arange(sampler.clip_len) * sampler.frame_interval
    valid = positions < len(timeline)
    if sampler.out_of_bound_opt == "loop":
        index = positions % len(timeline)
    else:
        index = np.where(valid, positions, np.where(valid, positions, 0).max(axis=1, keepdims=True))
    return Clips(index=index, times=time_of(timeline, positions), valid=valid)


def _real(timeline: Timeline, index: np.ndarray) -> Clips:
    return Clips(index=index, times=timeline.times[index], valid=np.ones(index.shape, dtype=bool))
