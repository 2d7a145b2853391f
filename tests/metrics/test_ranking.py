"""Measures of ranked answers equal hand-made cases, scikit-learn's, slow writings, and exact expectations."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, label_ranking_average_precision_score, ndcg_score

from avssl.metrics import ranking

ANSWERS = np.array([[0, 1, 0, 1], [1, 0, 0, 0], [0, 0, 0, 1]], dtype=bool)
SEEDS = given(st.integers(0, 2**32 - 1))


def test_hits_recall_and_precision_by_hand():
    assert ranking.hits_at(ANSWERS, 1).tolist() == [0, 1, 0]
    assert ranking.hits_at(ANSWERS, 2).tolist() == [1, 1, 0]
    assert ranking.recall_at(ANSWERS, np.array([2, 1, 4]), 2).tolist() == [0.5, 1.0, 0.0]
    assert ranking.precision_at(ANSWERS, 4).tolist() == [0.5, 0.25, 0.25]


def test_average_precision_by_hand_counts_what_was_not_found_as_nothing():
    expected = [(1 / 2 + 2 / 4) / 2, 1.0, (1 / 4) / 2]
    assert ranking.average_precision(ANSWERS, np.array([2, 1, 2])).tolist() == pytest.approx(expected)


def test_average_precision_of_the_first_k_is_over_what_k_could_hold():
    assert ranking.average_precision(ANSWERS, np.array([2, 1, 9]), k=2).tolist() == pytest.approx([0.25, 1.0, 0.0])
    assert ranking.average_precision(ANSWERS, np.array([9, 9, 9]), k=4).tolist() == pytest.approx([0.25, 0.25, 1 / 16])


def test_discounted_gain_by_hand_binary_and_graded():
    assert ranking.ndcg_at(ANSWERS[:1], np.array([[1, 1, 0, 0]]), 2).tolist() == pytest.approx(
        [(1 / np.log2(3)) / (1 + 1 / np.log2(3))]
    )
    graded, ideal = np.array([[1.0, 0.0, 3.0]]), np.array([[3.0, 1.0, 0.0]])
    assert ranking.ndcg_at(graded, ideal, 3)[0] == pytest.approx((1 + 3 / 2) / (3 + 1 / np.log2(3)))


def test_the_median_rank_is_of_the_first_right_answer():
    assert ranking.first_rank(ANSWERS).tolist() == [2, 1, 4]
    assert ranking.median_rank(ANSWERS) == 2.0
    assert ranking.median_rank(np.zeros((2, 3), bool)) == np.inf


def test_of_equal_scores_the_first_answers_first():
    worth = np.array([[1, 2, 3, 4]])
    assert ranking.ranked(np.array([[0.5, 0.5, 0.9, 0.5]]), worth).tolist() == [[3, 1, 2, 4]]


def a_search(seed, grades):
    """Return scores without equals, and worths of which at least one is above 0, both ``(3, 12)``."""
    rng = np.random.default_rng(seed)
    worth = rng.integers(0, grades, (3, 12))
    worth[np.arange(3), rng.integers(0, 12, 3)] = grades - 1
    return np.stack([rng.permutation(12) * 1.0 for _ in range(3)]), worth


@settings(max_examples=30, deadline=None)
@SEEDS
def test_average_precision_and_gain_are_scikit_learns(seed):
    scores, worth = a_search(seed, grades=2)
    ours = ranking.average_precision(ranking.ranked(scores, worth > 0), worth.sum(1))
    theirs = [average_precision_score(truth, given) for truth, given in zip(worth, scores, strict=True)]
    assert ours == pytest.approx(np.array(theirs))
    assert ours.mean() == pytest.approx(label_ranking_average_precision_score(worth, scores))
    for grades in (2, 4):
        scores, worth = a_search(seed, grades)
        ideal = -np.sort(-worth, axis=1)
        for k in (1, 5, 12):
            ours = ranking.ndcg_at(ranking.ranked(scores, worth), ideal, k).mean()
            assert ours == pytest.approx(ndcg_score(worth, scores, k=k))


@settings(max_examples=30, deadline=None)
@SEEDS
def test_measures_equal_slow_writings(seed):
    scores, worth = a_search(seed, grades=2)
    found = ranking.ranked(scores, worth > 0)
    for k in (1, 3, 12):
        for row, (given_scores, truth) in enumerate(zip(scores, worth, strict=True)):
            best = sorted(range(12), key=lambda place, given_scores=given_scores: -given_scores[place])[:k]
            right = [place for place in best if truth[place]]
            assert ranking.hits_at(found, k)[row] == bool(right)
            assert ranking.recall_at(found, worth.sum(1), k)[row] == pytest.approx(len(right) / truth.sum())
            assert ranking.precision_at(found, k)[row] == pytest.approx(len(right) / k)
            at = [best.index(place) + 1 for place in right]
            precisions = sum(sum(other <= rank for other in at) / rank for rank in at)
            expected = precisions / min(k, truth.sum())
            assert ranking.average_precision(found, worth.sum(1), k)[row] == pytest.approx(expected)


@pytest.mark.parametrize(("total", "size"), [(1, 4), (2, 5), (4, 6), (5, 5)])
def test_chance_is_the_mean_over_all_orders(total, size):
    orders = np.array(list(set(permutations([True] * total + [False] * (size - total)))))
    right, all_of = np.full(len(orders), total), np.array([size])
    ideal = np.sort(orders, axis=1)[:, ::-1]
    few = np.array([total])
    for k in range(1, size + 1):
        assert ranking.chance_of_a_hit(few, all_of, k)[0] == pytest.approx(ranking.hits_at(orders, k).mean())
        assert ranking.chance_recall(all_of, k)[0] == pytest.approx(ranking.recall_at(orders, right, k).mean())
        assert ranking.chance_precision(few, all_of)[0] == pytest.approx(ranking.precision_at(orders, k).mean())
        exact = ranking.average_precision(orders, right, k).mean()
        assert ranking.chance_average_precision(few, all_of, k)[0] == pytest.approx(exact)
        exact = ranking.ndcg_at(orders, ideal, k).mean()
        assert ranking.chance_ndcg(few / all_of, ideal[:1], k)[0] == pytest.approx(exact)
    exact = ranking.average_precision(orders, right).mean()
    assert ranking.chance_average_precision(few, all_of)[0] == pytest.approx(exact)
    firsts = np.sort(ranking.first_rank(orders))
    assert ranking.chance_median_rank(few, all_of) == firsts[(len(firsts) - 1) // 2]


def test_chance_of_graded_gain_is_the_mean_over_all_orders():
    grades = np.array([3.0, 1.0, 0.0, 0.0, 1.0])
    orders, ideal = np.array(list(permutations(grades))), -np.sort(-grades)[None]
    exact = ranking.ndcg_at(orders, np.broadcast_to(ideal, orders.shape), 3).mean()
    assert ranking.chance_ndcg(np.array([grades.mean()]), ideal, 3)[0] == pytest.approx(exact)


def test_chance_is_exact_for_large_galleries():
    assert ranking.chance_of_a_hit(np.array([1]), np.array([1_000_000]), 10)[0] == pytest.approx(1e-5, rel=1e-3)
    assert ranking.chance_median_rank(np.array([1]), np.array([1_000_000])) == pytest.approx(500_000, abs=2)


def test_what_cannot_be_scored_is_told():
    with pytest.raises(ValueError, match="1 <= k <= ranks"):
        ranking.hits_at(ANSWERS, 5)
    with pytest.raises(ValueError, match="1 queries have no right item"):
        ranking.average_precision(ANSWERS, np.array([1, 0, 2]))
    with pytest.raises(ValueError, match="nothing of worth"):
        ranking.ndcg_at(ANSWERS.astype(float), np.zeros((3, 4)), 2)
