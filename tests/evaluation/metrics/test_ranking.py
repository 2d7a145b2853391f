"""Measures of ranked answers equal hand-made cases, scikit-learn's, slow writings, and exact expectations."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, ndcg_score

from avssl.evaluation.metrics import ranking

ANSWERS = np.array([[0, 1, 0, 1], [1, 0, 0, 0], [0, 0, 0, 1]], dtype=bool)


def test_hits_recall_and_precision_by_hand():
    assert ranking.hits_at(ANSWERS, 1).tolist() == [0, 1, 0]
    assert ranking.hits_at(ANSWERS, 2).tolist() == [1, 1, 0]
    assert ranking.recall_at(ANSWERS, np.array([2, 1, 4]), 2).tolist() == [0.5, 1.0, 0.0]
    assert ranking.precision_at(ANSWERS, 4).tolist() == [0.5, 0.25, 0.25]
    assert ranking.curve(ANSWERS, (1, 2, 4)).tolist() == pytest.approx([1 / 3, 2 / 3, 1])


def test_average_precision_by_hand_counts_what_was_not_found_as_nothing():
    expected = [(1 / 2 + 2 / 4) / 2, 1.0, (1 / 4) / 2]
    assert ranking.average_precision(ANSWERS, np.array([2, 1, 2])).tolist() == pytest.approx(expected)


def test_the_median_rank_is_of_the_first_right_answer():
    assert ranking.median_rank(ANSWERS) == 2.0
    assert ranking.median_rank(np.zeros((2, 3), bool)) == np.inf


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_average_precision_and_gain_are_scikit_learns(seed):
    rng = np.random.default_rng(seed)
    truth = rng.random((1, 12)) < 0.4
    truth[0, rng.integers(12)] = True
    scores = rng.permutation(12)[None].astype(float)
    order = np.argsort(-scores, axis=1)
    sorted_truth = np.take_along_axis(truth, order, 1)
    ours = ranking.average_precision(sorted_truth, truth.sum(1))[0]
    assert ours == pytest.approx(average_precision_score(truth[0], scores[0]))
    gains = rng.integers(0, 4, (1, 12)).astype(float)
    gains[0, 0] = 1
    ideal = -np.sort(-gains, axis=1)
    found = ranking.ndcg_at(np.take_along_axis(gains, order, 1), ideal, 5)[0]
    assert found == pytest.approx(ndcg_score(gains, scores, k=5))


@pytest.mark.parametrize(("total", "size"), [(1, 4), (2, 5), (4, 6), (5, 5)])
def test_chance_is_the_mean_over_all_orders(total, size):
    orders = np.array(list(set(permutations([True] * total + [False] * (size - total)))))
    for k in range(1, size + 1):
        exact = ranking.hits_at(orders, k).mean()
        assert ranking.chance_of_a_hit(np.array([total]), np.array([size]), k)[0] == pytest.approx(exact)
    exact = ranking.average_precision(orders, np.full(len(orders), total)).mean()
    assert ranking.chance_average_precision(np.array([total]), np.array([size]))[0] == pytest.approx(exact)


def test_what_cannot_be_scored_is_told():
    with pytest.raises(ValueError, match="1 <= k <= ranks"):
        ranking.hits_at(ANSWERS, 5)
    with pytest.raises(ValueError, match="1 queries have no relevant item"):
        ranking.average_precision(ANSWERS, np.array([1, 0, 2]))
    with pytest.raises(ValueError, match="no query has a relevant item"):
        ranking.answerable(np.zeros(3))
    with pytest.raises(ValueError, match="nothing of worth"):
        ranking.ndcg_at(ANSWERS.astype(float), np.zeros((3, 4)), 2)
