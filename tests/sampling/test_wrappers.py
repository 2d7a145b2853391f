from itertools import product

import numpy as np
import pytest

from avssl.sampling import MotionWeighted, OrderedFrames, RandomClip, Timeline, Views, WithSound, rng_for

FOUR = Timeline.constant(frames=4, rate=25)


def test_views_are_drawn_for_themselves():
    sampler = Views(sampler=RandomClip(frames=1), views=2)
    draws = np.stack(
        [sampler(Timeline.constant(frames=100, rate=25), rng_for(0, 0, sample)).index.ravel() for sample in range(300)]
    )
    assert abs(np.corrcoef(draws.T)[0, 1]) < 0.2


def test_a_view_is_the_same_whatever_the_number_of_views():
    timeline, sampler = Timeline.constant(frames=1000, rate=25), RandomClip(frames=8, count=2)
    two, five = (Views(sampler=sampler, views=views)(timeline, rng_for(0, 0, 0)).index for views in (2, 5))
    assert two.shape == (4, 8)
    assert (five[:4] == two).all()


@pytest.mark.parametrize("motion", [[1.0, 0.0, 2.0, 5.0], [0.0, 0.0, 0.0, 0.0]])
def test_motion_weighted_places_follow_their_exact_chances(motion, fits):
    # All pairs of candidates, each as likely; of a pair one is kept in proportion to its motion.
    expected = np.zeros(4)
    for pair in product(range(4), repeat=2):
        weights = np.array([motion[place] for place in pair])
        weights = weights / weights.sum() if weights.sum() else np.array([0.5, 0.5])
        for place, weight in zip(pair, weights, strict=True):
            expected[place] += weight / 16
    sampler = MotionWeighted(sampler=RandomClip(frames=1), candidates=2)
    timeline = FOUR.with_motion(np.array(motion))
    drawn = [sampler(timeline, rng_for(0, 0, sample)).index[0, 0] for sample in range(6000)]
    fits(np.bincount(drawn, minlength=4), expected)


def test_the_motion_of_a_clip_is_the_mean_over_its_span_not_only_its_frames():
    # Both clips of frames 0, 2 and 1, 3 show frames without motion; frame 1 moves and lies within the first.
    sampler = MotionWeighted(sampler=RandomClip(frames=2), candidates=64)
    timeline = Timeline.constant(frames=5, rate=25).with_motion(np.array([0, 0, 0, 0, 1.0]))
    assert sampler(timeline, rng_for(0, 0, 0)).index.tolist() == [[3, 4]]
    tuples = MotionWeighted(sampler=OrderedFrames(gaps=(2, 2)), candidates=64)
    timeline = Timeline.constant(frames=18, rate=25).with_motion(np.arange(18) == 17)
    starts = {int(tuples(timeline, rng_for(0, 0, sample)).index[0, 0]) for sample in range(20)}
    assert starts == {9}  # the only place of 9 frames whose span holds frame 17


def test_padding_does_not_count_as_motion():
    clips = RandomClip(frames=4)(Timeline.constant(frames=2, rate=25), rng_for(0, 0, 0))
    from avssl.sampling.wrappers import mean_motion

    assert mean_motion(clips, np.array([1.0, 3.0])) == 2.0


def test_a_timeline_without_motion_is_refused_with_the_way_to_get_it():
    with pytest.raises(ValueError, match=r"with_motion\(avssl.media.motion_profile\(source\)\)"):
        MotionWeighted(sampler=RandomClip(frames=1))(FOUR, rng_for(0, 0, 0))


def test_samplers_say_whether_they_need_motion():
    weighted = MotionWeighted(sampler=RandomClip(frames=1))
    assert weighted.needs_motion
    assert Views(sampler=WithSound(sampler=weighted)).needs_motion
    assert not Views(sampler=RandomClip(frames=1)).needs_motion


def test_numbers_below_one_are_refused():
    with pytest.raises(ValueError, match="Views: views must be"):
        Views(sampler=RandomClip(frames=1), views=0)
    with pytest.raises(ValueError, match="MotionWeighted: candidates must be"):
        MotionWeighted(sampler=RandomClip(frames=1), candidates=0)
