"""Frames in order of time, for methods that learn from order: five, a < b < c < d < e, or any number by their gaps.

Misra, Zitnick and Hebert, "Shuffle and Learn: Unsupervised Learning using Temporal Order Verification", ECCV 2016,
https://arxiv.org/abs/1603.08561. The letters are the paper's: (b, c, d) is in order, (b, a, d) and (b, e, d) are not.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from avssl.sampling.base import Clips, Sampler, Timeline, needs_rng
from avssl.sampling.checks import check_choice, check_count, check_length
from avssl.sampling.stride import Stride, frames

TAU_MAX, TAU_MIN = frames(60), frames(15)  # the paper's, at 25 frames a second


@dataclass(frozen=True, kw_only=True)
class OrderedFrames(Sampler):
    """Tuples of frames in order of time, each tuple a clip: five of them, a < b < c < d < e, or any number by ``gaps``.

    A tuple of five is legal if ``d - b <= tau_max``, ``b - a >= tau_min``, ``e - d >= tau_min``, ``c`` lies strictly
    between ``b`` and ``d``, and ``e - a <= window``. First a window is drawn, every one within the recording being as
    likely; then a tuple, every legal one within the window being as likely. The paper draws from a window of high
    motion too, but gives neither its length nor how the five are drawn in it; wrap in ``MotionWeighted`` for the
    motion.

    Args:
        tau_max: longest span of the ordered triplet, from b to d; the paper's is 60 frames of 25 a second.
        tau_min: shortest distance of the outsiders, from a to b and from d to e; the paper's is 15 frames.
        window: longest span of the five; None means ``tau_max + 4 * tau_min``, so that the outsiders have as much room
            as they need twice. All three must share a unit, frames or seconds.
        gaps: ``(least, most)`` replaces all of the above: the gaps between neighbours are drawn uniformly from
            ``least .. most`` frames, both included (among those that fit into the recording), then the place.
        frames: frames a tuple; other numbers than five need ``gaps``.
        count: tuples from one recording.
        short: what to do with a recording that holds no legal tuple. ``"scale"`` shrinks the distances (the taus to
            the same shares of the recording as they have of the window) and marks the clip in ``Clips.shrunk``;
            ``"error"`` refuses.

    Raises:
        ValueError: if the distances contradict each other; when called, if the recording has fewer frames than a tuple,
            or holds no legal tuple and ``short="error"``.

    Examples:
        >>> from avssl.sampling import Timeline, rng_for
        >>> clips = OrderedFrames(count=2)(Timeline.constant(frames=250, rate=25), rng_for(0, epoch=0, sample=3))
        >>> clips.index.shape, bool((np.diff(clips.index) > 0).all())
        ((2, 5), True)
        >>> OrderedFrames(frames=4, gaps=(2, 2))(Timeline.constant(frames=7, rate=25), rng_for(0, 0, 0)).index.tolist()
        [[0, 2, 4, 6]]
    """

    tau_max: Stride = TAU_MAX
    tau_min: Stride = TAU_MIN
    window: Stride | None = None
    gaps: tuple[int, int] | None = None
    frames: int = 5
    count: int = 1
    short: Literal["scale", "error"] = "scale"

    def __post_init__(self):
        check_count(self, "count")
        check_count(self, "frames", least=2)
        check_choice(self, "short", ("scale", "error"))
        if self.gaps is not None:
            self._check_gaps()
            return
        if self.frames != 5:
            raise ValueError(f"OrderedFrames: tau_max and tau_min are of 5 frames; set gaps for {self.frames}")
        check_length(self, "tau_max", self.tau_max, least=2)
        check_length(self, "tau_min", self.tau_min, least=1)
        if self.window is not None:
            check_length(self, "window", self.window, least=1)
        units = {length.unit for length in (self.tau_max, self.tau_min, self.window or self.tau_max)}
        if len(units) > 1:
            raise ValueError(
                f"OrderedFrames: tau_max, tau_min and window must share a unit, frames or seconds; got "
                f"{self.tau_max}, {self.tau_min} and {self.window}"
            )
        least = 2 * self.tau_min.value + (0 if self.span.by_time else 2)
        if self.span.value < least:
            raise ValueError(
                f"OrderedFrames: window must hold tau_min twice and the triplet, {least:g} {self.span.unit}; "
                f"got {self.span}"
            )

    @property
    def span(self) -> Stride:
        """The window, or what None stands for."""
        if self.window is not None:
            return self.window
        return Stride(self.tau_max.value + 4 * self.tau_min.value, self.tau_max.unit)

    def __call__(self, timeline: Timeline, rng: np.random.Generator | None = None) -> Clips:
        rng = needs_rng(rng, self)
        if len(timeline) < self.frames:
            raise ValueError(f"OrderedFrames needs a recording of at least {self.frames} frames; got {len(timeline)}")
        draw = self._draw_taus if self.gaps is None else self._draw_gaps
        tuples, shrunk = zip(*(draw(timeline, rng) for _ in range(self.count)), strict=True)
        index = np.stack(tuples).astype(np.int64)
        return Clips(
            index=index, times=timeline.times[index], valid=np.ones(index.shape, dtype=bool), shrunk=np.array(shrunk)
        )

    def _draw_taus(self, timeline: Timeline, rng: np.random.Generator) -> tuple[np.ndarray, bool]:
        by_time = self.span.by_time
        clock = timeline.times if by_time else np.arange(len(timeline), dtype=np.float64)
        slack = timeline.slack if by_time else 0.0
        # Windows start up to the first one that reaches the last frame; a shorter recording is one window.
        windows = int(np.searchsorted(clock, clock[-1] - self.span.value - slack, side="left")) + 1
        first = int(rng.integers(windows))
        chosen = self._in_window(clock, first, slack, rng)
        if chosen is None and by_time and windows > 1:  # a hole in the recording may leave one window without a tuple
            others = (self._in_window(clock, int(start), slack, rng) for start in rng.permutation(windows))
            chosen = next((found for found in others if found is not None), None)
        if chosen is not None:
            return chosen, False
        self._refuse_short(timeline)
        share = (len(timeline) - 1) / self.span.value
        outside = min(max(1, int(self.tau_min.value * share)), (len(timeline) - 3) // 2)
        inside = max(2, int(self.tau_max.value * share))
        chosen = draw_tuple(np.arange(len(timeline), dtype=np.float64), inside, outside, 0.0, rng)
        assert chosen is not None, "five frames always hold a tuple of the least distances"
        return chosen, True

    def _in_window(self, clock: np.ndarray, first: int, slack: float, rng: np.random.Generator) -> np.ndarray | None:
        behind = int(np.searchsorted(clock, clock[first] + self.span.value + slack, side="right"))
        chosen = draw_tuple(clock[first:behind], self.tau_max.value, self.tau_min.value, slack, rng)
        return None if chosen is None else first + chosen

    def _draw_gaps(self, timeline: Timeline, rng: np.random.Generator) -> tuple[np.ndarray, bool]:
        assert self.gaps is not None
        (least, most), room, count = self.gaps, len(timeline) - 1, self.frames - 1
        shrunk = count * least > room
        if shrunk:
            self._refuse_short(timeline)
            least, most = max(1, least * room // (count * most)), max(1, room // count)
        gaps = draw_gaps(count, least, most, room, rng)
        start = rng.integers(room - gaps.sum() + 1)
        return start + np.concatenate([[0], np.cumsum(gaps)]), shrunk

    def _refuse_short(self, timeline: Timeline) -> None:
        if self.short == "error":
            raise ValueError(
                f"the recording is too short for {self}: {len(timeline)} frames, {timeline.end:.3f} s; "
                "ask for smaller distances, or choose short='scale'"
            )

    def _check_gaps(self) -> None:
        gaps = tuple(self.gaps or ())
        if len(gaps) != 2 or not all(isinstance(gap, int) for gap in gaps) or not 1 <= gaps[0] <= gaps[1]:
            raise ValueError(
                f"OrderedFrames: gaps must be (least, most) in frames, 1 <= least <= most; got {self.gaps}"
            )
        if self.window is not None or self.tau_max != TAU_MAX or self.tau_min != TAU_MIN:
            raise ValueError("OrderedFrames: gaps replaces tau_max, tau_min and window; give either, not both")
        object.__setattr__(self, "gaps", gaps)


def draw_tuple(
    clock: np.ndarray, tau_max: float, tau_min: float, slack: float, rng: np.random.Generator
) -> np.ndarray | None:
    """Return one legal tuple a < b < c < d < e, every one being as likely, or None if there is none.

    Args:
        clock: when each frame of the window is, rising, ``(frames,)``.
        tau_max: longest distance from b to d, on the clock.
        tau_min: shortest distance from a to b and from d to e, above 0.
        slack: how far a distance may miss its bound, for rounded clocks.
        rng: the source of chance.
    """
    frames = np.arange(len(clock))
    # For each b how many frames can be a, and for each d how many can be e.
    before = np.minimum(np.searchsorted(clock, clock - tau_min + slack, side="right"), frames)
    after = np.minimum(len(clock) - np.searchsorted(clock, clock + tau_min - slack, side="left"), frames[::-1])
    between = np.maximum(frames[None] - frames[:, None] - 1, 0)  # (b, d): how many frames can be c
    near = clock[None] - clock[:, None] <= tau_max + slack
    ways = np.cumsum(before[:, None] * between * after[None] * near)
    if not len(ways) or not ways[-1]:
        return None
    b, d = divmod(int(np.searchsorted(ways, rng.integers(ways[-1]), side="right")), len(clock))
    a = rng.integers(before[b])
    c = rng.integers(b + 1, d)
    e = len(clock) - 1 - rng.integers(after[d])
    return np.array([a, b, c, d, e])


def draw_gaps(count: int, least: int, most: int, room: int, rng: np.random.Generator) -> np.ndarray:
    """Return ``count`` whole gaps of ``least .. most``, uniform among those whose sum is at most ``room``."""
    if count * most <= room:
        return rng.integers(least, most + 1, size=count)
    # ways[k][s]: in how many ways k gaps exceed their least by s in sum.
    ways = [np.ones(1)]
    for _ in range(count):
        ways.append(np.convolve(ways[-1], np.ones(most - least + 1)))
    left, gaps = room - count * least, []
    for others in reversed(range(count)):
        extra = np.arange(min(most - least, left) + 1)
        chance = np.array([ways[others][: left - more + 1].sum() for more in extra])
        gaps.append(least + int(rng.choice(extra, p=chance / chance.sum())))
        left -= gaps[-1] - least
    return np.array(gaps)
