"""Mean intersection over union: hand-made cases, scikit-learn, and what counts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix, jaccard_score

from avssl.metrics import regions

TRUTH = np.array([[0, 0, 1], [1, 2, 255]])
FOUND = np.array([[0, 1, 1], [1, 2, 2]])


def test_a_table_made_by_hand_leaves_void_out():
    assert regions.confusion(FOUND, TRUTH, 3).tolist() == [[1, 1, 0], [0, 2, 0], [0, 0, 1]]
    assert regions.iou(regions.confusion(FOUND, TRUTH, 3)) == pytest.approx([1 / 2, 2 / 3, 1])
    assert regions.mean_iou(regions.confusion(FOUND, TRUTH, 3)) == pytest.approx((1 / 2 + 2 / 3 + 1) / 3)
    assert regions.pixel_accuracy(regions.confusion(FOUND, TRUTH, 3)) == pytest.approx(4 / 5)


def test_a_class_absent_everywhere_is_left_out_or_counts_as_named():
    table = regions.confusion(FOUND, TRUTH, 4)
    assert np.isnan(regions.iou(table)[3])
    left_out = (1 / 2 + 2 / 3 + 1) / 3
    assert regions.mean_iou(table) == pytest.approx(left_out)
    assert regions.mean_iou(table, absent=0.0) == pytest.approx(left_out * 3 / 4)
    assert regions.mean_iou(table, absent=1.0) == pytest.approx((left_out * 3 + 1) / 4)


def test_a_class_that_is_found_where_there_is_none_counts_as_zero():
    table = regions.confusion(np.array([1, 0]), np.array([0, 0]), 2)
    assert regions.iou(table).tolist() == [0.5, 0.0]


def test_the_score_of_several_pictures_is_that_of_their_pixels_together():
    tables = np.stack([regions.confusion(one, two, 3) for one, two in zip(FOUND, TRUTH, strict=True)])
    assert tables.sum(0).tolist() == regions.confusion(FOUND, TRUTH, 3).tolist()
    assert regions.mean_iou(tables).shape == (2,)  # and each picture's own, all at once


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 5))
def test_it_equals_scikit_learn(seed, classes):
    rng = np.random.default_rng(seed)
    truth, found = rng.integers(0, classes, 40), rng.integers(0, classes, 40)
    table = regions.confusion(found, truth, classes)
    assert table.tolist() == confusion_matrix(truth, found, labels=range(classes)).tolist()
    present = np.unique(np.concatenate([truth, found]))
    assert regions.mean_iou(table) == pytest.approx(jaccard_score(truth, found, average="macro", labels=present))
    assert regions.pixel_accuracy(table) == pytest.approx(accuracy_score(truth, found))


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        (lambda: regions.confusion(np.zeros(2), np.zeros(3), 2), "must have one shape"),
        (lambda: regions.confusion(np.array([0]), np.array([7]), 2), "a true region has the number 7, but there are 2"),
        (lambda: regions.confusion(np.array([2]), np.array([0]), 2), "a found region has the number 2"),
        (lambda: regions.mean_iou(np.zeros((2, 2))), "no pixel counts: all are void"),
    ],
)
def test_what_cannot_be_counted_is_refused(call, complaint):
    with pytest.raises(ValueError, match=complaint):
        call()


def test_void_may_be_a_class_where_it_is_asked_for():
    assert regions.confusion(np.array([255]), np.array([255]), 256, void=None)[255, 255] == 1
