"""Measures of ranked answers: hits, recall, precision, average precision, discounted gain, and what chance gives.

Pure functions of answers in their order, ``(queries, ranks)``, best first: bool where an answer is right or wrong, at
least 0 where it is more or less so. `ranked` brings scores into that form; of equal scores the first place answers
first. A query with nothing right to find has no score: leave it out.

Average precision: Manning, Raghavan and Schütze, "Introduction to Information Retrieval", 2008, section 8.4.
Discounted gain: Järvelin and Kekäläinen, "Cumulated Gain-Based Evaluation of IR Techniques", TOIS 2002, with the
logarithm of rank + 1 of Burges et al., "Learning to Rank using Gradient Descent", ICML 2005.
"""

import numpy as np
from scipy.special import digamma, gammaln


def ranked(scores: np.ndarray, worth: np.ndarray) -> np.ndarray:
    """Return what answers are worth from the highest score to the lowest; of equal scores the first stands first.

    Args:
        scores: how well each answer suits, ``(queries, answers)``.
        worth: what it is worth (right or wrong, or a number), ``(queries, answers)``.

    Examples:
        >>> ranked(np.array([[0.1, 0.7, 0.7]]), np.array([[True, False, True]]))
        array([[False,  True,  True]])
    """
    return np.take_along_axis(worth, np.argsort(-scores, axis=1, kind="stable"), axis=1)


def hits_at(right: np.ndarray, k: int) -> np.ndarray:
    """Return 1 for each query with a right answer among its ``k`` first, else 0, ``(queries,)``.

    Its mean is what video retrieval calls R@k, recall or top-k accuracy (Xu et al., "VCOP", CVPR 2019, section 4.3).

    Examples:
        >>> hits_at(np.array([[False, True, False], [False, False, True]]), 2)
        array([1., 0.])
    """
    return np.asarray(_first(right, k).any(1), np.float64)


def recall_at(right: np.ndarray, total: np.ndarray, k: int) -> np.ndarray:
    """Return the share of the ``total`` right items that are among the ``k`` first, ``(queries,)``: textbooks' recall.

    Where one item alone is right, such as the sound of a picture, it equals `hits_at`.
    """
    return _first(right, k).sum(1) / _positive(total)


def precision_at(right: np.ndarray, k: int) -> np.ndarray:
    """Return the share of the ``k`` first that is right, ``(queries,)``."""
    return _first(right, k).mean(1)


def average_precision(right: np.ndarray, total: np.ndarray, k: int | None = None) -> np.ndarray:
    """Return the mean over right items of the precision at their rank, ``(queries,)``; what is not found counts 0.

    Args:
        right: answers in their order, ``(queries, ranks)``; the whole gallery for average precision as such.
        total: right items that there are, ``(queries,)``.
        k: answers that count, over ``min(total, k)`` right items (AP@k); None for all, over ``total``.

    Examples:
        >>> right = np.array([[True, False, True]])
        >>> average_precision(right, np.array([2])), average_precision(right, np.array([2]), k=1)
        (array([0.83333333]), array([1.]))
    """
    found = right if k is None else _first(right, k)
    precision = found.cumsum(1) / np.arange(1, found.shape[1] + 1)
    return (precision * found).sum(1) / (_positive(total) if k is None else np.minimum(_positive(total), k))


def ndcg_at(worth: np.ndarray, ideal: np.ndarray, k: int) -> np.ndarray:
    """Return the discounted gain of the ``k`` first over that of the best order, ``(queries,)``.

    Args:
        worth: gain of the answers in their order, at least 0, ``(queries, ranks)``; 0 and 1 for right and wrong.
        ideal: gains in the best order, ``(queries, ranks)``.
        k: answers that count; each gain is divided by the logarithm to base 2 of its rank + 1.

    Raises:
        ValueError: if a query has nothing of worth to find.
    """
    perfect = _first(ideal, k) @ discounts(k)
    if (perfect <= 0).any():
        raise ValueError(f"{int((perfect <= 0).sum())} queries have nothing of worth to find; leave them out")
    return _first(worth, k) @ discounts(k) / perfect


def discounts(k: int) -> np.ndarray:
    """Return what a gain counts at the ranks from 1 to ``k``."""
    return 1 / np.log2(np.arange(2, k + 2))


def first_rank(right: np.ndarray) -> np.ndarray:
    """Return the rank of each query's first right answer, from 1, ``(queries,)``; infinite where none is."""
    return np.where(right.any(1), right.argmax(1) + 1.0, np.inf)


def median_rank(right: np.ndarray) -> float:
    """Return the median over queries of `first_rank`; infinite if most have no right answer.

    Examples:
        >>> median_rank(np.array([[True, False], [False, True], [False, True]]))
        2.0
    """
    return float(np.median(first_rank(right)))


def chance_of_a_hit(total: np.ndarray, size: np.ndarray, k: int) -> np.ndarray:
    """Return how likely a random order has a right item among the ``k`` first, ``(queries,)``.

    It is 1 less the chance that all ``k`` are drawn from the others without replacement.

    Args:
        total: right items in the gallery, ``(queries,)``.
        size: items in the gallery that may answer, ``(queries,)``.
        k: answers that count.

    Examples:
        >>> chance_of_a_hit(np.array([2]), np.array([4]), 1), chance_of_a_hit(np.array([2]), np.array([4]), 3)
        (array([0.5]), array([1.]))
    """
    total, size = np.asarray(total, np.float64), np.asarray(size, np.float64)
    wrong = size - total
    with np.errstate(invalid="ignore"):
        log = gammaln(wrong + 1) - gammaln(wrong - k + 1) - gammaln(size + 1) + gammaln(size - k + 1)
    missed: np.ndarray = np.where(wrong >= k, np.exp(log), 0.0)
    return 1 - missed


def chance_recall(size: np.ndarray, k: int) -> np.ndarray:
    """Return the expected recall (textbooks') of a random order, ``(queries,)``: ``k`` of ``size``."""
    return np.minimum(k / np.asarray(size, np.float64), 1.0)


def chance_precision(total: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Return the expected precision of a random order at any ``k``, ``(queries,)``: ``total`` of ``size``."""
    return np.asarray(total, np.float64) / size


def chance_average_precision(total: np.ndarray, size: np.ndarray, k: int | None = None) -> np.ndarray:
    """Return the expected average precision of a random order, ``(queries,)``; of its ``k`` first if given.

    The item at rank ``r`` is right with chance ``R / N``, and then each of the ``r - 1`` before it with
    ``(R - 1) / (N - 1)``. Over the ranks to ``k`` that sums to ``R / N * (H + (k - H) * (R - 1) / (N - 1))`` with the
    harmonic number ``H`` of ``k``, shared by the ``min(R, k)`` that could be found.

    Examples:
        >>> chance_average_precision(np.array([1, 3]), np.array([2, 3]))
        array([0.75, 1.  ])
    """
    total, size = np.asarray(total, np.float64), np.asarray(size, np.float64)
    ranks = size if k is None else np.minimum(k, size)
    harmonic = digamma(ranks + 1) - digamma(1.0)
    summed = total / size * (harmonic + (ranks - harmonic) * (total - 1) / np.maximum(size - 1, 1))
    return summed / (total if k is None else np.minimum(total, k))


def chance_ndcg(mean: np.ndarray, ideal: np.ndarray, k: int) -> np.ndarray:
    """Return the expected discounted gain of a random order over that of the best, ``(queries,)``.

    Args:
        mean: mean gain over the items that may answer, ``(queries,)``; ``total / size`` for right and wrong.
        ideal: gains in the best order, ``(queries, ranks)``.
        k: answers that count.
    """
    return np.asarray(mean) * discounts(k).sum() / (_first(ideal, k) @ discounts(k))


def chance_median_rank(total: np.ndarray, size: np.ndarray) -> float:
    """Return the median, over queries and random orders, of the rank of the first right answer.

    It is the least rank by which at least half of them have been right.

    Examples:
        >>> chance_median_rank(np.array([1]), np.array([101])), chance_median_rank(np.array([5]), np.array([10]))
        (51.0, 1.0)
    """
    low, high = 1, int(np.max(size))
    while low < high:
        middle = (low + high) // 2
        if chance_of_a_hit(total, size, middle).mean() < 0.5 - 1e-9:  # logarithms of factorials are not exact
            low = middle + 1
        else:
            high = middle
    return float(low)


def _first(values: np.ndarray, k: int) -> np.ndarray:
    if values.ndim != 2 or not 1 <= k <= values.shape[1]:
        raise ValueError(f"needs answers (queries, ranks) and 1 <= k <= ranks; got {values.shape} and k={k}")
    return values[:, :k]


def _positive(total: np.ndarray) -> np.ndarray:
    total = np.asarray(total)
    if (total <= 0).any():
        raise ValueError(f"{int((total <= 0).sum())} queries have no right item in the gallery; leave them out")
    return total
