"""Clips: runs of evenly spaced frames, at random or spread evenly over the recording."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from avssl.sampling.base import Clips, Sampler, Timeline, needs_rng
from avssl.sampling.checks import check_choice, check_count, check_pad, check_stride
from avssl.sampling.grid import Pad, clips_at, legal_starts
from avssl.sampling.stride import EVERY, Stride


@dataclass(frozen=True, kw_only=True)
class RandomClip(Sampler):
    """Clips at random: every start that keeps the clip within the recording, the last one included, is as likely.

    Args:
        frames: frames a clip.
        stride: distance of neighbouring frames.
        count: clips, each drawn for itself.
        pad: what stands past the end of a recording that is shorter than a clip.

    Examples:
        >>> from avssl.sampling import Timeline, fps, rng_for
        >>> clips = RandomClip(frames=4, stride=fps(10))(Timeline.constant(frames=100, rate=30), rng_for(0, 0, 0))
        >>> (clips.index - clips.index[:, :1]).tolist()
        [[0, 3, 6, 9]]
    """

    frames: int
    stride: Stride = EVERY
    count: int = 1
    pad: Pad = "last"

    def __post_init__(self):
        check_count(self, "frames")
        check_stride(self)
        check_count(self, "count")
        check_pad(self)

    def __call__(self, timeline: Timeline, rng: np.random.Generator | None = None) -> Clips:
        legal = max(1, legal_starts(timeline, self.frames, self.stride))
        starts = needs_rng(rng, self).integers(legal, size=self.count)
        return clips_at(timeline, starts, self.frames, self.stride, self.pad, self)


@dataclass(frozen=True, kw_only=True)
class UniformClips(Sampler):
    """Clips spread evenly over the recording, always the same; for evaluation.

    Args:
        frames: frames a clip.
        stride: distance of neighbouring frames.
        count: clips; more than there are starts repeats some.
        align: where the clips stand. ``"ends"``: the first starts with the recording and the last ends with it (one
            alone stands in the middle). ``"centres"`` and ``"starts"``: the legal starts are cut into ``count`` equal
            parts, and a clip starts at the middle or at the beginning of each.
        pad: what stands past the end of a recording that is shorter than a clip.

    Examples:
        >>> from avssl.sampling import Timeline
        >>> ten = Timeline.constant(frames=10, rate=25)
        >>> [UniformClips(frames=1, count=3, align=align)(ten).index.ravel().tolist() for align in ("ends", "starts")]
        [[0, 5, 9], [0, 3, 6]]
    """

    frames: int
    stride: Stride = EVERY
    count: int = 1
    align: Literal["ends", "centres", "starts"] = "ends"
    pad: Pad = "last"

    def __post_init__(self):
        check_count(self, "frames")
        check_stride(self)
        check_count(self, "count")
        check_choice(self, "align", ("ends", "centres", "starts"))
        check_pad(self)

    def __call__(self, timeline: Timeline, rng: np.random.Generator | None = None) -> Clips:
        legal = max(1, legal_starts(timeline, self.frames, self.stride))
        return clips_at(timeline, self._starts(legal), self.frames, self.stride, self.pad, self)

    def _starts(self, legal: int) -> np.ndarray:
        clip = np.arange(self.count)
        if self.align == "starts":
            return clip * legal // self.count
        if self.align == "centres":
            return (2 * clip + 1) * legal // (2 * self.count)
        if self.count == 1:
            return np.array([(legal - 1) // 2])
        intervals = self.count - 1
        return (2 * clip * (legal - 1) + intervals) // (2 * intervals)  # the nearest frame, a half goes up
