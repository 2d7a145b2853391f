"""The snippets of Temporal Segment Networks, as in tsn-pytorch.

https://github.com/yjxiong/tsn-pytorch
"""

from dataclasses import dataclass

import numpy as np

from avssl.sampling.base import Clips, Sampler, Timeline, needs_rng
from avssl.sampling.checks import check_count
from avssl.sampling.grid import padded, time_of


@dataclass(frozen=True, kw_only=True)
class TSNTrain(Sampler):
    """One snippet at random from each segment; segments are whole frames long, so the last starts may never be drawn.

    A recording with fewer starts than segments draws sorted starts among all (the released code fails there); one with
    no more frames than segments starts all at its beginning.

    Args:
        segments: ``num_segments``.
        frames: ``new_length``, frames a snippet.
    """

    segments: int = 3
    frames: int = 1

    def __post_init__(self):
        _check(self)

    def __call__(self, timeline: Timeline, rng: np.random.Generator | None = None) -> Clips:
        rng = needs_rng(rng, self)
        legal = len(timeline) - self.frames + 1
        length = legal // self.segments
        if length > 0:
            starts = np.arange(self.segments) * length + rng.integers(length, size=self.segments)
        elif len(timeline) > self.segments and legal > 0:
            starts = np.sort(rng.integers(legal, size=self.segments))
        else:
            starts = np.zeros(self.segments, dtype=np.int64)
        return _snippets(timeline, starts, self)


@dataclass(frozen=True, kw_only=True)
class TSNTest(Sampler):
    """The snippet in the middle of each segment (``_get_test_indices``), however short the recording is.

    Starts before the recording, of one shorter than a snippet, are its first frame (the released code fails there).

    Args:
        segments: ``num_segments``.
        frames: ``new_length``, frames a snippet.
    """

    segments: int = 25
    frames: int = 1

    def __post_init__(self):
        _check(self)

    def __call__(self, timeline: Timeline, rng: np.random.Generator | None = None) -> Clips:
        return _snippets(timeline, _middles(timeline, self), self)


@dataclass(frozen=True, kw_only=True)
class TSNValidation(Sampler):
    """The same while training goes on (``_get_val_indices``): with no more starts than segments, all are the first.

    Args:
        segments: ``num_segments``.
        frames: ``new_length``, frames a snippet.
    """

    segments: int = 3
    frames: int = 1

    def __post_init__(self):
        _check(self)

    def __call__(self, timeline: Timeline, rng: np.random.Generator | None = None) -> Clips:
        enough = len(timeline) - self.frames + 1 > self.segments
        return _snippets(timeline, _middles(timeline, self) * enough, self)


def _middles(timeline: Timeline, sampler: TSNTest | TSNValidation) -> np.ndarray:
    tick = (len(timeline) - sampler.frames + 1) / sampler.segments
    return (tick / 2 + tick * np.arange(sampler.segments)).astype(np.int64).clip(min=0)


def _check(sampler: Sampler) -> None:
    check_count(sampler, "segments")
    check_count(sampler, "frames")


def _snippets(timeline: Timeline, starts: np.ndarray, sampler: TSNTrain | TSNTest | TSNValidation) -> Clips:
    positions = starts[:, None] + np.arange(sampler.frames)
    return padded(timeline, positions, time_of(timeline, positions), "last", sampler)
