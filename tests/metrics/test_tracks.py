import numpy as np
import pytest

from avssl.metrics.tracks import (
    centre_errors,
    frame_overlaps,
    otb_success,
    precision,
    success,
    success_curve,
    success_rate,
)

TRUTH = np.array([[10.0, 10, 30, 20]] * 4)


def test_the_truth_itself_has_20_of_21_by_otb_and_one_by_ours():
    overlaps = frame_overlaps(TRUTH, TRUTH)
    assert (overlaps == 1).all()
    assert otb_success(overlaps) == 20 / 21 and success(overlaps) == 1
    assert precision(centre_errors(TRUTH, TRUTH), 0) == 1 and success_rate(overlaps, 0.75) == 1


def test_hand_cases_of_overlap_and_distance():
    found = TRUTH + np.array([[0, 0, 0, 0], [10, 0, 10, 0], [0, 5, 0, 5], [50, 0, 50, 0]])
    assert frame_overlaps(found, TRUTH).tolist() == pytest.approx([1, 1 / 3, 1 / 3, 0])
    assert centre_errors(found, TRUTH).tolist() == [0, 10, 5, 50]
    assert precision(centre_errors(found, TRUTH), 10) == 0.75  # at most: 10 px count


def test_overlaps_are_above_thresholds_not_at_them():
    assert success_rate(np.array([0.5, 0.51]), 0.5) == 0.5
    assert otb_success(np.array([0.5])) == pytest.approx(10 / 21)
    assert success_curve(np.array([0.5])).tolist() == [1.0] * 10 + [0.0] * 11


def test_boxes_are_cut_to_the_picture_and_stay_as_they_were():
    found, truth = np.array([[-10.0, 0, 10, 10]]), np.array([[0.0, 0, 10, 10]])
    assert frame_overlaps(found, truth).tolist() == [0.5] and frame_overlaps(found, truth, (40, 40)).tolist() == [1]
    assert found[0, 0] == -10


def test_unknown_frames_do_not_count_and_empty_boxes_overlap_nothing():
    truth = np.array([[0.0, 0, 10, 10], [np.nan] * 4, [5, 5, 5, 5]])
    overlaps = frame_overlaps(np.array([[0.0, 0, 10, 10], [0, 0, 1, 1], [5, 5, 5, 5]]), truth)
    assert overlaps[0] == 1 and np.isnan(overlaps[1]) and overlaps[2] == 0
    assert success(overlaps) == 0.5 and np.isnan(success(np.array([np.nan])))
    with pytest.raises(ValueError, match=r"one shape"):
        frame_overlaps(np.zeros((3, 4)), np.zeros((2, 4)))
