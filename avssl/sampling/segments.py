"""Samplers that cover a recording with parts: TSN's segments and the dense windows of I3D-like tests.

Wang et al., "Temporal Segment Networks", ECCV 2016, https://arxiv.org/abs/1608.00859.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from avssl.sampling.base import Clips, Sampler, Timeline, needs_rng
from avssl.sampling.checks import check_choice, check_count, check_length, check_pad, check_stride
from avssl.sampling.grid import Pad, advance, clips_at, legal_starts, position_at
from avssl.sampling.stride import EVERY, Stride, frames

WINDOW = frames(64)


@dataclass(frozen=True, kw_only=True)
class Segments(Sampler):
    """One snippet from each of ``count`` equal parts of the recording.

    The legal starts of a snippet are cut into ``count`` parts, so every snippet stays within the recording and the
    last frames are as likely as any. Parts of a recording with fewer starts than parts share starts.

    Args:
        count: parts.
        pick: ``"random"`` draws within each part, for training; ``"centre"`` and ``"start"`` are always the same.
        frames_per_segment: frames a snippet.
        stride: distance of neighbouring frames of a snippet.
        joined: False gives each snippet as a clip, ``(count, frames_per_segment)``; True gives one clip of them all.
        pad: what stands past the end of a recording that is shorter than a snippet.

    Examples:
        >>> from avssl.sampling import Timeline
        >>> Segments(count=4, pick="centre", joined=True)(Timeline.constant(frames=100, rate=25)).index.tolist()
        [[12, 37, 62, 87]]
    """

    count: int
    pick: Literal["centre", "random", "start"] = "centre"
    frames_per_segment: int = 1
    stride: Stride = EVERY
    joined: bool = False
    pad: Pad = "last"

    def __post_init__(self):
        check_count(self, "count")
        check_choice(self, "pick", ("centre", "random", "start"))
        check_count(self, "frames_per_segment")
        check_stride(self)
        check_pad(self)

    def __call__(self, timeline: Timeline, rng: np.random.Generator | None = None) -> Clips:
        legal = max(1, legal_starts(timeline, self.frames_per_segment, self.stride))
        clips = clips_at(timeline, self._starts(legal, rng), self.frames_per_segment, self.stride, self.pad, self)
        if not self.joined:
            return clips
        return Clips(
            index=clips.index.reshape(1, -1), times=clips.times.reshape(1, -1), valid=clips.valid.reshape(1, -1)
        )

    def _starts(self, legal: int, rng: np.random.Generator | None) -> np.ndarray:
        bounds = np.arange(self.count + 1) * legal // self.count
        if self.pick == "start":
            return bounds[:-1]
        if self.pick == "centre":
            return (2 * np.arange(self.count) + 1) * legal // (2 * self.count)
        return needs_rng(rng, self).integers(bounds[:-1], np.maximum(bounds[1:], bounds[:-1] + 1))


@dataclass(frozen=True, kw_only=True)
class DenseClips(Sampler):
    """Clips that start evenly within a short window, the window at random or at some even places.

    Args:
        frames: frames a clip.
        stride: distance of neighbouring frames.
        count: clips a window; they start ``window / count`` apart.
        window: the stretch that the clips start in.
        positions: None draws one window at random, every start that keeps it within the recording being as likely;
            a number spreads so many windows evenly from the first start to the last, for testing.
        pad: what stands past the end; a clip that starts late in the window may reach past it, and past the end.

    Examples:
        >>> from avssl.sampling import Timeline, frames
        >>> dense = DenseClips(frames=1, count=4, window=frames(64), positions=2)
        >>> dense(Timeline.constant(frames=100, rate=25)).index.ravel().tolist()
        [0, 16, 32, 48, 36, 52, 68, 84]
    """

    frames: int
    stride: Stride = EVERY
    count: int = 1
    window: Stride = WINDOW
    positions: int | None = None
    pad: Pad = "loop"

    def __post_init__(self):
        check_count(self, "frames")
        check_stride(self)
        check_count(self, "count")
        check_length(self, "window", self.window, least=self.count)
        if self.positions is not None:
            check_count(self, "positions")
        check_pad(self)

    def __call__(self, timeline: Timeline, rng: np.random.Generator | None = None) -> Clips:
        reach = advance(timeline, np.arange(len(timeline)), self.window)
        legal = max(1, int(np.count_nonzero(reach <= len(timeline))))
        if self.positions is None:
            windows = needs_rng(rng, self).integers(legal, size=1)
        else:
            windows = np.linspace(0, legal - 1, self.positions).astype(np.int64)
        # A late start past the end of a recording that is shorter than the window comes round to its beginning.
        starts = self._within(timeline, windows).ravel() % len(timeline)
        return clips_at(timeline, starts, self.frames, self.stride, self.pad, self)

    def _within(self, timeline: Timeline, windows: np.ndarray) -> np.ndarray:
        """Return the starts of each window's clips, ``(windows, count)``."""
        clip = np.arange(self.count)
        if not self.window.by_time:
            return windows[:, None] + clip * int(self.window.value) // self.count
        return position_at(timeline, timeline.times[windows][:, None] + clip * (self.window.value / self.count))
