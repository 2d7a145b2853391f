"""Schedules: known values, bounds, and that they depend on nothing but the step."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avssl.training import Constant, Cosine, OneCycle, Step

steps_of_runs = st.integers(1, 2000)
lengths = st.floats(0, 0.99) | st.integers(1, 100)
schedules = st.one_of(
    st.builds(Constant, warmup=lengths),
    st.builds(Cosine, warmup=lengths, end=st.floats(0, 1)),
    st.builds(OneCycle, warmup=lengths, start=st.floats(0, 1), end=st.floats(0, 1)),
    st.builds(Step, milestones=st.lists(lengths, max_size=3), warmup=lengths),
)


@given(schedule=schedules, steps=steps_of_runs, data=st.data())
def test_a_factor_is_never_below_0_or_above_1(schedule, steps, data):
    assert 0 <= schedule(data.draw(st.integers(0, steps)), steps) <= 1 + 1e-12


@given(warmup=st.integers(2, 50), schedule=st.sampled_from([Constant, Cosine]))
def test_the_warm_up_rises_by_equal_steps_to_1(warmup, schedule):
    factors = [schedule(warmup=warmup)(step, 1000) for step in range(warmup)]
    assert factors == pytest.approx([(step + 1) / warmup for step in range(warmup)])


@pytest.mark.parametrize(
    ("schedule", "values"),
    [
        (Constant(), {0: 1.0, 99: 1.0}),
        (Cosine(), {0: 1.0, 25: (1 + math.cos(math.pi / 4)) / 2, 50: 0.5, 100: 0.0}),
        (Cosine(warmup=20, end=0.5), {0: 0.05, 19: 1.0, 20: 1.0, 60: 0.75, 100: 0.5}),
        (Cosine(warmup=0.2, end=0.5), {0: 0.05, 19: 1.0, 20: 1.0, 60: 0.75, 100: 0.5}),
        (Step(milestones=[30, 0.6, 90], factor=0.5), {29: 1.0, 30: 0.5, 60: 0.25, 90: 0.125}),
        (OneCycle(warmup=0.5, start=0.2, end=0.1), {0: 0.2, 25: 0.6, 50: 1.0, 75: 0.55, 100: 0.1}),
    ],
)
def test_known_values(schedule, values):
    assert {step: schedule(step, 100) for step in values} == pytest.approx(values)


@given(schedule=st.sampled_from([Cosine(warmup=10), OneCycle(warmup=10)]), step=st.integers(10, 98))
def test_after_the_top_it_only_falls(schedule, step):
    assert schedule(step + 1, 100) <= schedule(step, 100)


@given(schedule=schedules, steps=st.integers(1, 3))
def test_a_run_shorter_than_its_warm_up_still_has_a_factor(schedule, steps):
    assert all(math.isfinite(schedule(step, steps)) for step in range(steps))
