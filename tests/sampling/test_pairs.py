from collections import Counter
from itertools import product

import numpy as np
import pytest

from avssl.sampling import PairOfClips, Timeline, fps, frames, rng_for, seconds

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


@pytest.mark.parametrize("shared", ["any", "disjoint"])
def test_near_pairs_are_drawn_more_often_by_the_power_of_their_distance(shared, fits):
    sampler = PairOfClips(frames=3, gap=(frames(1), None), shared=shared, falloff=2.0, order="forward")
    timeline = Timeline.constant(frames=9, rate=25)  # starts 0 to 6, so distances up to 6
    places = list(product(range(7), repeat=2))
    expected = [
        (1 - (second - first) / 7) ** 2 if second - first >= (1 if shared == "any" else 3) else 0.0
        for first, second in places
    ]
    drawn = [tuple(sampler(timeline, rng_for(0, 0, sample)).index[:, 0].tolist()) for sample in range(3000)]
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


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PairOfClips(frames=4, falloff=-1.0), "falloff must be at least 0"),
        (lambda: PairOfClips(frames=4, gap=frames(3)), r"gap must be a pair \(least, most\)"),
        (lambda: PairOfClips(frames=4, gap=(frames(3), frames(2))), "must rise"),
        (lambda: PairOfClips(frames=4, gap=(fps(3), None)), "must be a length"),
        (lambda: PairOfClips(frames=4, shared="some"), "shared must be one of any, overlap, disjoint"),
    ],
)
def test_what_cannot_be_is_refused_at_construction(make, message):
    with pytest.raises(ValueError, match=message):
        make()
