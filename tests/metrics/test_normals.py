"""Angles between normals: hand-made cases, small angles, and what counts."""

import numpy as np
import pytest

from avssl.metrics import normals
from avssl.sampling import rng_for

UP, RIGHT, NOTHING = [0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]


def test_angles_made_by_hand():
    found = np.array([UP, UP, UP, [0, -3.0, 0], [1.0, 1.0, 0]])
    truth = np.array([UP, RIGHT, NOTHING, UP, UP])
    assert normals.angles(found, truth) == pytest.approx([0, 90, np.nan, 180, 45], nan_ok=True)


def test_small_angles_are_not_lost_in_rounding():
    tilt = np.radians(1e-6)
    assert normals.angles(np.array([[np.sin(tilt), np.cos(tilt), 0]]), np.array([UP])) == pytest.approx([1e-6])


def test_angles_equal_the_arc_cosine():
    rng = np.random.default_rng(0)
    found, truth = rng.normal(size=(2, 50, 3))
    lengths = np.linalg.norm(found, axis=1) * np.linalg.norm(truth, axis=1)
    assert normals.angles(found, truth) == pytest.approx(np.degrees(np.arccos((found * truth).sum(1) / lengths)))


def test_scores_made_by_hand():
    errors = np.array([3.0, 11.25, 22.5, 31.0, np.nan])
    assert normals.mean(errors) == pytest.approx(67.75 / 4)
    assert normals.median(errors) == pytest.approx((11.25 + 22.5) / 2)
    assert normals.rmse(errors) == pytest.approx(np.sqrt((9 + 11.25**2 + 22.5**2 + 31**2) / 4))
    assert [normals.within(errors, limit) for limit in normals.LIMITS] == [0.5, 0.75, 0.75]


def test_only_valid_pixels_count_and_one_without_an_answer_is_as_wrong_as_can_be():
    errors = np.array([10.0, 50.0, np.nan])
    assert normals.mean(errors, np.array([True, False, False])) == 10
    assert normals.mean(errors, np.array([True, False, True])) == (10 + 180) / 2
    assert normals.within(errors, 30, np.array([True, False, True])) == 0.5


def test_chance_is_ninety_degrees_and_one_radian_within_the_half_sphere():
    found = rng_for(0, 0, 0).normal(size=(40_000, 3))
    truth = np.broadcast_to(UP, found.shape)
    assert normals.mean(normals.angles(found, truth)) == pytest.approx(90, abs=0.6)
    found[:, 1] = np.abs(found[:, 1])
    assert normals.mean(normals.angles(found, truth)) == pytest.approx(np.degrees(1), abs=0.4)


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        (lambda: normals.angles(np.zeros((2, 3)), np.zeros((3, 3))), "of one shape"),
        (lambda: normals.mean(np.array([np.nan])), "no pixel counts: nowhere is the true normal known"),
        (lambda: normals.mean(np.zeros(2), np.ones(3, bool)), r"valid must have the shape of the errors, \(2,\)"),
    ],
)
def test_what_cannot_be_measured_is_refused(call, complaint):
    with pytest.raises(ValueError, match=complaint):
        call()
