"""Maps against boxes, by hand."""

from itertools import pairwise

import numpy as np
import pytest

from avssl.metrics import localisation as metric


def test_iou_and_the_top_half_by_hand():
    scores = np.zeros((4, 4))
    scores[:2] = 1  # the upper half
    half = metric.top_half(scores)
    assert half[:2].all() and not half[2:].any()
    assert metric.iou(half, metric.box_mask(np.array([0, 0, 4, 1]), 4, 4)) == 0.5
    assert metric.iou(half, metric.box_mask(np.array([0, 0, 2, 4]), 4, 4)) == pytest.approx(4 / 12)


def test_a_flat_map_is_half_a_picture_and_not_all_of_it():
    assert metric.top_half(np.zeros((5, 6))).sum() == 15


def test_the_whole_picture_has_the_boxes_share_and_the_centre_disc_its_own():
    truth = metric.box_mask(np.array([0, 0, 5, 10]), 10, 10)
    assert metric.iou(np.ones((10, 10), bool), truth) == 0.5
    assert metric.centre_disc(40, 60).mean() == 0.5 and metric.centre_disc(40, 60)[20, 30]
    assert not metric.centre_disc(40, 60)[0, 0]


def test_no_half_does_better_than_the_best_half():
    rng = np.random.default_rng(0)
    for _ in range(20):
        left, top = rng.integers(0, 5, 2)
        truth = metric.box_mask(np.array([left, top, left + rng.integers(1, 6), top + rng.integers(1, 6)]), 10, 10)
        perfect = metric.iou(metric.top_half(truth.astype(float)), truth)
        assert perfect == pytest.approx(metric.best_half(truth))
        assert metric.iou(metric.top_half(rng.random((10, 10))), truth) <= perfect


def test_the_area_equals_a_slow_writing():
    overlaps = np.array([0.0, 0.12, 0.5, 0.77, 1.0])
    curve = [np.mean([overlap >= threshold for overlap in overlaps]) for threshold in metric.THRESHOLDS]
    slow = sum((a + b) / 2 * 0.05 for a, b in pairwise(curve))
    assert metric.area(overlaps) == pytest.approx(slow) and len(curve) == 21
    assert metric.success(overlaps) == 0.6


def test_pointing_takes_the_middle_of_equal_peaks():
    scores = np.zeros((4, 4))
    scores[0, 0] = scores[0, 3] = 1
    assert metric.peak(scores) == (2.0, 0.5)
    assert metric.within((2.0, 0.5), np.array([1, 0, 3, 1])) and not metric.within((2.0, 0.5), np.array([2.5, 0, 3, 1]))


def test_a_threshold_cuts_a_map_from_0_to_1():
    scores = np.array([[-2.0, 0.0], [1.0, 2.0]])
    assert metric.above(scores, 0.5).tolist() == [[False, True], [True, True]]
    assert metric.above(np.ones((2, 2)), 0.5).all()


def test_the_consensus_weighs_places_by_how_many_boxes_cover_them():
    boxes = np.array([[0, 0, 2, 4], [0, 0, 2, 2], [2, 0, 3, 4]])
    truth = metric.consensus(boxes, 2, 4, 4)
    assert truth.tolist() == [[1, 1, 0.5, 0]] * 2 + [[0.5, 0.5, 0.5, 0]] * 2
    left, right = np.zeros((4, 4), bool), np.zeros((4, 4), bool)
    left[:, :2], right[:, 2:] = True, True
    assert metric.consensus_iou(left, truth) == pytest.approx(6 / 8)  # of a truth of 8, nothing beside it
    assert metric.consensus_iou(right, truth) == pytest.approx(2 / (8 + 4))
    assert metric.best_half(truth) == pytest.approx(6 / 8) and metric.consensus_iou(~left & left, truth * 0) == 0


def test_for_a_union_of_boxes_the_consensus_is_the_plain_overlap():
    rng = np.random.default_rng(0)
    for _ in range(20):
        corner = rng.integers(0, 6, (3, 2))
        boxes = np.concatenate([corner, corner + rng.integers(1, 5, (3, 2))], 1)
        union = np.any([metric.box_mask(box, 10, 10) for box in boxes], axis=0)
        found = metric.top_half(rng.random((10, 10)))
        assert metric.consensus_iou(found, metric.consensus(boxes, 1, 10, 10)) == pytest.approx(
            metric.iou(found, union)
        )
