"""SlowFast's clips: places between frames, truncated (``get_start_end_idx`` and ``temporal_sampling``).

The library's reading of whole videos is meant; its selective decoding rounds the places to presentation times first.
https://github.com/facebookresearch/SlowFast
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from avssl.sampling.base import Clips, Sampler, Timeline, needs_rng
from avssl.sampling.checks import check_count
from avssl.sampling.grid import padded, time_of
from avssl.sampling.presets.float32 import linspace


@dataclass(frozen=True, kw_only=True)
class SlowFastTrain(Sampler):
    """One clip at random: the start is uniform over all places, between frames too.

    Args:
        frames: ``DATA.NUM_FRAMES``.
        rate: ``DATA.SAMPLING_RATE``, frames of ``target_fps`` from one to the next.
        target_fps: ``DATA.TARGET_FPS``; the recording's own rate is its mean.
        count: clips, each drawn for itself.
    """

    frames: int
    rate: int
    target_fps: float = 30.0
    count: int = 1

    def __post_init__(self):
        _check(self)

    def __call__(self, timeline: Timeline, rng: np.random.Generator | None = None) -> Clips:
        room = max(len(timeline) - clip_size(timeline, self), 0)
        return clips_at(timeline, needs_rng(rng, self).uniform(0, room, size=self.count).tolist(), self)


@dataclass(frozen=True, kw_only=True)
class SlowFastTest(Sampler):
    """``count`` clips spread over the recording.

    Args:
        frames: ``DATA.NUM_FRAMES``.
        rate: ``DATA.SAMPLING_RATE``, frames of ``target_fps`` from one to the next.
        target_fps: ``DATA.TARGET_FPS``.
        count: ``TEST.NUM_ENSEMBLE_VIEWS``.
        offset: ``DATA.USE_OFFSET_SAMPLING``: False starts the clips at k/count of the room, so the last one does not
            reach the end; True at whole frames from the first start to the last (one alone in the middle).
    """

    frames: int
    rate: int
    target_fps: float = 30.0
    count: int = 10
    offset: bool = False

    def __post_init__(self):
        _check(self)

    def __call__(self, timeline: Timeline, rng: np.random.Generator | None = None) -> Clips:
        room = max(len(timeline) - clip_size(timeline, self), 0)
        if not self.offset:
            starts = [room * clip / self.count for clip in range(self.count)]
        elif self.count == 1:
            starts = [math.floor(room / 2)]
        else:
            starts = [clip * math.floor(room / (self.count - 1)) for clip in range(self.count)]
        return clips_at(timeline, starts, self)


def clip_size(timeline: Timeline, sampler: SlowFastTrain | SlowFastTest) -> float:
    """Return the frames of the recording that a clip covers; not a whole number in general."""
    size = sampler.rate * sampler.frames / sampler.target_fps * named_rate(timeline.rate)  # in the library's order
    return max(1.0, size)


def named_rate(rate: float) -> float:
    """Return a rate as a file names it: frames / (frames / 30) may miss 30 by a bit, which decides between two frames.

    Examples:
        >>> named_rate(29.999999999999996), named_rate(23.97602397602398) == 24000 / 1001, named_rate(29.83712345)
        (30.0, True, 29.83712345)
    """
    near = float(Fraction(rate).limit_denominator(1001))
    return near if abs(near - rate) < 1e-9 else rate


def clips_at(timeline: Timeline, starts: Sequence[float], sampler: SlowFastTrain | SlowFastTest) -> Clips:
    """Return the clips that start at places ``starts``, in frames; past the end the last frame stays."""
    size = clip_size(timeline, sampler)
    places = np.stack([linspace(start, start + size - 1, sampler.frames) for start in starts])
    positions = places.astype(np.int64)
    return padded(timeline, positions, time_of(timeline, positions), "last", sampler)


def _check(sampler: SlowFastTrain | SlowFastTest) -> None:
    for name in ("frames", "rate", "count"):
        check_count(sampler, name)
    if not sampler.target_fps > 0:
        raise ValueError(f"{type(sampler).__name__}: target_fps must be above 0; got {sampler.target_fps!r}")
