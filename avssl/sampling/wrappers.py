"""Samplers around another sampler: several views, and places where much moves."""

from dataclasses import dataclass

import numpy as np

from avssl.sampling.base import Clips, Sampler, Timeline, needs_rng
from avssl.sampling.checks import check_count


@dataclass(frozen=True, kw_only=True)
class Views(Sampler):
    """Independent draws of one sampler, one behind another: ``views`` times its clips.

    Each view has a generator of its own, split from ``rng``: view 0 is the same whatever the number of views.

    Args:
        sampler: draws each view.
        views: how many.

    Examples:
        >>> from avssl.sampling import RandomClip, Timeline, rng_for
        >>> two = Views(sampler=RandomClip(frames=8), views=2)
        >>> two(Timeline.constant(frames=100, rate=25), rng_for(0, epoch=0, sample=0)).index.shape
        (2, 8)
    """

    sampler: Sampler
    views: int = 2

    def __post_init__(self):
        check_count(self, "views")

    @property
    def needs_motion(self) -> bool:
        return self.sampler.needs_motion

    def __call__(self, timeline: Timeline, rng: np.random.Generator | None = None) -> Clips:
        return Clips.joined([self.sampler(timeline, own) for own in needs_rng(rng, self).spawn(self.views)])


@dataclass(frozen=True, kw_only=True)
class MotionWeighted(Sampler):
    """The clips of another sampler, likelier where more moves.

    ``candidates`` draws are taken, and one is kept with a chance proportional to the motion in it: the timeline's
    motion, averaged over all frames from each clip's first to its last, and over its clips. With many candidates the
    chance of a place tends to the sampler's own times the motion there. Where nothing moves all are as likely.

    A draw is kept or left as a whole. For several clips weighted one by one put ``Views`` around:
    ``Views(sampler=MotionWeighted(sampler=RandomClip(frames=16)), views=4)``.

    Args:
        sampler: draws the candidates; it must be random to gain anything.
        candidates: how many draws to choose from.

    Raises:
        ValueError: when called with a timeline without motion.

    Examples:
        >>> from avssl.sampling import RandomClip, Timeline, rng_for
        >>> timeline = Timeline.constant(frames=100, rate=25).with_motion(np.arange(100) >= 90)
        >>> sampler = MotionWeighted(sampler=RandomClip(frames=5), candidates=64)
        >>> bool(sampler(timeline, rng_for(0, epoch=0, sample=0)).index.max() >= 90)
        True
    """

    sampler: Sampler
    candidates: int = 16

    def __post_init__(self):
        check_count(self, "candidates")

    @property
    def needs_motion(self) -> bool:
        return True

    def __call__(self, timeline: Timeline, rng: np.random.Generator | None = None) -> Clips:
        rng = needs_rng(rng, self)
        if timeline.motion is None:
            raise ValueError(
                "MotionWeighted needs to know how much moves: give it "
                "timeline.with_motion(avssl.media.motion_profile(source))"
            )
        draws = [self.sampler(timeline, rng) for _ in range(self.candidates)]
        motion = np.array([mean_motion(clips, timeline.motion) for clips in draws])
        chance = motion / motion.sum() if motion.sum() > 0 else None
        return draws[rng.choice(len(draws), p=chance)]


def mean_motion(clips: Clips, motion: np.ndarray) -> float:
    """Return the mean of ``motion`` over the frames from each clip's first to its last, padding left out."""
    total = np.concatenate([[0.0], np.cumsum(motion)])
    first = np.where(clips.valid, clips.index, len(motion)).min(axis=1)
    last = np.where(clips.valid, clips.index, -1).max(axis=1)
    means = (total[last + 1] - total[first]) / (last + 1 - first)
    return max(0.0, float(means.mean()))
