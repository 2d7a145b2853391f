import numpy as np
import pytest

from avssl.sampling import (
    Consecutive,
    MisalignedSound,
    RandomClip,
    Segments,
    Timeline,
    UniformClips,
    Views,
    WithSound,
    fps,
    frames,
    rng_for,
)

FILM = Timeline.constant(frames=250, rate=25, sound=(0.5, 9.5))
SILENT = Timeline.constant(frames=250, rate=25)


def test_a_matching_window_lasts_as_long_as_the_clip():
    for stride in (frames(5), fps(5)):
        clips = WithSound(sampler=UniformClips(frames=10, stride=stride, count=2))(FILM)
        assert clips.sound[0] == pytest.approx([0.0, 2.0])
        assert clips.sound[1] == pytest.approx([clips.times[1, 0], clips.times[1, 0] + 2.0])


def test_the_window_of_a_single_frame_is_the_time_it_is_shown(uneven):
    clips = WithSound(sampler=Segments(count=17, pick="start"))(uneven)
    assert clips.sound[:, 0] == pytest.approx(uneven.times)
    assert clips.sound[:, 1] == pytest.approx([*uneven.times[1:], uneven.end])


@pytest.mark.parametrize(("align", "expected"), [("start", [0.3, 1.3]), ("centre", [0.8, 1.8])])
def test_a_window_of_its_own_length_is_aligned_and_offset(align, expected):
    sampler = WithSound(sampler=Consecutive(frames=50), seconds=1.0, offset=0.3, align=align)
    assert sampler(FILM).sound[0] == pytest.approx(expected)


def test_windows_leave_the_track_or_are_shifted_inside():
    clip = Consecutive(frames=1)
    assert WithSound(sampler=clip, seconds=1.0, align="centre")(FILM).sound[0] == pytest.approx([-0.48, 0.52])
    inside = WithSound(sampler=clip, seconds=1.0, align="centre", edge="shift")(FILM).sound[0]
    assert inside == pytest.approx([0.5, 1.5])
    late = WithSound(sampler=Consecutive(frames=1, start=frames(249)), seconds=1.0, edge="shift")(FILM).sound[0]
    assert late == pytest.approx([8.5, 9.5])


def test_the_frames_are_those_of_the_wrapped_sampler():
    inner = RandomClip(frames=4, count=3)
    wrapped = WithSound(sampler=inner, seconds=1.0)(FILM, rng_for(0, 0, 0))
    assert (wrapped.index == inner(FILM, rng_for(0, 0, 0)).index).all()


def test_misaligned_windows_are_moved_within_the_range_and_the_track(fits):
    inner = WithSound(sampler=Consecutive(frames=25, start=frames(50)), seconds=1.0)  # 2 to 3 s
    sampler = MisalignedSound(sampler=inner, offset=(1.0, 4.0))
    shifts = np.array([sampler(FILM, rng_for(0, 0, sample)).sound[0, 0] - 2 for sample in range(3000)])
    # 1.5 s of sound lie before the window, so 0.5 s of shifts earlier and 3 s later.
    assert shifts.min() >= -1.5 - 1e-9
    assert shifts.max() <= 4 + 1e-9
    counts = np.histogram(shifts, bins=[-1.5, -1, 1, 2, 3, 4])[0]
    fits(counts, [0.5, 0, 1, 1, 1])


def test_a_fixed_shift_goes_either_way():
    sampler = MisalignedSound(sampler=WithSound(sampler=UniformClips(frames=25), seconds=1.0), offset=(2, 2))
    starts = {round(sampler(FILM, rng_for(0, 0, sample)).sound[0, 0], 6) for sample in range(40)}
    middle = UniformClips(frames=25)(FILM).times[0, 0]
    assert starts == {round(middle - 2, 6), round(middle + 2, 6)}


def test_a_track_too_short_to_move_within_is_used_up_and_marked_or_refused():
    film = Timeline.constant(frames=50, rate=25, sound=(0.0, 2.0))
    inner = WithSound(sampler=Consecutive(frames=25), seconds=1.0)
    clips = MisalignedSound(sampler=inner, offset=(3, 4))(film, rng_for(0, 0, 0))
    assert clips.sound[0] == pytest.approx([1.0, 2.0])
    assert clips.shrunk.tolist() == [True]
    with pytest.raises(ValueError, match=r"too short to move the window 0.000 to 1.000 s by 3 s"):
        MisalignedSound(sampler=inner, offset=(3, 4), short="error")(film, rng_for(0, 0, 0))


def test_a_recording_without_sound_is_refused_by_name():
    with pytest.raises(ValueError, match="no sound, and WithSound needs it"):
        WithSound(sampler=Consecutive())(SILENT)


def test_misaligning_frames_without_sound_says_what_to_wrap():
    with pytest.raises(ValueError, match="asks for none: use WithSound"):
        MisalignedSound(sampler=Consecutive(), offset=(1, 2))(FILM, rng_for(0, 0, 0))


def test_views_keep_the_windows():
    clips = Views(sampler=WithSound(sampler=RandomClip(frames=4), seconds=1.0), views=3)(FILM, rng_for(0, 0, 0))
    assert clips.sound.shape == (3, 2)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: WithSound(sampler=Consecutive(), seconds=0), "seconds must be above 0"),
        (lambda: WithSound(sampler=Consecutive(), offset=float("inf")), "offset must be a finite number"),
        (lambda: WithSound(sampler=Consecutive(), align="end"), "align must be one of start, centre; got 'end'"),
        (lambda: WithSound(sampler=Consecutive(), edge="wrap"), "edge must be one of mask, shift"),
        (lambda: MisalignedSound(sampler=Consecutive(), offset=(0, 1)), r"0 < least <= most; got \(0, 1\)"),
        (lambda: MisalignedSound(sampler=Consecutive(), offset=(2, 1)), "least <= most"),
    ],
)
def test_what_cannot_be_is_refused_at_construction(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_jitter_moves_each_window_within_its_bound_and_leaves_the_frames():
    timeline = Timeline.constant(frames=250, rate=25, sound=(0.0, 10.0))
    sampler = WithSound(sampler=UniformClips(frames=1, count=40), seconds=1.0, align="centre", jitter=0.5)
    found = sampler(timeline, rng_for(0, epoch=0, sample=0))
    plain = WithSound(sampler=UniformClips(frames=1, count=40), seconds=1.0, align="centre")(timeline)
    moved = (found.sound - plain.sound)[:, 0]
    assert np.array_equal(found.index, plain.index)
    assert np.abs(moved).max() <= 0.5 and moved.min() < -0.4 and moved.max() > 0.4
    np.testing.assert_allclose(np.diff(found.sound)[:, 0], 1.0)
    with pytest.raises(TypeError, match="needs a generator"):
        sampler(timeline)
