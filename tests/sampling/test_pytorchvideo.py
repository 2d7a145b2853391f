"""The PyTorchVideo presets beside a slow writing of what its main branch does, in its own mixed arithmetic."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from avssl.sampling import Timeline, presets, rng_for

RATES = [Fraction(rate) for rate in (10, 15, "24000/1001", 25, "30000/1001", 30, 60)]
# As people write them: so many frames at so many a second, exactly or in floating point, and odd ones.
DURATIONS = [Fraction(64, 30), 64 / 30, 2.56, Fraction(64, 25), 0.1, 0.3, Fraction(3, 10), 0.7, 1, 2.0, 1.1, 1 / 3]


def film(frames, rate):
    return Timeline.constant(frames=frames, rate=rate)


def shown(start, end, frames, rate, kept):
    """The frames in [start, end), bounds rounded up to presentation times as there, then its subsampling."""
    within = range(min(math.ceil(start * rate), frames), min(math.ceil(end * rate), frames))
    if not within:
        return []
    places = torch.clamp(torch.linspace(0, len(within) - 1, kept), 0, len(within) - 1).long().tolist()
    return [within[place] for place in places]


def uniform_bounds(duration, stride, length, backpad):
    """Starts and ends of clips, asked for one by one, each from the end of the last, until one says it is the last."""
    exact = Fraction(duration)
    stride = exact if stride is None else stride

    def following(last_end):
        shift = stride - exact  # in floating point where the stride is
        start = Fraction((-shift if last_end is None else last_end) + shift)
        if backpad:
            start = max(Fraction(0), start - max(0, start + exact - length))
        return start, start + exact

    bounds = [following(None)]
    while True:
        coming = following(bounds[-1][1])
        passed = abs(coming[1] - bounds[-1][1]) < 1e-6 if backpad else coming[1] - length > 1e-6
        if passed:
            return bounds
        bounds.append(coming)


def constant_bounds(duration, clips, length):
    room = Fraction(max(length - Fraction(duration), 0))
    step = room / max(clips - 1, 1)
    return [(step * clip, step * clip + Fraction(duration)) for clip in range(clips)]


def expected(bounds, frames, rate, kept):
    rows = [shown(start, end, frames, rate, kept) for start, end in bounds]
    return rows[: rows.index([])] if [] in rows else rows  # a clip without a frame closes the recording


@pytest.mark.parametrize("backpad", [False, True])
@pytest.mark.parametrize("rate", RATES, ids=str)
@pytest.mark.parametrize("stride", [None, Fraction(1, 2), 0.3, 1.5])
def test_uniform_clips_at_all_lengths(stride, rate, backpad):
    for duration, frames in itertools.product(DURATIONS, (1, 7, 30, 64, 65, 75, 128)):
        sampler = presets.PyTorchVideoUniform(clip_duration=duration, frames=5, stride=stride, backpad_last=backpad)
        bounds = uniform_bounds(duration, stride, frames / rate, backpad)
        assert sampler(film(frames, rate)).index.tolist() == expected(bounds, frames, rate, 5), (duration, frames)


@settings(max_examples=200, deadline=None)
@given(
    frames=st.integers(1, 150),
    rate=st.sampled_from(RATES),
    duration=st.integers(1, 90),
    stride=st.none() | st.integers(1, 90),
    exact=st.booleans(),
    kept=st.integers(1, 40),
    backpad=st.booleans(),
)
def test_uniform_clips_of_whole_frames(frames, rate, duration, stride, exact, kept, backpad):
    def seconds(count):
        return count / rate if exact else float(count / rate)

    duration, stride = seconds(duration), None if stride is None else seconds(stride)
    bounds = uniform_bounds(duration, stride, frames / rate, backpad)
    sampler = presets.PyTorchVideoUniform(clip_duration=duration, frames=kept, stride=stride, backpad_last=backpad)
    assert sampler(film(frames, rate)).index.tolist() == expected(bounds, frames, rate, kept)


def test_a_last_clip_that_ends_a_bit_behind_the_recording_is_kept():
    """0.1 in floating point is a hair more than a tenth: ten of them end behind a second, by less than 1e-6."""
    sampler = presets.PyTorchVideoUniform(clip_duration=0.1, frames=1)
    assert Fraction(0.1) * 10 > 1
    assert len(sampler(film(30, 30))) == 10
    assert (
        len(presets.PyTorchVideoUniform(clip_duration=Fraction(1, 10) + Fraction(1, 10**6), frames=1)(film(3, 30))) == 1
    )


def test_a_duration_in_floating_point_shows_the_frame_that_it_shows_there():
    exact = presets.PyTorchVideoUniform(clip_duration=Fraction(64, 25), frames=64)(film(200, 25)).index
    rounded = presets.PyTorchVideoUniform(clip_duration=2.56, frames=65)(film(200, 25)).index
    assert exact[:, [0, -1]].tolist() == [[0, 63], [64, 127], [128, 191]]
    assert rounded[:, [0, -1]].tolist() == [[0, 64], [65, 128], [129, 192]]  # 2.56 is above 64 / 25


def test_strides_may_be_longer_than_clips():
    index = presets.PyTorchVideoUniform(clip_duration=1, stride=2, frames=2)(film(100, 10)).index
    assert index.tolist() == [[0, 9], [20, 29], [40, 49], [60, 69], [80, 89]]


def test_the_librarys_own_example_of_a_clip_padded_backwards():
    sampler = presets.PyTorchVideoUniform(
        clip_duration=Fraction(32, 30), stride=Fraction(16, 30), frames=32, backpad_last=True
    )
    index = sampler(film(39, 30)).index
    assert index[:, 0].tolist() == [0, 7]  # its docstring says 8, which would be a frame too late for 39
    assert index[1].tolist() == list(range(7, 39))


@pytest.mark.parametrize("rate", RATES, ids=str)
@pytest.mark.parametrize("clips", [1, 2, 3, 5, 10])
def test_constant_clips_reach_from_the_start_to_the_end(clips, rate):
    for duration, frames in itertools.product(DURATIONS, (1, 2, 7, 30, 64, 65, 75, 128, 150, 301)):
        sampler = presets.PyTorchVideoConstant(clip_duration=duration, frames=4, clips_per_video=clips)
        bounds = constant_bounds(duration, clips, frames / rate)
        assert sampler(film(frames, rate)).index.tolist() == expected(bounds, frames, rate, 4), (duration, frames)


def test_constant_clips_by_hand():
    sampler = presets.PyTorchVideoConstant(clip_duration=1, frames=2, clips_per_video=3)
    assert sampler(film(50, 10)).index.tolist() == [[0, 9], [20, 29], [40, 49]]
    assert sampler(film(5, 10)).index.tolist() == [[0, 4]] * 3  # no room: all at the start
    one = presets.PyTorchVideoConstant(clip_duration=1, frames=2)
    assert one(film(50, 10)).index.tolist() == [[0, 9]]


def test_random_clips_start_uniformly_in_time(fits):
    sampler = presets.PyTorchVideoRandom(clip_duration=0.4, frames=2, num_clips=4000)
    index = sampler(film(20, 10), rng_for(0, 0, 0)).index  # starts within 0 and 1.6 s; frame 0 shows only at 0
    fits(np.bincount(index[:, 0], minlength=20), [0] + [1] * 16 + [0] * 3)
    assert (index[:, 1] - index[:, 0] == 3).all()


def test_random_clips_of_short_recordings_start_with_them():
    for duration in (1, 1.0, Fraction(1, 3), math.pi):
        sampler = presets.PyTorchVideoRandom(clip_duration=duration, frames=3)
        assert sampler(film(3, 10), rng_for(0, 0, 0)).index.tolist() == [[0, 1, 2]]


def test_times_of_files_are_met_to_the_frame():
    """Times of 90 kHz, as floats, an hour into a recording: bounds at a frame show it, and do not show it twice."""
    times = np.arange(3600 * 25, 3600 * 25 + 50) * 3600 / 90000 - 3600
    sampler = presets.PyTorchVideoUniform(clip_duration=Fraction(4, 25), frames=4)
    index = sampler(Timeline(times=times, end=2.0)).index
    assert index.tolist() == [list(range(start, start + 4)) for start in range(0, 48, 4)]


def test_a_clip_without_frames_ends_the_recording_or_is_refused_in_one_line():
    timeline = Timeline(times=np.array([0.0, 0.1, 5.0]), end=5.1)
    assert presets.PyTorchVideoUniform(clip_duration=1, frames=2)(timeline).index.tolist() == [[0, 1]]
    assert presets.PyTorchVideoConstant(clip_duration=1, frames=2, clips_per_video=4)(timeline).index.tolist() == [
        [0, 1]
    ]
    with pytest.raises(ValueError, match=r"no frame appears from \d\.\d+ to \d\.\d+ s; PyTorchVideoRandom"):
        presets.PyTorchVideoRandom(clip_duration=0.5, frames=2, num_clips=30)(timeline, rng_for(0, 0, 0))
