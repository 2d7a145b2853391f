import numpy as np
import pytest

from avssl.sampling import RandomClip, Timeline, UniformClips, fps, frames, rng_for, seconds

TEN = Timeline.constant(frames=10, rate=25)
TWENTY = Timeline.constant(frames=20, rate=25)


def index(sampler, timeline=TEN, sample=0):
    return sampler(timeline, rng_for(0, 0, sample)).index.tolist()


def test_every_start_of_a_random_clip_is_drawn_equally_often_the_last_one_too(fits):
    clips = RandomClip(frames=4, stride=frames(3), count=22000)(TWENTY, rng_for(0, 0, 0))
    assert clips.index[:, -1].max() == 19
    fits(np.bincount(clips.index[:, 0], minlength=20), [1] * 11 + [0] * 9)


def test_every_start_of_a_random_clip_by_time_is_drawn_equally_often(fits, uneven):
    clips = RandomClip(frames=3, stride=seconds(0.2), count=22000)(uneven, rng_for(0, 0, 0))
    legal = [1.0 if time + 0.4 + uneven.slack < uneven.end else 0.0 for time in uneven.times]
    assert 0 < sum(legal) < len(legal)
    assert clips.valid.all()
    fits(np.bincount(clips.index[:, 0], minlength=len(uneven)), legal)


def test_frames_picked_by_time_are_those_on_screen(uneven):
    clips = UniformClips(frames=8, stride=fps(10), align="starts")(uneven)
    # times asked for: 0, 0.1, ... 0.7; the hole from 0.30 to 1.50 shows frame 6 all along
    assert clips.index.tolist() == [[0, 3, 3, 6, 6, 6, 6, 6]]
    assert clips.times[0] == pytest.approx(np.arange(8) / 10)


def test_rounded_clocks_do_not_make_resampling_stutter():
    thirty = Timeline(times=np.round(np.arange(30) / 30, 3), end=1.0)  # as Matroska keeps it
    clips = UniformClips(frames=15, stride=fps(15), align="starts")(thirty)
    assert clips.index.tolist() == [list(range(0, 30, 2))]


@pytest.mark.parametrize(
    ("pad", "expected"),
    [
        ("last", [0, 2, 4, 4, 4, 4]),
        ("loop", [0, 2, 4, 1, 3, 0]),
        ("reflect", [0, 2, 4, 2, 0, 2]),
    ],
)
@pytest.mark.parametrize("stride", [frames(2), fps(12.5)])
def test_padding_policies_on_a_recording_of_five_frames(pad, expected, stride):
    clips = RandomClip(frames=6, stride=stride, pad=pad)(Timeline.constant(frames=5, rate=25), rng_for(0, 0, 0))
    assert clips.index.tolist() == [expected]
    assert clips.valid.tolist() == [[True] * 3 + [False] * 3]
    assert clips.times[0] == pytest.approx(np.arange(6) * 0.08)


@pytest.mark.parametrize("pad", ["last", "loop", "reflect"])
def test_a_recording_of_one_frame_fills_a_clip(pad):
    clips = RandomClip(frames=4, stride=seconds(0.1), pad=pad)(Timeline(times=[0.0], end=0.0), rng_for(0, 0, 0))
    assert clips.index.tolist() == [[0] * 4]
    assert clips.valid.tolist() == [[True, False, False, False]]


def test_padding_is_refused_under_the_policy_error():
    with pytest.raises(ValueError, match=r"too short for RandomClip\(frames=16, .*it has 10 frames and frame 15"):
        RandomClip(frames=16, pad="error")(TEN, rng_for(0, 0, 0))


def test_uniform_clips_from_end_to_end():
    assert index(UniformClips(frames=4, count=3)) == [[0, 1, 2, 3], [3, 4, 5, 6], [6, 7, 8, 9]]


def test_a_single_clip_from_end_to_end_stands_in_the_middle():
    assert index(UniformClips(frames=4)) == [[3, 4, 5, 6]]


def test_uniform_clips_at_the_centres_and_the_starts_of_equal_parts():
    assert index(UniformClips(frames=1, count=5, align="centres")) == [[1], [3], [5], [7], [9]]
    assert index(UniformClips(frames=1, count=5, align="starts")) == [[0], [2], [4], [6], [8]]


def test_more_uniform_clips_than_starts_repeat_some():
    assert index(UniformClips(frames=9, count=4)) == [list(range(start, start + 9)) for start in (0, 0, 1, 1)]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RandomClip(frames=0), "RandomClip: frames must be a whole number of at least 1; got 0"),
        (lambda: RandomClip(frames=2.5), "frames must be a whole number"),
        (lambda: RandomClip(frames=4, stride=4), r"RandomClip: stride must be frames\(4\), fps\(8\) or seconds"),
        (lambda: RandomClip(frames=4, stride=frames(0)), "above 0; got frames"),
        (lambda: RandomClip(frames=4, pad="zero"), "pad must be one of last, loop, reflect, error; got 'zero'"),
        (lambda: RandomClip(frames=4, count=0), "count must be"),
        (lambda: UniformClips(frames=4, align="middle"), "align must be one of ends, centres, starts; got 'middle'"),
    ],
)
def test_a_sampler_checks_itself_at_construction(make, message):
    with pytest.raises(ValueError, match=message):
        make()
