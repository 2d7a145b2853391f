import numpy as np
import pytest

from avssl.sampling import OrderedClips, Timeline, fps, frames, rng_for, seconds

THIRTY = Timeline.constant(frames=30, rate=25)


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


@pytest.mark.parametrize("gap", [(frames(1), seconds(1)), (frames(1), None)])
def test_a_gap_needs_two_bounds_of_one_unit(gap):
    with pytest.raises(ValueError, match="a least and a most of one unit"):
        OrderedClips(clips=2, frames=4, gap=gap)
