"""What holds for every sampler on every recording."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avssl.sampling import (
    Consecutive,
    DenseClips,
    MisalignedSound,
    MotionWeighted,
    OrderedClips,
    OrderedFrames,
    PairOfClips,
    RandomClip,
    Segments,
    SlidingClips,
    Timeline,
    UniformClips,
    Views,
    WithSound,
    fps,
    frames,
    presets,
    rng_for,
    seconds,
)

RATES = [10, 24000 / 1001, 24, 25, 30000 / 1001, 30, 50, 59.94, 120]
PADS = st.sampled_from(["last", "loop", "reflect"])
STRIDES = st.one_of(
    st.integers(1, 9).map(frames),
    st.floats(1, 60, allow_subnormal=False).map(fps),
    st.floats(0.01, 1, allow_subnormal=False).map(seconds),
)


@st.composite
def timelines(draw):
    count = draw(st.integers(1, 120))
    if draw(st.booleans()):
        timeline = Timeline.constant(frames=count, rate=draw(st.sampled_from(RATES)))
    else:
        steps = draw(st.lists(st.integers(1, 400), min_size=count, max_size=count))
        ticks = np.concatenate([[0], np.cumsum(steps)]) / 1000
        timeline = Timeline(times=ticks[:-1], end=ticks[-1])
    return dataclasses.replace(timeline, sound=(0.0, timeline.end + 1), motion=np.arange(count))


@st.composite
def spaced(draw):
    """A sampler whose clips are runs of one stride."""
    run = {"frames": draw(st.integers(1, 20)), "stride": draw(STRIDES), "pad": draw(PADS)}
    count = draw(st.integers(1, 5))
    return draw(
        st.sampled_from(
            [
                RandomClip(count=count, **run),
                UniformClips(count=count, align=draw(st.sampled_from(["ends", "centres", "starts"])), **run),
                SlidingClips(hop=draw(STRIDES), tail=draw(st.sampled_from(["backfill", "pad"])), **run),
                DenseClips(count=count, window=frames(20), positions=draw(st.sampled_from([None, 3])), **run),
                Consecutive(**run),
                PairOfClips(shared="any", **run),
                Segments(
                    count=count,
                    pick=draw(st.sampled_from(["centre", "random", "start"])),
                    frames_per_segment=run["frames"],
                    stride=run["stride"],
                    pad=run["pad"],
                ),
            ]
        )
    )


def random_samplers():
    clip = RandomClip(frames=4)
    return [
        clip,
        DenseClips(frames=4),
        OrderedFrames(),
        OrderedFrames(gaps=(1, 2)),
        OrderedFrames(frames=3, gaps=(1, 2)),
        OrderedClips(clips=2, frames=2),
        PairOfClips(frames=4),
        Segments(count=3, pick="random"),
        Views(sampler=clip),
        MotionWeighted(sampler=clip),
        WithSound(sampler=clip, seconds=1.0),
        MisalignedSound(sampler=WithSound(sampler=clip), offset=(0.1, 0.5)),
        presets.SlowFastTrain(frames=8, rate=2),
        presets.TSNTrain(),
        presets.MMActionTrain(clip_len=4),
        presets.MMActionDenseTrain(clip_len=4, sample_range=16),
        presets.MMActionUniformTrain(clip_len=4),
        presets.VideoMAEPretrain(frames=4),
        presets.TorchCodecRandom(num_frames_per_clip=4),
        presets.PyTorchVideoRandom(clip_duration=0.5, frames=4),
    ]


def name(sampler):
    return type(sampler).__name__


@settings(max_examples=300, deadline=None)
@given(timeline=timelines(), sampler=spaced(), sample=st.integers(0, 5))
def test_clips_have_one_shape_and_lie_within_the_recording(timeline, sampler, sample):
    clips = sampler(timeline, rng_for(0, 0, sample))
    assert clips.index.dtype == np.int64 and clips.times.dtype == np.float64 and clips.valid.dtype == bool
    assert clips.index.shape == clips.times.shape == clips.valid.shape
    assert clips.index.min() >= 0 and clips.index.max() < len(timeline)


@settings(max_examples=300, deadline=None)
@given(timeline=timelines(), sampler=spaced(), sample=st.integers(0, 5))
def test_the_mask_is_false_exactly_past_the_end_and_valid_frames_are_those_asked_for(timeline, sampler, sample):
    clips = sampler(timeline, rng_for(0, 0, sample))
    end = max(timeline.end, timeline.times[-1] + 2 * timeline.slack)
    for index, times, valid in zip(clips.index, clips.times, clips.valid, strict=True):
        if not valid[0]:
            continue  # a clip that starts past the end has no frame to count from
        for step in range(len(index)):
            if not sampler.stride.by_time:
                asked = index[0] + step * sampler.stride.value
                assert valid[step] == (asked < len(timeline))
                assert not valid[step] or index[step] == asked
                continue
            asked = timeline.times[index[0]] + step * sampler.stride.duration
            assert times[step] == pytest.approx(asked)
            shown = [frame for frame in range(len(timeline)) if timeline.times[frame] <= times[step] + timeline.slack]
            assert valid[step] == (times[step] + timeline.slack < end)
            assert not valid[step] or index[step] == shown[-1]


@settings(max_examples=200, deadline=None)
@given(timeline=timelines(), sampler=spaced(), sample=st.integers(0, 5))
def test_frames_stand_in_order_of_time_within_a_clip(timeline, sampler, sample):
    clips = sampler(timeline, rng_for(0, 0, sample))
    for index, valid in zip(clips.index, clips.valid, strict=True):
        assert (np.diff(index[valid]) >= 0).all()
        assert (np.diff(valid.astype(int)) <= 0).all(), "padding stands at the end of a clip"
    assert (np.diff(clips.times) > 0).all()


@settings(max_examples=300, deadline=None)
@given(
    count=st.integers(1, 400),
    rate=st.sampled_from(RATES),
    step=st.integers(1, 12),
    length=st.integers(1, 20),
    clips=st.integers(1, 4),
    pad=PADS,
    sample=st.integers(0, 3),
)
def test_resampling_by_time_equals_a_stride_in_frames_at_constant_rate(count, rate, step, length, clips, pad, sample):
    timeline = Timeline.constant(frames=count, rate=rate)
    for by_time in (fps(rate / step), seconds(step / rate)):
        for make in (
            lambda stride: RandomClip(frames=length, stride=stride, count=clips, pad=pad),
            lambda stride: UniformClips(frames=length, stride=stride, count=clips, pad=pad),
            lambda stride: SlidingClips(frames=length, stride=stride, tail="pad", pad=pad),
            lambda stride: SlidingClips(frames=length, hop=stride, tail="backfill", pad=pad),
            lambda stride: Segments(count=clips, pick="random", frames_per_segment=length, stride=stride, pad=pad),
            lambda stride: Consecutive(stride=stride, pad=pad),
            lambda stride: PairOfClips(frames=length, stride=stride, shared="any", pad=pad),
        ):
            one, other = (
                make(by_time)(timeline, rng_for(0, 0, sample)),
                make(frames(step))(timeline, rng_for(0, 0, sample)),
            )
            assert one.index.tolist() == other.index.tolist()
            assert one.valid.tolist() == other.valid.tolist()
            assert one.times == pytest.approx(other.times, abs=1e-9)


@pytest.mark.parametrize("sampler", random_samplers(), ids=name)
def test_random_samplers_refuse_to_draw_without_a_generator(sampler):
    timeline = Timeline.constant(frames=100, rate=25, sound=(0.0, 4.0)).with_motion(np.ones(100))
    with pytest.raises(TypeError, match=r"needs a generator: pass rng=avssl\.sampling\.rng_for"):
        sampler(timeline)


@pytest.mark.parametrize("sampler", random_samplers(), ids=name)
def test_equal_seeds_give_equal_clips_and_others_do_not(sampler):
    timeline = Timeline.constant(frames=100, rate=25, sound=(0.0, 4.0)).with_motion(np.ones(100))

    def draws(seed):
        clips = [sampler(timeline, rng_for(seed, epoch=1, sample=sample)) for sample in range(8)]
        return [(clip.index.tolist(), None if clip.sound is None else clip.sound.tolist()) for clip in clips]

    assert draws(0) == draws(0)
    assert draws(0) != draws(1)


@pytest.mark.parametrize("sampler", random_samplers(), ids=name)
def test_samplers_compare_by_value_and_cannot_be_changed(sampler):
    copy = dataclasses.replace(sampler)
    assert copy == sampler
    field = dataclasses.fields(sampler)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(copy, field, 1)
