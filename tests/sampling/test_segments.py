import numpy as np
import pytest

from avssl.sampling import DenseClips, Segments, Timeline, fps, frames, rng_for, seconds

HUNDRED = Timeline.constant(frames=100, rate=25)


def test_segments_start_and_centre():
    assert Segments(count=5, pick="start")(HUNDRED).index.ravel().tolist() == [0, 20, 40, 60, 80]
    assert Segments(count=5, pick="centre")(HUNDRED).index.ravel().tolist() == [10, 30, 50, 70, 90]


def test_snippets_of_several_frames_stay_within_the_recording():
    clips = Segments(count=3, pick="start", frames_per_segment=4, stride=frames(2))(
        Timeline.constant(frames=9, rate=25)
    )
    assert clips.index.tolist() == [[0, 2, 4, 6], [1, 3, 5, 7], [2, 4, 6, 8]]


def test_random_segments_draw_every_start_of_their_part_equally_often(fits):
    sampler = Segments(count=3, pick="random")
    timeline = Timeline.constant(frames=10, rate=25)
    drawn = np.concatenate([sampler(timeline, rng_for(0, 0, sample)).index.T for sample in range(3000)])
    for part, (start, stop) in enumerate([(0, 3), (3, 6), (6, 10)]):
        chances = [1.0 if start <= frame < stop else 0.0 for frame in range(10)]
        fits(np.bincount(drawn[:, part], minlength=10), chances)


def test_more_segments_than_frames_share_frames_in_order():
    for pick in ("start", "centre", "random"):
        index = Segments(count=7, pick=pick)(Timeline.constant(frames=3, rate=25), rng_for(0, 0, 0)).index.ravel()
        assert set(index) == {0, 1, 2}
        assert (np.diff(index) >= 0).all()


def test_joined_segments_are_one_clip():
    apart = Segments(count=4, frames_per_segment=2)(HUNDRED)
    joined = Segments(count=4, frames_per_segment=2, joined=True)(HUNDRED)
    assert joined.index.shape == (1, 8)
    assert joined.index.ravel().tolist() == apart.index.ravel().tolist()


def test_dense_clips_start_evenly_within_one_window_and_every_window_is_as_likely(fits):
    sampler = DenseClips(frames=2, count=4, window=frames(12))
    timeline = Timeline.constant(frames=20, rate=25)
    drawn = np.stack([sampler(timeline, rng_for(0, 0, sample)).index for sample in range(3000)])
    assert (drawn[:, :, 0] - drawn[:, :1, 0] == [0, 3, 6, 9]).all()
    fits(np.bincount(drawn[:, 0, 0], minlength=20), [1] * 9 + [0] * 11)


def test_dense_windows_by_time_equal_windows_by_frames():
    by_frames = DenseClips(frames=4, stride=frames(2), count=4, window=frames(50), positions=5)(HUNDRED)
    by_time = DenseClips(frames=4, stride=fps(12.5), count=4, window=seconds(2), positions=5)(HUNDRED)
    assert by_frames.index[:, 0].tolist() == by_time.index[:, 0].tolist()


def test_a_recording_shorter_than_the_window_comes_round():
    clips = DenseClips(frames=3, count=2, window=frames(16))(Timeline.constant(frames=5, rate=25), rng_for(0, 0, 0))
    assert clips.index.tolist() == [[0, 1, 2], [3, 4, 0]]
    assert clips.valid.tolist() == [[True] * 3, [True, True, False]]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Segments(count=0), "Segments: count must be a whole number"),
        (lambda: Segments(count=3, pick="middle"), "pick must be one of centre, random, start; got 'middle'"),
        (lambda: DenseClips(frames=4, count=8, window=frames(7)), r"window must be at least frames\(8\)"),
        (lambda: DenseClips(frames=4, window=fps(8)), "window must be a length"),
        (lambda: DenseClips(frames=4, positions=0), "positions must be"),
    ],
)
def test_what_cannot_be_is_refused_at_construction(make, message):
    with pytest.raises(ValueError, match=message):
        make()
