"""The whole recording: sliding clips one after another, or one clip up to the end."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from avssl.sampling.base import Clips, Sampler, Timeline
from avssl.sampling.checks import check_choice, check_count, check_length, check_pad, check_stride
from avssl.sampling.grid import Pad, advance, clips_at, legal_starts, position_at
from avssl.sampling.stride import AT_ONCE, EVERY, Stride


@dataclass(frozen=True, kw_only=True)
class SlidingClips(Sampler):
    """Clips one after another through the whole recording, as many as it takes.

    Args:
        frames: frames a clip.
        stride: distance of neighbouring frames.
        hop: distance of neighbouring clips' starts; None puts each clip right behind the one before.
        tail: what happens to the frames behind the last whole clip. ``"drop"`` leaves them out, ``"backfill"`` adds a
            clip that ends with the recording, ``"pad"`` adds the next clip, padded.
        pad: what stands past the end.

    Raises:
        ValueError: when called on a recording shorter than one clip with ``tail="drop"``.

    Examples:
        >>> from avssl.sampling import Timeline, frames
        >>> ten = Timeline.constant(frames=10, rate=25)
        >>> SlidingClips(frames=4, hop=frames(4), tail="backfill")(ten).index.tolist()
        [[0, 1, 2, 3], [4, 5, 6, 7], [6, 7, 8, 9]]
    """

    frames: int
    stride: Stride = EVERY
    hop: Stride | None = None
    tail: Literal["drop", "backfill", "pad"] = "drop"
    pad: Pad = "last"

    def __post_init__(self):
        check_count(self, "frames")
        check_stride(self)
        if self.hop is not None:
            check_stride(self, "hop")
        check_choice(self, "tail", ("drop", "backfill", "pad"))
        check_pad(self)

    def __call__(self, timeline: Timeline, rng: np.random.Generator | None = None) -> Clips:
        legal = legal_starts(timeline, self.frames, self.stride)
        if not legal and self.tail == "drop":
            raise ValueError(
                f"the recording is too short for {self}: its {len(timeline)} frames do not hold one clip; "
                "ask for less, or choose tail='pad'"
            )
        hops = self._hops(timeline)
        starts = hops[hops < legal]
        if not len(starts):
            starts = np.array([0])
        elif starts[-1] < legal - 1 and self.tail == "backfill":
            starts = np.append(starts, legal - 1)
        elif starts[-1] < legal - 1 and self.tail == "pad":
            starts = hops[: len(starts) + 1]
        return clips_at(timeline, starts, self.frames, self.stride, self.pad, self)

    def _hops(self, timeline: Timeline) -> np.ndarray:
        """Return every start within the recording."""
        hop, times = self.hop, 1
        if hop is None:
            hop, times = self.stride, self.frames
        if not hop.by_time:
            return np.arange(0, len(timeline), int(hop.value) * times)
        step = times * hop.duration
        hops = position_at(timeline, np.arange(timeline.times[-1] // step + 2) * step)
        return np.unique(hops[hops < len(timeline)])


@dataclass(frozen=True, kw_only=True)
class Consecutive(Sampler):
    """One clip from the start on: the whole recording, or its first frames.

    Args:
        frames: frames in the clip; None takes all up to the end.
        stride: distance of neighbouring frames.
        start: how far into the recording the clip starts.
        pad: what stands past the end.

    Raises:
        ValueError: when called on a recording that is over before ``start``.

    Examples:
        >>> from avssl.sampling import Timeline, frames
        >>> Consecutive(stride=frames(3), start=frames(1))(Timeline.constant(frames=10, rate=25)).index.tolist()
        [[1, 4, 7]]
    """

    frames: int | None = None
    stride: Stride = EVERY
    start: Stride = AT_ONCE
    pad: Pad = "last"

    def __post_init__(self):
        if self.frames is not None:
            check_count(self, "frames")
        check_stride(self)
        check_length(self, "start", self.start)
        check_pad(self)

    def __call__(self, timeline: Timeline, rng: np.random.Generator | None = None) -> Clips:
        starts = advance(timeline, np.array([0]), self.start)
        if starts[0] >= len(timeline):
            raise ValueError(f"the recording is over after {timeline.end:.3f} s, before {self} starts")
        frames = self.frames or self._to_the_end(timeline, int(starts[0]))
        return clips_at(timeline, starts, frames, self.stride, self.pad, self)

    def _to_the_end(self, timeline: Timeline, start: int) -> int:
        if not self.stride.by_time:
            return -(-(len(timeline) - start) // int(self.stride.value))
        # As many steps as fit; the first that no longer does is cut off by asking one more.
        most = int((timeline.end - timeline.times[start]) / self.stride.duration) + 2
        clip = clips_at(timeline, np.array([start]), most, self.stride, "last", self)
        return max(1, int(clip.valid.sum()))
