"""A row of clips in order of time, for methods that learn the order of clips.

Xu et al., "Self-supervised Spatiotemporal Learning via Video Clip Order Prediction", CVPR 2019.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from avssl.sampling.base import Clips, Sampler, Timeline, needs_rng
from avssl.sampling.checks import check_choice, check_count, check_range, check_stride
from avssl.sampling.grid import clips_at, position_at, run, time_of
from avssl.sampling.stride import AT_ONCE, EVERY, Stride


@dataclass(frozen=True, kw_only=True)
class OrderedClips(Sampler):
    """Clips in order of time that share no frame, with a gap between each and the next; the place is uniform.

    Args:
        clips: how many.
        frames: frames a clip.
        stride: distance of neighbouring frames.
        gap: ``(least, most)`` from the last frame of a clip to the first of the next, beyond the one stride that makes
            them neighbours, in frames or in seconds (one unit); each gap is drawn uniformly. Clip order prediction has
            ``(frames(8), frames(8))``.
        short: what to do with a recording too short. ``"scale"`` shrinks the gaps by a common factor, just as much as
            needed, and marks the clips in ``Clips.shrunk``; ``"error"`` refuses.

    Raises:
        ValueError: when called on a recording that does not hold the clips even without gaps, or with
            ``short="error"`` if it does not hold them with gaps.

    Examples:
        >>> from avssl.sampling import Timeline, frames, rng_for
        >>> row = OrderedClips(clips=3, frames=2, gap=(frames(8), frames(8)))
        >>> row(Timeline.constant(frames=22, rate=25), rng_for(0, epoch=0, sample=0)).index.tolist()
        [[0, 1], [10, 11], [20, 21]]
    """

    clips: int
    frames: int
    stride: Stride = EVERY
    gap: tuple[Stride, Stride] = (AT_ONCE, AT_ONCE)
    short: Literal["scale", "error"] = "scale"

    def __post_init__(self):
        check_count(self, "clips")
        check_count(self, "frames")
        check_stride(self)
        check_range(self, "gap")
        if self.gap[1] is None or self.gap[0].unit != self.gap[1].unit:
            raise ValueError(f"OrderedClips: gap needs a least and a most of one unit; got {self.gap!r}")
        check_choice(self, "short", ("scale", "error"))

    def __call__(self, timeline: Timeline, rng: np.random.Generator | None = None) -> Clips:
        rng = needs_rng(rng, self)
        gaps = self._gaps(rng)
        share = self._share(timeline, gaps)
        if share < 1 and self.short == "error":
            raise ValueError(
                f"the recording is too short for {self}: {len(timeline)} frames, {timeline.end:.3f} s; "
                "ask for smaller gaps, or choose short='scale'"
            )
        starts, ends = self._rows(timeline, gaps * share)
        place = rng.integers(np.count_nonzero(ends < len(timeline)))
        clips = clips_at(timeline, starts[place], self.frames, self.stride, "error", self)
        return replace(clips, shrunk=np.full(self.clips, share < 1))

    def _gaps(self, rng: np.random.Generator) -> np.ndarray:
        least, most = (bound.value for bound in self.gap)
        if least == most:
            return np.full(self.clips - 1, least)
        if self.gap[0].by_time:
            return rng.uniform(least, most, size=self.clips - 1)
        return rng.integers(int(least), int(most) + 1, size=self.clips - 1).astype(np.float64)

    def _share(self, timeline: Timeline, gaps: np.ndarray) -> float:
        """Return the largest share of the gaps, of 1, 0.98, ... 0, with which the row fits the recording."""
        for share in np.linspace(1, 0, 51):
            if self._rows(timeline, gaps * share, first_only=True)[1][0] < len(timeline):
                return float(share)
        raise ValueError(
            f"the recording is too short for {self}: its {len(timeline)} frames do not hold {self.clips} clips "
            "even without gaps; ask for fewer or shorter clips"
        )

    def _rows(self, timeline: Timeline, gaps: np.ndarray, first_only: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """Return the starts of the clips, ``(places, clips)``, and the last frame of the last clip, ``(places,)``."""
        starts = [np.arange(1 if first_only else len(timeline))]
        for gap in gaps:
            starts.append(self._behind(timeline, starts[-1], gap))
        return np.stack(starts, axis=1), self._last(timeline, starts[-1])

    def _behind(self, timeline: Timeline, starts: np.ndarray, gap: float) -> np.ndarray:
        last = self._last(timeline, starts)
        if self.stride.by_time:
            follows = position_at(timeline, time_of(timeline, starts) + self.frames * self.stride.duration)
        else:
            follows = last + int(self.stride.value)
        by_time = self.gap[0].by_time
        follows = position_at(timeline, time_of(timeline, follows) + gap) if by_time else follows + int(gap)
        return np.maximum(follows, last + 1)  # a stride finer than the frames would repeat one

    def _last(self, timeline: Timeline, starts: np.ndarray) -> np.ndarray:
        return run(timeline, starts, self.frames, self.stride)[0][:, -1]
