"""Pairs of clips of one recording: near or far, overlapping or disjoint."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from avssl.sampling.base import Clips, Sampler, Timeline, needs_rng
from avssl.sampling.checks import check_choice, check_count, check_pad, check_range, check_stride
from avssl.sampling.grid import Pad, clips_at, legal_starts, run
from avssl.sampling.stride import AT_ONCE, EVERY, Stride


@dataclass(frozen=True, kw_only=True)
class PairOfClips(Sampler):
    """Two clips whose starts lie within a range of distances, every such pair being as likely, or near ones more.

    Since a recording has fewer far pairs than near ones, the density of distances falls linearly even so, as that of
    two clips that are drawn each for itself (`RandomClip`). ``falloff`` lets it fall faster: Qian et al.,
    "Spatiotemporal Contrastive Video Representation Learning" (CVRL), CVPR 2021, section 3.2,
    https://arxiv.org/abs/2008.03800, draw distances from a density that falls; which of the paper's curves is meant is
    a matter of the number.

    A near pair: ``gap=(frames(1), seconds(1))``. A far pair: ``gap=(seconds(5), None)``.

    Args:
        frames: frames a clip.
        stride: distance of neighbouring frames.
        gap: ``(least, most)`` distance of the two starts, each in frames or seconds; ``most`` may be None.
        shared: ``"overlap"``: the second clip starts before the first one's last frame or with it; ``"disjoint"``:
            after it; ``"any"``: either.
        falloff: pairs at a distance of ``d`` count ``(1 - d / longest) ** falloff``, with the longest distance that the
            recording allows plus one frame; 0 lets all pairs count alike.
        order: ``"forward"`` gives the earlier clip first, ``"random"`` either first.
        short: what to do with a recording too short for such a pair. ``"scale"`` takes the two clips as far apart as
            it allows, and marks them in ``Clips.shrunk``; ``"error"`` refuses.
        pad: what stands past the end of a recording that is shorter than a clip.

    Raises:
        ValueError: when called on a recording too short with ``short="error"``, or if no pair of clips can overlap
            and be so far apart.

    Examples:
        >>> from avssl.sampling import Timeline, frames, rng_for
        >>> pair = PairOfClips(frames=8, gap=(frames(0), frames(30)), shared="disjoint", order="forward")
        >>> first, second = pair(Timeline.constant(frames=100, rate=25), rng_for(0, epoch=0, sample=0)).index
        >>> bool(8 <= second[0] - first[0] <= 30)
        True
    """

    frames: int
    stride: Stride = EVERY
    gap: tuple[Stride, Stride | None] = (AT_ONCE, None)
    shared: Literal["any", "overlap", "disjoint"] = "any"
    falloff: float = 0.0
    order: Literal["random", "forward"] = "random"
    short: Literal["scale", "error"] = "scale"
    pad: Pad = "last"

    def __post_init__(self):
        check_count(self, "frames")
        check_stride(self)
        check_range(self, "gap")
        check_choice(self, "shared", ("any", "overlap", "disjoint"))
        if not self.falloff >= 0:
            raise ValueError(f"falloff must be at least 0; got {self.falloff}")
        check_choice(self, "order", ("random", "forward"))
        check_choice(self, "short", ("scale", "error"))
        check_pad(self)

    def __call__(self, timeline: Timeline, rng: np.random.Generator | None = None) -> Clips:
        rng = needs_rng(rng, self)
        legal = max(1, legal_starts(timeline, self.frames, self.stride))
        least, most = self._seconds_start(timeline, np.arange(legal), legal)
        ways = np.cumsum(np.maximum(most - least + 1, 0))
        shrunk = not ways[-1]
        if shrunk:
            self._refuse_short(timeline, legal)
            starts = np.array([0, legal - 1])
        elif self.falloff:
            starts = self._falling(least, most, rng)
        else:
            first = int(np.searchsorted(ways, rng.integers(ways[-1]), side="right"))
            starts = np.array([first, rng.integers(least[first], most[first] + 1)])
        if self.order == "random" and rng.random() < 0.5:
            starts = starts[::-1]
        clips = clips_at(timeline, starts, self.frames, self.stride, self.pad, self)
        return replace(clips, shrunk=np.full(2, shrunk))

    def _seconds_start(self, timeline: Timeline, firsts: np.ndarray, legal: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the first and the last legal start of the second clip for each start of the first."""
        nearest, farthest = self.gap
        if nearest.by_time:
            wanted = timeline.times[firsts] + nearest.value - timeline.slack
            least = np.maximum(np.searchsorted(timeline.times, wanted, side="left"), firsts)
        else:
            least = firsts + int(nearest.value)
        most = np.full(len(firsts), legal - 1)
        if farthest is not None:
            reach = timeline.times[firsts] + farthest.value if farthest.by_time else None
            last = firsts + int(farthest.value) if reach is None else timeline.at(reach, timeline.slack)
            most = np.minimum(most, last)
        ends = run(timeline, firsts, self.frames, self.stride)[0][:, -1]
        if self.shared == "overlap":
            most = np.minimum(most, ends)
        elif self.shared == "disjoint":
            least = np.maximum(least, ends + 1)
        return least, most

    def _falling(self, least: np.ndarray, most: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return the starts of a pair: its distance drawn by ``falloff``, its place among pairs as far apart."""
        firsts = np.arange(len(least))
        has = most >= least
        changes = np.zeros(len(least) + 1, dtype=np.int64)  # pairs at each distance, as steps up and down
        np.add.at(changes, (least - firsts)[has], 1)
        np.add.at(changes, (most - firsts)[has] + 1, -1)
        pairs = changes.cumsum()[:-1]
        longest = int(pairs.nonzero()[0][-1]) + 1
        distances = np.minimum(firsts, longest)
        weights = (pairs * (1 - distances / longest) ** self.falloff).cumsum()
        distance = int(np.searchsorted(weights, rng.random() * weights[-1], side="right"))
        able = firsts[(least - firsts <= distance) & (distance <= most - firsts)]
        first = int(able[rng.integers(len(able))])
        return np.array([first, first + distance])

    def _refuse_short(self, timeline: Timeline, legal: int) -> None:
        if self.shared == "overlap" and legal > 1:
            raise ValueError(f"no two clips overlap and stand so far apart as {self} asks; make gap smaller")
        if self.short == "error":
            raise ValueError(
                f"the recording is too short for {self}: {len(timeline)} frames, {timeline.end:.3f} s; "
                "ask for a smaller gap, or choose short='scale'"
            )
