from collections import Counter
from itertools import combinations, product
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avssl.sampling import OrderedFrames, Timeline, frames, rng_for, seconds
from avssl.sampling.ordered import draw_gaps, draw_tuple

SMALL = OrderedFrames(tau_max=frames(4), tau_min=frames(2), window=frames(9))


def chances(clock, sampler, slack=0.0):
    """The chance of every tuple, by trying all: first a window, then a legal tuple in it."""
    span, tau_max, tau_min = sampler.span.value, sampler.tau_max.value, sampler.tau_min.value
    count = len(clock)
    lasts = [first for first in range(count) if clock[first] + span >= clock[-1] - slack]
    windows = range(lasts[0] + 1)
    legal = [
        [
            (a, b, c, d, e)
            for a, b, c, d, e in combinations(range(first, count), 5)
            if clock[d] - clock[b] <= tau_max + slack
            and clock[b] - clock[a] >= tau_min - slack
            and clock[e] - clock[d] >= tau_min - slack
            and clock[e] - clock[first] <= span + slack
        ]
        for first in windows
    ]
    legal = [tuples for tuples in legal if tuples]
    total: dict[tuple[int, ...], float] = {}
    for tuples in legal:
        for one in tuples:
            total[one] = total.get(one, 0) + 1 / len(tuples) / len(legal)
    return total


@pytest.mark.parametrize("recording", ["constant", "uneven"])
def test_tuples_are_drawn_with_the_chances_of_the_definition(recording, uneven, fits):
    if recording == "constant":
        timeline, sampler = Timeline.constant(frames=13, rate=25), SMALL
        expected = chances(np.arange(13), sampler)
    else:
        timeline = uneven
        sampler = OrderedFrames(tau_max=seconds(0.25), tau_min=seconds(0.1), window=seconds(0.7))
        expected = chances(uneven.times, sampler, uneven.slack)
    drawn = [
        tuple(clip)
        for sample in range(120)
        for clip in OrderedFrames(tau_max=sampler.tau_max, tau_min=sampler.tau_min, window=sampler.window, count=100)(
            timeline, rng_for(0, 0, sample)
        ).index.tolist()
    ]
    keys = sorted(set(expected) | set(drawn))
    weights = np.array([expected.get(key, 0.0) for key in keys])
    seen = Counter(drawn)
    counts = np.array([seen[key] for key in keys])
    rare = (weights > 0) & (weights * len(drawn) < 10)  # rare tuples are counted together
    fits(
        np.append(counts[~rare], counts[rare].sum())[: (~rare).sum() + rare.any()],
        np.append(weights[~rare], weights[rare].sum())[: (~rare).sum() + rare.any()],
    )


def test_the_span_of_the_triplet_follows_its_closed_form(fits):
    # Within a window of w frames a span p leaves w - 1 - p - 2 tau_min steps to share among four places.
    window, tau_max, tau_min = 41, 20, 5
    rng = rng_for(0, 0, 0)
    spans = [np.subtract(*draw_tuple(np.arange(window), tau_max, tau_min, 0, rng)[[3, 1]]) for _ in range(6000)]
    ways = [(p - 1) * comb(window - 1 - p - 2 * tau_min + 3, 3) for p in range(2, tau_max + 1)]
    fits(np.bincount(spans, minlength=tau_max + 1), [0, 0, *ways])


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(5, 400),
    tau_max=st.integers(2, 80),
    tau_min=st.integers(1, 30),
    spare=st.integers(0, 100),
    sample=st.integers(0, 10),
)
def test_tuples_rise_keep_their_distances_and_say_when_they_do_not(count, tau_max, tau_min, spare, sample):
    window = 2 * tau_min + 2 + spare
    sampler = OrderedFrames(tau_max=frames(tau_max), tau_min=frames(tau_min), window=frames(window), count=2)
    clips = sampler(Timeline.constant(frames=count, rate=25), rng_for(0, 0, sample))
    assert clips.index.shape == (2, 5)
    assert clips.valid.all()
    assert (np.diff(clips.index) > 0).all()
    assert clips.index.min() >= 0 and clips.index.max() < count
    assert (clips.shrunk == (count - 1 < 2 * tau_min + 2)).all()
    for a, b, _, d, e in clips.index[~clips.shrunk]:
        assert d - b <= tau_max and b - a >= tau_min and e - d >= tau_min and e - a <= window


def test_seconds_equal_frames_at_constant_rate():
    timeline = Timeline.constant(frames=300, rate=25)
    by_frames = OrderedFrames(count=3)
    by_time = OrderedFrames(tau_max=seconds(2.4), tau_min=seconds(0.6), count=3)
    for sample in range(20):
        one, other = (sampler(timeline, rng_for(0, 0, sample)) for sampler in (by_frames, by_time))
        assert (one.index == other.index).all()


def test_the_papers_numbers_are_the_defaults():
    sampler = OrderedFrames()
    assert (sampler.tau_max, sampler.tau_min, sampler.span) == (frames(60), frames(15), frames(120))


def test_a_window_that_falls_into_a_hole_is_drawn_again(uneven):
    # Windows that start at frames 5 and 6 see too few frames before the hole.
    sampler = OrderedFrames(tau_max=seconds(0.3), tau_min=seconds(0.1), window=seconds(0.6), count=50)
    clips = sampler(uneven, rng_for(0, 0, 0))
    assert not clips.shrunk.any()
    assert (clips.times[:, 4] - clips.times[:, 0] <= 0.6 + uneven.slack).all()


def test_a_recording_too_short_is_scaled_to_and_marked_or_refused():
    timeline = Timeline.constant(frames=31, rate=25)
    clips = OrderedFrames(count=20)(timeline, rng_for(0, 0, 0))
    assert clips.shrunk.all()
    assert (clips.index[:, 3] - clips.index[:, 1] <= 15).all()  # 60 of 120, now of 30
    assert (clips.index[:, 1] - clips.index[:, 0] >= 3).all()  # 15 of 120, now of 30
    with pytest.raises(ValueError, match=r"too short for OrderedFrames\(.*31 frames, 1.240 s.*short='scale'"):
        OrderedFrames(short="error")(timeline, rng_for(0, 0, 0))


def test_five_frames_are_enough_and_four_are_not():
    assert OrderedFrames()(Timeline.constant(frames=5, rate=25), rng_for(0, 0, 0)).index.tolist() == [[0, 1, 2, 3, 4]]
    with pytest.raises(ValueError, match="at least 5 frames; got 4"):
        OrderedFrames()(Timeline.constant(frames=4, rate=25), rng_for(0, 0, 0))


def test_gaps_are_uniform_and_so_is_the_place(fits):
    clips = OrderedFrames(gaps=(3, 7), count=6000)(Timeline.constant(frames=30, rate=25), rng_for(0, 0, 0))
    assert not clips.shrunk.any()
    for place in range(4):
        fits(np.bincount(np.diff(clips.index)[:, place], minlength=8), [0, 0, 0, 1, 1, 1, 1, 1])
    shortest = clips.index[(np.diff(clips.index).sum(axis=1)) == 20, 0]
    fits(np.bincount(shortest, minlength=10), [1] * 10)


def test_gaps_that_hardly_fit_are_uniform_among_those_that_do(fits):
    rng = rng_for(0, 0, 0)
    drawn = [tuple(draw_gaps(4, 1, 4, 7, rng)) for _ in range(6000)]
    possible = [gaps for gaps in product(range(1, 5), repeat=4) if sum(gaps) <= 7]
    assert set(drawn) == set(possible)
    seen = Counter(drawn)
    fits([seen[gaps] for gaps in possible], np.ones(len(possible)))


def test_gaps_too_wide_for_the_recording_are_shrunk_and_marked_or_refused():
    timeline = Timeline.constant(frames=9, rate=25)
    clips = OrderedFrames(gaps=(3, 7), count=50)(timeline, rng_for(0, 0, 0))
    assert clips.shrunk.all()
    assert (np.diff(clips.index) >= 1).all() and (np.diff(clips.index) <= 2).all()
    with pytest.raises(ValueError, match="too short"):
        OrderedFrames(gaps=(3, 7), short="error")(timeline, rng_for(0, 0, 0))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: OrderedFrames(tau_max=60), "tau_max must be a length"),
        (lambda: OrderedFrames(tau_max=frames(1)), r"at least frames\(2\)"),
        (lambda: OrderedFrames(tau_min=seconds(0)), "above 0"),
        (lambda: OrderedFrames(tau_min=seconds(0.6)), "must share a unit"),
        (lambda: OrderedFrames(window=frames(31)), r"window must hold tau_min twice and the triplet, 32 frames; got"),
        (lambda: OrderedFrames(gaps=(0, 3)), "gaps must be"),
        (lambda: OrderedFrames(gaps=(4, 3)), "gaps must be"),
        (lambda: OrderedFrames(gaps=(3, 7), window=frames(100)), "give either, not both"),
        (lambda: OrderedFrames(frames=4), "tau_max and tau_min are of 5 frames; set gaps for 4"),
        (lambda: OrderedFrames(frames=1, gaps=(1, 2)), "frames must be a whole number of at least 2"),
        (lambda: OrderedFrames(short="drop"), "short must be one of scale, error"),
    ],
)
def test_distances_that_contradict_each_other_are_refused_at_construction(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("count", [2, 4, 7])
def test_any_number_of_frames_keeps_its_gaps_within_the_recording(count):
    clips = OrderedFrames(frames=count, gaps=(2, 6), count=400)(Timeline.constant(40, 25), rng_for(0, 0, 0))
    gaps = np.diff(clips.index)
    assert clips.index.shape == (400, count) and set(gaps.flatten().tolist()) == {2, 3, 4, 5, 6}
    assert clips.index.min() == 0 and clips.index.max() == 39 and not clips.shrunk.any()
    short = OrderedFrames(frames=count, gaps=(5, 6), count=50)(Timeline.constant(count + 1, 25), rng_for(0, 0, 0))
    assert (np.diff(short.index) >= 1).all() and short.shrunk.all()
    with pytest.raises(ValueError, match=f"at least {count} frames; got {count - 1}"):
        OrderedFrames(frames=count, gaps=(1, 2))(Timeline.constant(count - 1, 25), rng_for(0, 0, 0))
