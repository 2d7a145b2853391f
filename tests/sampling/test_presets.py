"""Each preset beside the library's definition, written a second time, slowly, one index at a time."""

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from avssl.sampling import Timeline, presets, rng_for
from avssl.sampling.presets.float32 import linspace, whole_linspace

LENGTHS = [1, 2, 3, 7, 8, 15, 16, 17, 31, 32, 33, 50, 63, 64, 65, 100, 164, 250, 301]
EVERY = range(1, 302)
RATES = [Fraction(rate) for rate in (15, "24000/1001", 25, "30000/1001", 30, 50, "60000/1001", 60)]


def film(frames, rate=25):
    return Timeline.constant(frames=frames, rate=rate)


class Extreme:
    """A generator that always draws the least number, or always the greatest."""

    def __init__(self, greatest):
        self.greatest = greatest

    def integers(self, low, high=None, size=None):
        low, high = (0, low) if high is None else (low, high)
        return np.full(() if size is None else size, high - 1 if self.greatest else low)

    def uniform(self, low, high, size):
        return np.full(size, np.nextafter(high, low) if self.greatest and high > low else low)


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
@example(end=2, steps=155)  # whole but for one rounding
def test_whole_linspace_is_pytorchs(end, steps):
    assert whole_linspace(0, end, steps).tolist() == torch.linspace(0, end, steps, dtype=torch.int).tolist()


# ---- SlowFast ------------------------------------------------------------------------------------------------------


def slowfast(frames, fps, clip, clips, length, rate, target, offset):
    size = max(1.0, rate * length / target * float(fps))
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


@settings(max_examples=300, deadline=None)
@given(
    frames=st.integers(1, 2000),
    fps=st.sampled_from(RATES),
    length=st.integers(1, 40),
    rate=st.integers(1, 16),
    target=st.sampled_from(RATES).map(float),
    clips=st.integers(1, 12),
    offset=st.booleans(),
)
@example(409, Fraction(24000, 1001), 37, 11, 24000 / 1001, 1, True)  # 407 frames and a bit are covered
def test_slowfast_test_clips_at_any_rate_and_target(frames, fps, length, rate, target, clips, offset):
    sampler = presets.SlowFastTest(frames=length, rate=rate, target_fps=target, count=clips, offset=offset)
    expected = [slowfast(frames, fps, clip, clips, length, rate, target, offset)[0] for clip in range(clips)]
    assert sampler(film(frames, fps)).index.tolist() == expected


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


SNIPPETS = pytest.mark.parametrize(("segments", "length"), [(3, 1), (25, 1), (7, 5), (8, 6)])


@SNIPPETS
def test_tsn_test_snippets_are_spread_over_short_recordings_too(segments, length):
    for frames in EVERY:
        tick = (frames - length + 1) / segments
        starts = [max(0, int(tick / 2 + tick * k)) for k in range(segments)]  # below 0 the released code finds no file
        found = presets.TSNTest(segments=segments, frames=length)(film(frames))
        assert found.index.tolist() == [tsn_frames(start, length, frames) for start in starts], frames


@SNIPPETS
def test_tsn_validation_snippets_of_short_recordings_start_with_them(segments, length):
    for frames in EVERY:
        tick = (frames - length + 1) / segments
        enough = frames > segments + length - 1
        starts = [int(tick / 2 + tick * k) if enough else 0 for k in range(segments)]
        found = presets.TSNValidation(segments=segments, frames=length)(film(frames))
        assert found.index.tolist() == [tsn_frames(start, length, frames) for start in starts], frames


def test_tsn_training_snippets_start_uniformly_within_segments_of_whole_frames(fits):
    index = drawn(presets.TSNTrain(segments=3, frames=2), film(12))
    for segment in range(3):  # 11 starts make segments of 3; 9 and 10 are never drawn
        fits(np.bincount(index[:, segment, 0], minlength=12), [float(start // 3 == segment) for start in range(12)])


@SNIPPETS
@pytest.mark.parametrize("greatest", [False, True])
def test_tsn_training_snippets_at_both_ends_of_chance(segments, length, greatest):
    for frames in EVERY:
        duration = (frames - length + 1) // segments
        if duration > 0:
            starts = [k * duration + (duration - 1) * greatest for k in range(segments)]
        else:
            starts = [max(0, frames - length) * greatest * (frames > segments)] * segments
        found = presets.TSNTrain(segments=segments, frames=length)(film(frames), Extreme(greatest))
        assert found.index.tolist() == [tsn_frames(start, length, frames) for start in starts], frames


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
    for frames in EVERY:
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


@pytest.mark.parametrize("greatest", [False, True])
@pytest.mark.parametrize("tail", [False, True])
@pytest.mark.parametrize(("length", "interval", "clips"), [(1, 1, 8), (32, 2, 1), (8, 8, 3), (4, 2, 5)])
def test_mmaction_training_clips_at_both_ends_of_chance(length, interval, clips, tail, greatest):
    sampler = presets.MMActionTrain(
        clip_len=length, frame_interval=interval, num_clips=clips, keep_tail_frames=tail, out_of_bound_opt="repeat_last"
    )
    for frames in EVERY:
        starts = frames - length * interval + 1
        if tail:
            part = max(0, starts) / clips
            most = np.nextafter(part, 0) if greatest and part else 0
            offsets = [int(k * part + most) for k in range(clips)]
        elif starts // clips > 0:
            offsets = [k * (starts // clips) + (starts // clips - 1) * greatest for k in range(clips)]
        elif frames > max(clips, length * interval):
            offsets = [(starts - 1) * greatest] * clips
        else:
            offsets = [int(np.around(k * (starts / clips))) if starts >= 0 else 0 for k in range(clips)]
        rows = [[offset + step * interval for step in range(length)] for offset in offsets]
        found = sampler(film(frames), Extreme(greatest))
        assert found.index.tolist() == out_of_bound(rows, frames, "repeat_last"), frames


@pytest.mark.parametrize("option", ["loop", "repeat_last"])
def test_mmaction_dense_test_clips(option):
    sampler = presets.MMActionDenseTest(
        clip_len=4, frame_interval=3, num_clips=3, sample_range=32, num_sample_positions=5, out_of_bound_opt=option
    )
    for frames in EVERY:
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
    for frames in EVERY:
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


@pytest.mark.parametrize("greatest", [False, True])
@pytest.mark.parametrize(("length", "stride"), [(16, 4), (8, 2), (4, 1), (16, 2)])
def test_videomae_clips_at_both_ends_of_chance(length, stride, greatest):
    sampler = presets.VideoMAEPretrain(frames=length, stride=stride)
    for frames in EVERY:
        start = max(0, frames - length * stride) * greatest
        found = sampler(film(frames), Extreme(greatest)).index[0].tolist()
        assert found == videomae(start, frames, length, stride), frames


def test_videomae_starts_are_uniform_and_leave_out_the_last(fits):
    index = drawn(presets.VideoMAEPretrain(frames=4, stride=3), film(20))
    fits(np.bincount(index[:, 0, 0], minlength=20), [1] * 9 + [0] * 11)


# ---- TorchCodec; beside the library itself in test_torchcodec.py -----------------------------------------------------


@pytest.mark.parametrize("policy", ["repeat_last", "wrap"])
@pytest.mark.parametrize(("clips", "length", "step"), [(1, 1, 1), (5, 8, 2), (7, 3, 5), (60, 4, 1), (3, 16, 4)])
def test_torchcodec_regular_clips(clips, length, step, policy):
    sampler = presets.TorchCodecRegular(
        num_clips=clips, num_frames_per_clip=length, num_indices_between_frames=step, policy=policy
    )
    for frames in EVERY:
        behind = max(frames - (length - 1) * step, 1)
        rows = []
        for start in torch.linspace(0, behind - 1, clips, dtype=torch.int).tolist():
            have = list(range(start, min(start + (length - 1) * step + 1, frames), step))
            rows.append([have[k % len(have) if policy == "wrap" else min(k, len(have) - 1)] for k in range(length)])
        assert sampler(film(frames)).index.tolist() == rows, frames


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
        (lambda: presets.PyTorchVideoUniform(clip_duration=1, frames=4, stride=0), "stride must be above 0 seconds"),
        (lambda: presets.PyTorchVideoRandom(clip_duration=math.nan, frames=4), "clip_duration must be above 0 seconds"),
        (
            lambda: presets.PyTorchVideoConstant(clip_duration=math.inf, frames=4),
            "clip_duration must be above 0 seconds",
        ),
        (lambda: presets.TSNValidation(segments=0), "segments must be"),
    ],
)
def test_presets_check_themselves_at_construction(make, message):
    with pytest.raises(ValueError, match=message):
        make()
