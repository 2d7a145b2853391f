from collections import Counter
from itertools import product

import numpy as np
import pytest

from avssl.sampling import OrderedClips, PairOfClips, Timeline, fps, frames, rng_for, seconds

THIRTY = Timeline.constant(frames=30, rate=25)


@pytest.mark.parametrize("shared", ["any", "overlap", "disjoint"])
@pytest.mark.parametrize("gap", [(frames(2), frames(9)), (frames(0), None), (seconds(0.1), seconds(0.3))])
def test_every_legal_pair_is_drawn_equally_often(shared, gap, fits):
    sampler = PairOfClips(frames=4, stride=frames(2), gap=gap, shared=shared, order="forward")
    timeline = Timeline.constant(frames=16, rate=25)

    def legal(first, second):
        far = abs(second - first) / 25 if gap[0].by_time else second - first
        near_enough = gap[1] is None or far <= gap[1].value + 0.001
        rule = {"any": True, "overlap": second <= first + 6, "disjoint": second > first + 6}[shared]
        return second >= first and far >= gap[0].value - 0.001 and near_enough and rule

    places = list(product(range(10), repeat=2))
    expected = [1.0 if legal(*pair) else 0.0 for pair in places]
    drawn = [tuple(sampler(timeline, rng_for(0, 0, sample)).index[:, 0].tolist()) for sample in range(1200)]
    seen = Counter(drawn)
    fits([seen[pair] for pair in places], expected)


def test_either_clip_of_a_pair_comes_first():
    sampler = PairOfClips(frames=2, gap=(frames(5), None))
    forward = [np.diff(sampler(THIRTY, rng_for(0, 0, sample)).index[:, 0])[0] > 0 for sample in range(400)]
    assert 0.4 < np.mean(forward) < 0.6


def test_a_recording_too_short_for_the_pair_takes_the_widest_and_says_so_or_refuses():
    far = PairOfClips(frames=4, gap=(seconds(5), None), order="forward")
    clips = far(THIRTY, rng_for(0, 0, 0))
    assert clips.index[:, 0].tolist() == [0, 26]
    assert clips.shrunk.all()
    with pytest.raises(ValueError, match=r"too short for PairOfClips\(.*30 frames, 1.200 s"):
        PairOfClips(frames=4, gap=(seconds(5), None), short="error")(THIRTY, rng_for(0, 0, 0))


def test_a_pair_that_should_overlap_but_stand_too_far_apart_is_refused():
    with pytest.raises(ValueError, match="no two clips overlap"):
        PairOfClips(frames=4, gap=(frames(4), None), shared="overlap")(THIRTY, rng_for(0, 0, 0))


def test_a_row_of_clips_keeps_its_gap_and_its_place_is_uniform(fits):
    sampler = OrderedClips(clips=3, frames=4, gap=(frames(5), frames(5)))
    drawn = np.stack([sampler(THIRTY, rng_for(0, 0, sample)).index for sample in range(2000)])
    assert (drawn[:, 1:, 0] - drawn[:, :-1, -1] == 6).all()
    fits(np.bincount(drawn[:, 0, 0], minlength=9), [1] * 9)


def test_a_row_of_clips_by_time_equals_one_by_frames():
    by_frames = OrderedClips(clips=3, frames=4, stride=frames(2), gap=(frames(3), frames(3)))
    by_time = OrderedClips(clips=3, frames=4, stride=fps(12.5), gap=(seconds(0.12), seconds(0.12)))
    timeline = Timeline.constant(frames=60, rate=25)
    for sample in range(10):
        one, other = (sampler(timeline, rng_for(0, 0, sample)) for sampler in (by_frames, by_time))
        assert (one.index == other.index).all()


def test_clips_of_a_row_never_share_a_frame(uneven):
    sampler = OrderedClips(clips=3, frames=2, stride=seconds(0.03), gap=(seconds(0), seconds(0.2)))
    for sample in range(200):
        clips = sampler(uneven, rng_for(0, 0, sample))
        assert clips.valid.all()
        assert (clips.index[1:, 0] > clips.index[:-1, -1]).all()


def test_a_row_too_long_for_the_recording_shrinks_its_gaps_and_says_so_or_refuses():
    sampler = OrderedClips(clips=3, frames=4, gap=(frames(20), frames(20)))
    clips = sampler(THIRTY, rng_for(0, 0, 0))
    assert clips.shrunk.all()
    assert (clips.index[1:, 0] - clips.index[:-1, -1] - 1 >= 8).all()  # nearly all the room of 30 - 12, by two
    with pytest.raises(ValueError, match="too short"):
        OrderedClips(clips=3, frames=4, gap=(frames(20), frames(20)), short="error")(THIRTY, rng_for(0, 0, 0))
    with pytest.raises(ValueError, match="do not hold 3 clips even without gaps"):
        OrderedClips(clips=3, frames=11)(THIRTY, rng_for(0, 0, 0))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PairOfClips(frames=4, gap=frames(3)), r"gap must be a pair \(least, most\)"),
        (lambda: PairOfClips(frames=4, gap=(frames(3), frames(2))), "must rise"),
        (lambda: PairOfClips(frames=4, gap=(fps(3), None)), "must be a length"),
        (lambda: PairOfClips(frames=4, shared="some"), "shared must be one of any, overlap, disjoint"),
        (lambda: OrderedClips(clips=2, frames=4, gap=(frames(1), seconds(1))), "one unit"),
        (lambda: OrderedClips(clips=2, frames=4, gap=(frames(1), None)), "a least and a most"),
    ],
)
def test_what_cannot_be_is_refused_at_construction(make, message):
    with pytest.raises(ValueError, match=message):
        make()
