"""Each preset beside the library's definition, written a second time, slowly, one index at a time."""

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from avssl.sampling import Timeline, presets, rng_for
from avssl.sampling.presets.float32 import linspace, whole_linspace

LENGTHS = [1, 2, 3, 7, 8, 15, 16, 17, 31, 32, 33, 50, 63, 64, 65, 100, 164, 250, 301]
RATES = [15, 24000 / 1001, 25, 30000 / 1001, 30, 50, 60]


def film(frames, rate=25):
    return Timeline.constant(frames=frames, rate=rate)


def drawn(sampler, timeline, times=1500):
    return np.concatenate([sampler(timeline, rng_for(0, 0, sample)).index[None] for sample in range(times)])


# ---- the arithmetic of PyTorch -------------------------------------------------------------------------------------


@settings(max_examples=500, deadline=None)
@given(
    start=st.fractions(0, 10_000, max_denominator=100).map(float),
    length=st.fractions(0, 1000, max_denominator=1001).map(float),
    steps=st.integers(1, 100),
)
def test_linspace_is_pytorchs_to_the_last_bit(start, length, steps):
    assert linspace(start, start + length, steps).tolist() == torch.linspace(start, start + length, steps).tolist()


@settings(max_examples=500, deadline=None)
@given(end=st.integers(0, 100_000), steps=st.integers(1, 200))
def test_whole_linspace_is_pytorchs(end, steps):
    assert whole_linspace(0, end, steps).tolist() == torch.linspace(0, end, steps, dtype=torch.int).tolist()


# ---- SlowFast ------------------------------------------------------------------------------------------------------


def slowfast(frames, fps, clip, clips, length, rate, target, offset):
    size = max(1.0, length * rate * fps / target)
    delta = max(frames - size, 0)
    if not offset:
        start = delta * clip / clips
    elif clips == 1:
        start = math.floor(delta / 2)
    else:
        start = clip * math.floor(delta / (clips - 1))
    places = torch.linspace(start, start + size - 1, length)
    index = torch.clamp(places, 0, frames - 1).long().tolist()
    return index, [int(place) < frames for place in places.tolist()]


@pytest.mark.parametrize("offset", [False, True])
@pytest.mark.parametrize(("length", "rate", "clips"), [(32, 2, 10), (8, 8, 10), (16, 4, 5), (4, 16, 3), (1, 1, 1)])
def test_slowfast_test_clips(length, rate, clips, offset):
    sampler = presets.SlowFastTest(frames=length, rate=rate, count=clips, offset=offset)
    for frames in LENGTHS:
        for fps in RATES:
            expected = [slowfast(frames, fps, clip, clips, length, rate, 30.0, offset) for clip in range(clips)]
            found = sampler(film(frames, fps))
            assert found.index.tolist() == [index for index, _ in expected], (frames, fps)
            assert found.valid.tolist() == [valid for _, valid in expected], (frames, fps)


def test_slowfast_training_clips_start_uniformly_between_frames_too(fits):
    starts = presets.SlowFastTrain(frames=8, rate=2, count=6000)(film(20, 30), rng_for(0, 0, 0)).index
    fits(np.bincount(starts[:, 0], minlength=5), [1, 1, 1, 1, 0])
    assert (starts[:, -1] - starts[:, 0] >= 14).all()
    steps = {tuple(np.diff(row)) for row in starts.tolist()}
    assert steps <= {
        tuple(np.diff([int(start + step * 15 / 7) for step in range(8)])) for start in np.arange(0, 1, 0.01)
    }


# ---- TSN -----------------------------------------------------------------------------------------------------------


def tsn_frames(start, length, frames):
    number, found = start + 1, []  # the library counts from 1
    for _ in range(length):
        found.append(number - 1)
        number += number < frames
    return found


@pytest.mark.parametrize(("segments", "length"), [(3, 1), (25, 1), (7, 5), (8, 6)])
def test_tsn_test_snippets(segments, length):
    for frames in LENGTHS:
        tick = (frames - length + 1) / segments
        enough = frames > segments + length - 1
        starts = [int(tick / 2 + tick * k) if enough else 0 for k in range(segments)]
        found = presets.TSNTest(segments=segments, frames=length)(film(frames))
        assert found.index.tolist() == [tsn_frames(start, length, frames) for start in starts], frames


def test_tsn_training_snippets_start_uniformly_within_segments_of_whole_frames(fits):
    index = drawn(presets.TSNTrain(segments=3, frames=2), film(12))
    for segment in range(3):  # 11 starts make segments of 3; 9 and 10 are never drawn
        fits(np.bincount(index[:, segment, 0], minlength=12), [float(start // 3 == segment) for start in range(12)])


def test_tsn_training_snippets_of_short_recordings():
    assert (np.diff(drawn(presets.TSNTrain(segments=6, frames=4), film(7), 50)[:, :, 0]) >= 0).all()
    assert presets.TSNTrain(segments=8)(film(5), rng_for(0, 0, 0)).index.tolist() == [[0]] * 8


# ---- mmaction2 -----------------------------------------------------------------------------------------------------


def out_of_bound(rows, frames, option):
    if option == "loop":
        return [[index % frames for index in row] for row in rows]
    fitted = []
    for row in rows:
        last = max((index for index in row if index < frames), default=0)
        fitted.append([index if index < frames else last for index in row])
    return fitted


@pytest.mark.parametrize("option", ["loop", "repeat_last"])
@pytest.mark.parametrize(("length", "interval", "clips"), [(1, 1, 8), (1, 1, 25), (32, 2, 10), (8, 8, 3), (16, 4, 1)])
def test_mmaction_test_clips(length, interval, clips, option):
    sampler = presets.MMActionTest(clip_len=length, frame_interval=interval, num_clips=clips, out_of_bound_opt=option)
    for frames in LENGTHS:
        room = max(frames - ((length - 1) * interval + 1), 0)
        if length == 1:
            offsets = [int(k * (frames / clips) + frames / clips / 2) for k in range(clips)]
        elif clips > 1:
            offsets = [int(np.round(k * (room / (clips - 1)))) for k in range(clips)]
        else:
            offsets = [room // 2]
        rows = [[offset + step * interval for step in range(length)] for offset in offsets]
        found = sampler(film(frames))
        assert found.index.tolist() == out_of_bound(rows, frames, option), frames
        assert found.valid.tolist() == [[index < frames for index in row] for row in rows]


@pytest.mark.parametrize("option", ["loop", "repeat_last"])
def test_mmaction_dense_test_clips(option):
    sampler = presets.MMActionDenseTest(
        clip_len=4, frame_interval=3, num_clips=3, sample_range=32, num_sample_positions=5, out_of_bound_opt=option
    )
    for frames in LENGTHS:
        windows = max(1, 1 + frames - 32)
        starts = [int(start) for start in np.linspace(0, windows - 1, 5)]
        offsets = [(start + clip * (32 // 3)) % frames for start in starts for clip in range(3)]
        rows = [[offset + step * 3 for step in range(4)] for offset in offsets]
        assert sampler(film(frames)).index.tolist() == out_of_bound(rows, frames, option), frames


def test_mmaction_dense_training_windows_leave_out_the_last_start(fits):
    index = drawn(presets.MMActionDenseTrain(clip_len=2, num_clips=2, sample_range=10), film(16))
    assert (index[:, 1, 0] - index[:, 0, 0] == 5).all()
    fits(np.bincount(index[:, 0, 0], minlength=16), [1] * 6 + [0] * 10)


def test_mmaction_training_clips_start_uniformly_within_parts_of_whole_frames(fits):
    index = drawn(presets.MMActionTrain(clip_len=3, frame_interval=2, num_clips=2), film(14))
    fits(np.bincount(index[:, 0, 0], minlength=14), [1] * 4 + [0] * 10)  # 9 starts, parts of 4
    fits(np.bincount(index[:, 1, 0], minlength=14), [0] * 4 + [1] * 4 + [0] * 6)


def test_mmaction_training_clips_keep_the_tail_when_told(fits):
    index = drawn(presets.MMActionTrain(clip_len=3, frame_interval=2, num_clips=2, keep_tail_frames=True), film(14))
    fits(np.bincount(index[:, 0, 0], minlength=14), [1] * 4 + [0.5] + [0] * 9)
    fits(np.bincount(index[:, 1, 0], minlength=14), [0] * 4 + [0.5] + [1] * 4 + [0] * 5)


def test_mmaction_training_clips_of_recordings_that_hardly_hold_one():
    sampler = presets.MMActionTrain(clip_len=4, frame_interval=2, num_clips=5)
    assert (drawn(sampler, film(4), 20)[:, :, 0] == 0).all()
    # A recording as long as the span of 8 has one start; the library spaces five by 0.2 and rounds, past the start.
    assert (drawn(sampler, film(8), 20)[:, :, 0] == [0, 0, 0, 1, 1]).all()
    # With fewer starts than clips they are drawn among all, and sorted.
    starts = drawn(sampler, film(10), 100)[:, :, 0]
    assert set(starts.ravel()) == {0, 1, 2}
    assert (np.diff(starts) >= 0).all()


def test_mmaction_uniform_frames():
    for frames in LENGTHS:
        for length, clips in ((8, 1), (16, 3)):
            size = (frames - 1) / length
            rows = [
                [int(np.round(size * part)) + int(size / (clips + 1) * (clip + 1)) for part in range(length)]
                for clip in range(clips)
            ]
            found = presets.MMActionUniformTest(clip_len=length, num_clips=clips)(film(frames))
            assert found.index.tolist() == rows, frames


def test_mmaction_uniform_training_frames_include_both_bounds(fits):
    index = drawn(presets.MMActionUniformTrain(clip_len=2), film(11))
    fits(np.bincount(index[:, 0, 0], minlength=11), [1] * 6 + [0] * 5)
    fits(np.bincount(index[:, 0, 1], minlength=11), [0] * 5 + [1] * 6)


# ---- VideoMAE ------------------------------------------------------------------------------------------------------


def videomae(start, frames, length, stride):
    number, found = start + 1, []  # the library counts from 1
    for _ in range(length):
        found.append(number - 1)
        number += stride if number + stride < frames else 0
    return found


@pytest.mark.parametrize(("length", "stride"), [(16, 4), (8, 2), (4, 1)])
def test_videomae_clips(length, stride):
    sampler = presets.VideoMAEPretrain(frames=length, stride=stride)
    for frames in LENGTHS:
        starts = range(max(1, frames - length * stride + 1))
        allowed = {tuple(videomae(start, frames, length, stride)) for start in starts}
        found = {tuple(row) for row in drawn(sampler, film(frames), 30)[:, 0].tolist()}
        assert found <= allowed, frames


def test_videomae_starts_are_uniform_and_leave_out_the_last(fits):
    index = drawn(presets.VideoMAEPretrain(frames=4, stride=3), film(20))
    fits(np.bincount(index[:, 0, 0], minlength=20), [1] * 9 + [0] * 11)


# ---- PyTorchVideo --------------------------------------------------------------------------------------------------


def shown(start, duration, frames, fps, kept):
    """Frames with ``start <= time < start + duration``, then ``UniformTemporalSubsample``."""
    within = [frame for frame in range(frames) if start <= Fraction(frame) / fps < start + duration]
    places = torch.clamp(torch.linspace(0, len(within) - 1, kept), 0, len(within) - 1).long().tolist()
    return [within[place] for place in places]


def uniform_starts(duration, stride, end, backpad):
    """``UniformClipSampler`` called until it says that the clip is the last."""

    def bounds(last_end):
        start = max(last_end - max(0, duration - stride), 0)
        if backpad:
            start = max(0, start - max(0, start + duration - end))
        return start, start + duration

    starts, last_end = [], Fraction(0)
    while True:
        start, last_end = bounds(last_end)
        starts.append(start)
        following = bounds(last_end)[1]
        if abs(following - last_end) < 1e-6 if backpad else following > end:
            return starts


@pytest.mark.parametrize("backpad", [False, True])
@pytest.mark.parametrize("stride", [None, Fraction(1, 2), Fraction(1, 5)])
def test_pytorchvideo_uniform_clips(stride, backpad):
    for duration in (Fraction(1), Fraction(1, 2), Fraction(4, 5)):
        if stride is not None and stride > duration:
            continue
        sampler = presets.PyTorchVideoUniform(clip_duration=duration, frames=8, stride=stride, backpad_last=backpad)
        for frames in (5, 20, 25, 39, 50, 64, 101):
            for fps in (Fraction(20), Fraction(25), Fraction(30)):
                timeline = Timeline(times=np.arange(frames) / float(fps), end=float(frames / fps))
                starts = uniform_starts(duration, stride or duration, frames / fps, backpad)
                expected = [shown(start, duration, frames, fps, 8) for start in starts]
                assert sampler(timeline).index.tolist() == expected, (duration, frames, fps)


def test_pytorchvideos_own_example_of_a_clip_padded_backwards():
    sampler = presets.PyTorchVideoUniform(
        clip_duration=Fraction(32, 30), stride=Fraction(16, 30), frames=32, backpad_last=True
    )
    index = sampler(film(39, 30)).index
    assert index[:, 0].tolist() == [0, 7]  # its docstring says 8, which would be a frame too late for 39
    assert index[1].tolist() == list(range(7, 39))


def test_pytorchvideo_constant_clips():
    for count in (1, 3, 10):
        sampler = presets.PyTorchVideoConstant(clip_duration=Fraction(1, 2), frames=4, clips_per_video=count)
        for frames in (13, 25, 50, 101):
            room = max(Fraction(frames, 25) - Fraction(1, 2), Fraction(0))
            starts = [room * clip / count for clip in range(count)]
            expected = [shown(start, Fraction(1, 2), frames, Fraction(25), 4) for start in starts]
            assert sampler(film(frames)).index.tolist() == expected, (count, frames)


def test_pytorchvideo_random_clips_start_uniformly_in_time(fits):
    sampler = presets.PyTorchVideoRandom(clip_duration=0.4, frames=2, num_clips=4000)
    index = sampler(film(20, 10), rng_for(0, 0, 0)).index  # starts within 0 and 1.6 s; frame 0 shows only at 0
    fits(np.bincount(index[:, 0], minlength=20), [0] + [1] * 16 + [0] * 3)
    assert (index[:, 1] - index[:, 0] == 3).all()


# ---- all -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: presets.SlowFastTrain(frames=0, rate=2), "SlowFastTrain: frames must be"),
        (lambda: presets.SlowFastTest(frames=8, rate=2, target_fps=0), "target_fps must be above 0"),
        (lambda: presets.TSNTrain(segments=0), "segments must be"),
        (lambda: presets.MMActionTrain(clip_len=4, out_of_bound_opt="last"), "one of loop, repeat_last"),
        (lambda: presets.MMActionDenseTest(clip_len=4, sample_range=0), "sample_range must be"),
        (lambda: presets.VideoMAEPretrain(stride=0), "stride must be"),
        (lambda: presets.TorchCodecRegular(num_clips=0), "num_clips must be"),
        (lambda: presets.TorchCodecRegular(policy="last"), "one of repeat_last, wrap, error"),
        (lambda: presets.PyTorchVideoUniform(clip_duration=0, frames=4), "clip_duration must be above 0 seconds"),
        (lambda: presets.PyTorchVideoUniform(clip_duration=1, frames=4, stride=2), "at most clip_duration; got 2"),
    ],
)
def test_presets_check_themselves_at_construction(make, message):
    with pytest.raises(ValueError, match=message):
        make()
