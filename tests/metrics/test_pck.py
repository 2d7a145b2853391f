"""Measures of key points against cases worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from avssl.metrics import pck

NOWHERE = [np.nan, np.nan]


@pytest.fixture
def case():
    """Two people, two joints; distances 3, 5 and 1, lost; torsos 10 and 20 pixels."""
    truth = np.array([[[0, 0], [10, 10]], [[5, 5], [0, 0]]], float)
    predicted = np.array([[[3, 0], [13, 14]], [[5, 6], NOWHERE]], float)
    return {
        "predicted": predicted,
        "truth": truth,
        "visible": np.ones((2, 2), bool),
        "normaliser": np.array([10.0, 20]),
    }


def test_distances_are_in_pixels_or_in_lengths_and_a_lost_joint_is_infinitely_far(case):
    np.testing.assert_array_equal(pck.distances(case["predicted"], case["truth"]), [[3, 5], [1, np.inf]])
    found = pck.distances(case["predicted"], case["truth"], case["normaliser"])
    np.testing.assert_array_equal(found, [[0.3, 0.5], [0.05, np.inf]])


@pytest.mark.parametrize(("threshold", "share"), [(0.04, 0), (0.05, 0.25), (0.3, 0.5), (0.5, 0.75), (1e9, 0.75)])
def test_pck_equals_the_share_counted_by_hand(case, threshold, share):
    assert pck.pck(**case, threshold=threshold) == share


def test_the_comparison_decides_a_joint_that_lies_on_the_threshold(case):
    assert pck.pck(**case, threshold=0.5, comparison="<=") == 0.75
    assert pck.pck(**case, threshold=0.5, comparison="<") == 0.5


def test_losing_a_joint_never_raises_the_score(case):
    before = pck.pck(**case, threshold=0.5)
    case["predicted"][0, 0] = NOWHERE
    assert pck.pck(**case, threshold=0.5) < before


def test_a_joint_that_is_not_visible_counts_neither_way(case):
    case["visible"][1, 1] = False
    np.testing.assert_array_equal(pck.per_joint(pck.hits(**case, threshold=0.4)), [1, 0])
    assert pck.pck(**case, threshold=0.4) == 0.5  # the mean of the joints' own means, (1 + 0) / 2
    assert pck.pck(**case, threshold=0.4, average="all") == pytest.approx(2 / 3)


def test_a_joint_that_nobody_shows_is_left_out_of_the_mean(case):
    case["visible"][:, 1] = False
    joints = pck.per_joint(pck.hits(**case, threshold=0.3))
    assert joints[0] == 1 and np.isnan(joints[1])
    assert pck.pck(**case, threshold=0.3) == 1


def test_the_area_is_the_mean_over_the_grid(case):
    assert pck.auc(**case, thresholds=(0.05, 0.3, 0.5)) == pytest.approx((0.25 + 0.5 + 0.75) / 3)


def test_mean_distances_equal_the_hand_made_ones(case):
    case["visible"][1, 1] = False
    assert pck.nme(**case) == pytest.approx(((0.3 + 0.05) / 2 + 0.5) / 2)
    assert pck.nme(**case, average="all") == pytest.approx((0.3 + 0.05 + 0.5) / 3)
    case.pop("normaliser")
    assert pck.epe(**case) == pytest.approx(((3 + 1) / 2 + 5) / 2)


def test_a_lost_joint_makes_a_mean_distance_infinite(case):
    assert pck.nme(**case) == np.inf


def test_names_carry_threshold_normaliser_comparison_and_grid():
    assert pck.pck_name(0.2, "torso") == "pck@0.2/torso"
    assert pck.pck_name(0.2, "torso", "<") == "pck@<0.2/torso"
    assert pck.auc_name((0.1, 0.2, 0.5), "torso") == "auc@0.1-0.5x3/torso"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (
            {"normaliser": np.array([10.0, 0.0])},
            r"of 1 of 2 people is not above 0 \(first: person 1, 0\.0\)",
        ),
        ({"normaliser": np.array([np.nan, 3.0])}, "is not above 0"),
        ({"normaliser": np.array([10.0])}, r"one length a person, \(2,\); got \(1,\)"),
        ({"visible": np.ones((2, 3), bool)}, r"visible must be \(people, joints\) = \(2, 2\), got \(2, 3\)"),
        ({"truth": np.zeros((2, 3, 2))}, r"must be \(people, joints, 2\)"),
        ({"visible": np.zeros((2, 2), bool)}, "no joint counts"),
        ({"comparison": "=<"}, "comparison must be"),
        ({"average": "mean"}, "average must be"),
    ],
)
def test_arrays_that_do_not_fit_are_named(case, change, complaint):
    with pytest.raises(ValueError, match=complaint):
        pck.pck(**(case | change))


def test_a_visible_joint_needs_a_true_place(case):
    case["truth"][0, 0] = NOWHERE
    with pytest.raises(ValueError, match="marked visible but their true place is NaN"):
        pck.pck(**case)


places = arrays(np.float64, (5, 3, 2), elements=st.floats(-50, 50))


@given(places, places, st.floats(0.01, 1), st.floats(0.01, 1))
def test_pck_grows_with_the_threshold_and_does_not_see_scale_or_place(predicted, truth, one, other):
    visible, lengths = np.ones((5, 3), bool), np.full(5, 8.0)
    low, high = sorted((one, other))
    assert pck.pck(predicted, truth, visible, lengths, low) <= pck.pck(predicted, truth, visible, lengths, high)
    same = pck.pck(4 * predicted, 4 * truth, visible, 4 * lengths, one)  # powers of two: exact
    assert same == pck.pck(predicted, truth, visible, lengths, one)
    assert pck.pck(truth, truth, visible, lengths, one) == 1


def test_uniform_guesses_hit_as_often_as_the_disc_is_large():
    rng = np.random.default_rng(0)
    truth, predicted = rng.random((100_000, 14, 2)), rng.random((100_000, 14, 2))
    found = pck.pck(predicted, truth, np.ones((100_000, 14), bool), np.ones(100_000), 0.2)
    assert 0.08 < found < 0.12  # a disc of radius 0.2 in a unit square
