from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avssl.sampling import Stride, fps, frames, seconds


def test_strides_are_values():
    assert frames(4) == frames(4.0) != frames(5)
    assert len({fps(8), fps(8.0), seconds(8)}) == 2
    assert fps(Fraction(30000, 1001)).value == pytest.approx(29.97003)


@pytest.mark.parametrize("stride", [frames(4), frames(0), fps(8), fps(29.97), seconds(0.125), seconds(1 / 3)])
def test_a_stride_is_read_back_from_how_it_prints(stride):
    assert Stride.parse(str(stride)) == stride
    assert Stride.parse(stride) is stride


@given(st.floats(1e-6, 1e6))
def test_any_duration_is_read_back_exactly(duration):
    assert Stride.parse(str(seconds(duration))) == seconds(duration)


def test_spaces_and_fractions_are_read():
    assert Stride.parse(" fps( 30000/1001 ) ") == fps(30000 / 1001)


@pytest.mark.parametrize("text", ["8", "fps 8", "fps()", "fps(8", "hours(1)", "fps(eight)", "fps(1/0)", 8, None])
def test_what_is_no_stride_is_refused_with_the_three_ways_to_write_one(text):
    with pytest.raises(ValueError, match=r"no stride"):
        Stride.parse(text)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: frames(1.5), r"whole number; got 1.5: use seconds\(1.5\)"),
        (lambda: frames(-1), "of at least 0; got -1"),
        (lambda: fps(0), "above 0; got 0"),
        (lambda: seconds(float("nan")), "finite"),
        (lambda: seconds("1"), "finite number"),
        (lambda: frames(True), "finite number"),
        (lambda: Stride(1, "hours"), "frames, fps or seconds; got 'hours'"),
    ],
)
def test_a_value_that_does_not_fit_its_unit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_durations():
    assert fps(8).duration == 0.125
    assert seconds(0.25).duration == 0.25
    with pytest.raises(ValueError, match="depends on the recording"):
        _ = frames(4).duration
