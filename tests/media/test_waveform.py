"""Interpolation is the windowed sinc sum, whichever way it is worked out, and the same in every window."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avssl.media import waveform
from avssl.media.waveform import BETA, CROSSINGS, CUTOFF, interpolate, reach

RATES = [8000, 11025, 16000, 22050, 44100, 48000, 96000]


def by_definition(signal: np.ndarray, start: float, rate_in: int, rate_out: int, count: int) -> np.ndarray:
    """The sum written out, one wanted sample after another, in double precision."""
    scale = min(1.0, rate_out / rate_in)
    out = np.zeros((len(signal), count))
    for sample in range(count):
        distance = (np.arange(signal.shape[1]) - (start + sample * rate_in / rate_out)) * scale
        window = np.i0(BETA * np.sqrt(np.maximum(0, 1 - (distance / CROSSINGS) ** 2))) / np.i0(BETA)
        weights = scale * CUTOFF * np.sinc(CUTOFF * distance) * window * (np.abs(distance) < CROSSINGS)
        out[:, sample] = signal @ weights
    return out


@settings(max_examples=60, deadline=None)
@given(
    start=st.fractions(-50, 350, max_denominator=997),
    rate_in=st.sampled_from(RATES),
    rate_out=st.sampled_from([*RATES, 15999]),
    count=st.integers(1, 150),
    channels=st.integers(1, 2),
)
def test_interpolation_is_the_windowed_sinc_sum(start, rate_in, rate_out, count, channels):
    signal = np.random.default_rng(0).standard_normal((channels, 300)).astype(np.float32)
    found = interpolate(signal, start, rate_in, rate_out, count)
    assert found.shape == (channels, count) and found.dtype == np.float32
    if rate_in == rate_out and start.denominator == 1:
        whole = np.pad(signal, ((0, 0), (50, 250)))
        np.testing.assert_array_equal(found, whole[:, 50 + int(start) :][:, :count])
    else:
        truth = by_definition(signal, float(start), rate_in, rate_out, count)
        np.testing.assert_allclose(found, truth, atol=3e-5)


@pytest.mark.parametrize("rates", [(44100, 16000), (16000, 44100), (48000, 48000)])
def test_odd_pairs_of_rates_take_another_way_to_the_same_sum(monkeypatch, rates):
    signal = np.random.default_rng(0).standard_normal((2, 2000)).astype(np.float32)
    plain = interpolate(signal, Fraction(200, 3), *rates, 500)
    monkeypatch.setattr(waveform, "LONG", 0)
    np.testing.assert_allclose(interpolate(signal, Fraction(200, 3), *rates, 500), plain, atol=2e-6)


@given(shift=st.integers(0, 400), rate_out=st.sampled_from(RATES))
def test_a_sample_does_not_depend_on_its_window(shift, rate_out):
    signal = np.random.default_rng(0).standard_normal((1, 6000)).astype(np.float32)
    whole = interpolate(signal, Fraction(1, 3), 44100, rate_out, 900)
    part = interpolate(signal, Fraction(1, 3) + shift * Fraction(44100, rate_out), 44100, rate_out, 500)
    np.testing.assert_allclose(part, whole[:, shift : shift + 500], atol=2e-6)


def test_the_reach_holds_all_that_is_looked_at():
    signal = np.zeros((1, 4000), np.float32)
    for rates in ((44100, 16000), (16000, 44100), (48000, 48000)):
        far = signal.copy()
        far[:, : 2000 - reach(*rates)] = far[:, 2001 + reach(*rates) :] = 1e6
        assert not interpolate(far, Fraction(4001, 2), *rates, 1).any()


def test_a_constant_stays_as_it_is():
    for rates in ((44100, 16000), (16000, 44100)):
        found = interpolate(np.ones((1, 4000), np.float32), Fraction(5000, 3), *rates, 100)
        np.testing.assert_allclose(found, 1, atol=1e-4)
