"""PyTorchVideo's clips of so many seconds, with ``UniformTemporalSubsample`` behind them, as on its main branch.

A clip shows the frames with ``start <= time < end``, and of those so many are kept, evenly, first and last included.
Bounds are fractions, as there: a float stands for the binary number that it is, so ``2.56`` (a hair more than 64 / 25)
shows a frame more than ``Fraction(64, 25)`` at 25 frames per second. A clip without any frame ends the recording, as
there; it is an error where it is the first (the library goes on to the next recording, in silence). One thing differs:
the recording lasts as long as its picture (the library takes the longer of picture and sound). ``augs_per_clip``, which
repeats each clip, is not covered.
https://github.com/facebookresearch/pytorchvideo
"""

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from avssl.sampling.base import Clips, Sampler, Timeline, needs_rng
from avssl.sampling.checks import check_count
from avssl.sampling.presets.exact import first_from, fraction_of
from avssl.sampling.presets.float32 import linspace

NEAR = 1e-6  # seconds: the library's ``eps``, by which the last clip may end behind the recording


@dataclass(frozen=True, kw_only=True)
class PyTorchVideoUniform(Sampler):
    """``UniformClipSampler``: clips one after another while they end within the recording; at least one.

    Args:
        clip_duration: seconds a clip.
        frames: frames kept of each clip.
        stride: seconds from start to start; None means ``clip_duration``.
        backpad_last: True adds a clip that ends with the recording, when the others leave something over.
    """

    clip_duration: float | Fraction
    frames: int
    stride: float | Fraction | None = None
    backpad_last: bool = False

    def __post_init__(self):
        _check(self)
        if self.stride is not None and not 0 < self.stride < math.inf:
            raise ValueError(f"PyTorchVideoUniform: stride must be above 0 seconds; got {self.stride!r}")

    def __call__(self, timeline: Timeline, rng: np.random.Generator | None = None) -> Clips:
        length, end = Fraction(self.clip_duration), fraction_of(timeline.end)
        # From the end of a clip to the start of the next: in floating point where the stride is, rounded as there.
        gap = (length if self.stride is None else self.stride) - length
        starts = [self._fitted(Fraction(0), length, end)]
        while True:
            start = self._fitted(Fraction(starts[-1] + length + gap), length, end)
            last = abs(start - starts[-1]) < NEAR if self.backpad_last else start + length - end > NEAR
            if last:
                return _clips(timeline, starts, self)
            starts.append(start)

    def _fitted(self, start: Fraction, length: Fraction, end: Fraction) -> Fraction:
        return max(Fraction(0), start - max(0, start + length - end)) if self.backpad_last else start


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
        starts = needs_rng(rng, self).uniform(0, float(_room(timeline, self)), size=self.num_clips)
        return _clips(timeline, [Fraction(start) for start in starts], self, least=self.num_clips)


@dataclass(frozen=True, kw_only=True)
class PyTorchVideoConstant(Sampler):
    """``ConstantClipsPerVideoSampler``: clips spread evenly, from the start of the recording to its end.

    One alone starts with the recording, and so do all of them where a clip does not fit in.

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
        step = _room(timeline, self) / max(self.clips_per_video - 1, 1)
        return _clips(timeline, [step * clip for clip in range(self.clips_per_video)], self)


def _check(sampler: PyTorchVideoUniform | PyTorchVideoRandom | PyTorchVideoConstant) -> None:
    check_count(sampler, "frames")
    if not 0 < sampler.clip_duration < math.inf:
        raise ValueError(
            f"{type(sampler).__name__}: clip_duration must be above 0 seconds; got {sampler.clip_duration!r}"
        )


def _room(timeline: Timeline, sampler: PyTorchVideoRandom | PyTorchVideoConstant) -> Fraction:
    """Return the last second that a clip may start at and end within the recording."""
    return max(fraction_of(timeline.end) - Fraction(sampler.clip_duration), Fraction(0))


def _clips(
    timeline: Timeline,
    starts: list[Fraction],
    sampler: PyTorchVideoUniform | PyTorchVideoRandom | PyTorchVideoConstant,
    least: int = 1,
) -> Clips:
    """Return the clips that start at ``starts``, up to the first without a frame; at least so many, or an error."""
    rows = []
    for start in starts:
        end = start + Fraction(sampler.clip_duration)
        first, behind = first_from(timeline, start), first_from(timeline, end)
        if first == behind and len(rows) < least:
            raise ValueError(f"no frame appears from {float(start):.3f} to {float(end):.3f} s; {sampler} needs one")
        if first == behind:
            break
        last = behind - first - 1
        rows.append(first + linspace(0, last, sampler.frames).clip(0, last).astype(np.int64))
    index = np.stack(rows)
    return Clips(index=index, times=timeline.times[index], valid=np.ones(index.shape, dtype=bool))
