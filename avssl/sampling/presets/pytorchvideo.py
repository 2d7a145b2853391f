"""PyTorchVideo's clips of so many seconds, with ``UniformTemporalSubsample`` behind them, as on its main branch.

A clip shows the frames with ``start <= time < end``, and of those so many are kept, evenly, first and last included.
The recording lasts as long as its picture (the library takes the longer of picture and sound, and so returns empty
clips).
https://github.com/facebookresearch/pytorchvideo
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from avssl.sampling.base import Clips, Sampler, Timeline, needs_rng
from avssl.sampling.checks import check_count
from avssl.sampling.presets.float32 import linspace


@dataclass(frozen=True, kw_only=True)
class PyTorchVideoUniform(Sampler):
    """``UniformClipSampler``: clips one after another while they end within the recording; at least one.

    Args:
        clip_duration: seconds a clip.
        frames: frames kept of each clip.
        stride: seconds from clip to clip, at most ``clip_duration``; None means ``clip_duration``.
        backpad_last: True adds a clip that ends with the recording, when the others leave something over.
    """

    clip_duration: float | Fraction
    frames: int
    stride: float | Fraction | None = None
    backpad_last: bool = False

    def __post_init__(self):
        _check(self)
        if self.stride is not None and not 0 < self.stride <= self.clip_duration:
            raise ValueError(f"PyTorchVideoUniform: stride must be above 0, at most clip_duration; got {self.stride}")

    def __call__(self, timeline: Timeline, rng: np.random.Generator | None = None) -> Clips:
        length = Fraction(self.clip_duration)
        step = length if self.stride is None else Fraction(self.stride)
        starts = [self._fitted(Fraction(0), length, timeline.end)]
        while True:
            following = self._fitted(starts[-1] + step, length, timeline.end)
            last = abs(following - starts[-1]) < 1e-6 if self.backpad_last else following + length > timeline.end
            if last:
                return _clips(timeline, [float(start) for start in starts], self)
            starts.append(following)

    def _fitted(self, start: Fraction, length: Fraction, end: float) -> Fraction:
        excess = max(Fraction(0), start + length - Fraction(end)) if self.backpad_last else Fraction(0)
        return max(Fraction(0), start - excess)


@dataclass(frozen=True, kw_only=True)
class PyTorchVideoRandom(Sampler):
    """``RandomClipSampler`` (``RandomMultiClipSampler`` for several): the start is uniform in time.

    Args:
        clip_duration: seconds a clip.
        frames: frames kept of each clip.
        num_clips: clips, each drawn for itself.
    """

    clip_duration: float | Fraction
    frames: int
    num_clips: int = 1

    def __post_init__(self):
        _check(self)
        check_count(self, "num_clips")

    def __call__(self, timeline: Timeline, rng: np.random.Generator | None = None) -> Clips:
        room = max(timeline.end - float(self.clip_duration), 0.0)
        return _clips(timeline, needs_rng(rng, self).uniform(0, room, size=self.num_clips).tolist(), self)


@dataclass(frozen=True, kw_only=True)
class PyTorchVideoConstant(Sampler):
    """``ConstantClipsPerVideoSampler``: clips start at k/clips_per_video of the room; one where there is no room.

    Args:
        clip_duration: seconds a clip.
        frames: frames kept of each clip.
        clips_per_video: clips.
    """

    clip_duration: float | Fraction
    frames: int
    clips_per_video: int = 1

    def __post_init__(self):
        _check(self)
        check_count(self, "clips_per_video")

    def __call__(self, timeline: Timeline, rng: np.random.Generator | None = None) -> Clips:
        room = max(Fraction(timeline.end) - Fraction(self.clip_duration), Fraction(0))
        return _clips(timeline, [float(room * k / self.clips_per_video) for k in range(self.clips_per_video)], self)


def _check(sampler: PyTorchVideoUniform | PyTorchVideoRandom | PyTorchVideoConstant) -> None:
    check_count(sampler, "frames")
    if not sampler.clip_duration > 0:
        raise ValueError(
            f"{type(sampler).__name__}: clip_duration must be above 0 seconds; got {sampler.clip_duration!r}"
        )


def _clips(
    timeline: Timeline, starts: list[float], sampler: PyTorchVideoUniform | PyTorchVideoRandom | PyTorchVideoConstant
) -> Clips:
    rows = []
    for start in starts:
        bounds = np.array([start, start + float(sampler.clip_duration)])
        first, behind = np.searchsorted(timeline.times + 1e-6, bounds)  # a microsecond for rounding
        if first == behind:
            raise ValueError(f"no frame appears from {bounds[0]:.3f} to {bounds[1]:.3f} s; {sampler} needs one")
        rows.append(
            first + linspace(0, behind - first - 1, sampler.frames).clip(0, behind - first - 1).astype(np.int64)
        )
    index = np.stack(rows)
    return Clips(index=index, times=timeline.times[index], valid=np.ones(index.shape, dtype=bool))
