"""Measures of classification and of clusters equal hand-made cases, slow writings, and scikit-learn's."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, balanced_accuracy_score, top_k_accuracy_score

from avssl.metrics import agreement
from avssl.metrics import classification as metrics

SCORES = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.3, 0.4, 0.3], [0.2, 0.3, 0.5]])
TRUTH = np.array([0, 2, 0, 2])


def test_accuracy_by_hand_and_ties_are_wrong():
    assert metrics.accuracy(SCORES, TRUTH) == 0.5
    assert metrics.accuracy(SCORES, TRUTH, 2) == 0.75  # the third item's class ties with another for the second place
    assert metrics.accuracy(SCORES, TRUTH, 3) == 1.0
    assert metrics.accuracy(np.zeros((4, 3)), TRUTH) == 0.0


def test_each_class_weighs_the_same():
    truth = np.array([0] * 9 + [1])
    scores = np.tile([1.0, 0.0], (10, 1))
    assert metrics.accuracy(scores, truth) == 0.9 and metrics.mean_class_accuracy(scores, truth) == 0.5


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_scikit_learn_says_the_same(seed):
    rng = np.random.default_rng(seed)
    scores, truth = rng.random((30, 4)), rng.permutation(np.arange(30) % 4)
    assert metrics.accuracy(scores, truth, 2) == pytest.approx(top_k_accuracy_score(truth, scores, k=2))
    assert metrics.mean_class_accuracy(scores, truth) == pytest.approx(balanced_accuracy_score(truth, scores.argmax(1)))
    present = truth == 1
    area = average_precision_score(present, scores[:, 1])
    assert metrics.average_precision(scores[:, 1], present) >= area - 1e-12  # made monotonous, it is no smaller


def slow_voc(scores, present, kind):
    """Write the definitions down word by word."""
    pairs = sorted(zip(-scores, range(len(scores)), present, strict=True))
    points, found = [], 0
    for rank, (_, _, there) in enumerate(pairs, start=1):
        found += int(there)
        points.append((found / present.sum(), found / rank))
    if kind == "voc07":
        return np.mean([max([p for r, p in points if r >= t / 10 - 1e-12], default=0.0) for t in range(11)])
    total, last = 0.0, 0.0
    for recall in sorted({r for r, _ in points}):
        total += (recall - last) * max(p for r, p in points if r >= recall)
        last = recall
    return total


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["voc07", "area"]))
def test_average_precision_is_what_voc_says(seed, kind):
    rng = np.random.default_rng(seed)
    scores, present = rng.integers(0, 6, 15).astype(float), rng.random(15) < 0.4
    present[rng.integers(15)] = True
    assert metrics.average_precision(scores, present, kind) == pytest.approx(slow_voc(scores, present, kind))


def test_difficult_items_are_left_out_and_absent_classes_too():
    scores = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.3]])
    labels = np.array([[np.nan, 0], [1, 0], [0, 0]])
    assert metrics.average_precisions(scores, labels)[0] == 1.0
    assert np.isnan(metrics.average_precisions(scores, labels)[1])
    assert metrics.mean_average_precision(scores, labels) == 1.0
    with pytest.raises(ValueError, match="no class is shown"):
        metrics.mean_average_precision(scores, np.zeros((3, 2)))


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="as many truths"):
        metrics.accuracy(SCORES, TRUTH[:2])
    with pytest.raises(ValueError, match="k must be in"):
        metrics.accuracy(SCORES, TRUTH, 4)
    with pytest.raises(ValueError, match="1 items have scores that are not finite"):
        metrics.accuracy(np.where(SCORES == 0.7, np.nan, SCORES), TRUTH)
    with pytest.raises(ValueError, match="'voc07' or 'area'"):
        metrics.average_precision(SCORES[:, 0], TRUTH == 0, "voc12")


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_best_matching_is_the_best_of_all(seed):
    rng = np.random.default_rng(seed)
    clusters, classes = rng.integers(0, 4, 25), rng.integers(0, 3, 25)
    best = max(
        np.mean([order[c] == t for c, t in zip(clusters, classes, strict=True)]) for order in permutations(range(4))
    )
    assert agreement.matched_accuracy(clusters, classes) == pytest.approx(best)


def test_equal_partitions_agree_wholly_and_chance_ones_hardly():
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 5, 2000)
    renamed, other = (classes + 2) % 5, rng.integers(0, 5, 2000)
    assert agreement.mutual_information(renamed, classes) == pytest.approx(1)
    assert agreement.rand_index(renamed, classes) == agreement.matched_accuracy(renamed, classes) == 1
    assert agreement.mutual_information(other, classes) < 0.02 and abs(agreement.rand_index(other, classes)) < 0.01
