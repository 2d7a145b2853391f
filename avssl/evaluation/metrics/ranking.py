"""Measures of ranked answers: hits, recall, precision, average precision, discounted gain, and what chance gives.

All are pure functions. ``relevant`` is bool ``(queries, ranks)``, best answer first; a query without any relevant item
in the gallery has no score and must be left out before, see `answerable`. Average precision: Manning, Raghavan and
Schütze, "Introduction to Information Retrieval", 2008, section 8.4; discounted gain: Järvelin and Kekäläinen,
"Cumulated Gain-Based Evaluation of IR Techniques", TOIS 2002.
"""

from collections.abc import Sequence

import numpy as np
from scipy.special import digamma, gammaln


def hits_at(relevant: np.ndarray, k: int) -> np.ndarray:
    """Return 1 for each query with a relevant item among its ``k`` first, else 0, ``(queries,)``.

    Its mean is what video retrieval calls R@k or top-k accuracy (Xu et al., "VCOP", CVPR 2019, section 4.3).

    Examples:
        >>> hits_at(np.array([[False, True, False], [False, False, True]]), 2)
        array([1., 0.])
    """
    return np.asarray(_first(relevant, k).any(1), np.float64)


def recall_at(relevant: np.ndarray, total: np.ndarray, k: int) -> np.ndarray:
    """Return the share of the ``total`` relevant items among the ``k`` first, ``(queries,)``: textbooks' recall."""
    return _first(relevant, k).sum(1) / _positive(total)


def precision_at(relevant: np.ndarray, k: int) -> np.ndarray:
    """Return the share of the ``k`` first that is relevant, ``(queries,)``."""
    return _first(relevant, k).mean(1)


def average_precision(relevant: np.ndarray, total: np.ndarray) -> np.ndarray:
    """Return the mean over relevant items of the precision at their rank, ``(queries,)``; missing ones count 0.

    With the whole gallery ranked this is average precision; with the first ``k`` it is AP@k, over ``min(total, k)``.

    Examples:
        >>> average_precision(np.array([[True, False, True]]), np.array([2]))
        array([0.83333333])
    """
    ranks = np.arange(1, relevant.shape[1] + 1)
    precision = relevant.cumsum(1) / ranks
    return (precision * relevant).sum(1) / np.minimum(_positive(total), relevant.shape[1])


def ndcg_at(gains: np.ndarray, ideal: np.ndarray, k: int) -> np.ndarray:
    """Return the discounted gain of the ``k`` first over that of the best order, ``(queries,)``.

    Args:
        gains: worth of the answers in their order, at least 0, ``(queries, ranks)``; 0 and 1 for plain relevance.
        ideal: worths in the best order, ``(queries, ranks)``.
        k: answers that count; each is divided by the logarithm to base 2 of its rank and 1 more.

    Raises:
        ValueError: if a query has nothing of worth to find.
    """
    found, best = _first(gains, k), _first(ideal, k)
    discount = 1 / np.log2(np.arange(2, found.shape[1] + 2))
    perfect = (best * discount).sum(1)
    if (perfect <= 0).any():
        raise ValueError(f"{int((perfect <= 0).sum())} queries have nothing of worth to find; leave them out")
    return (found * discount).sum(1) / perfect


def median_rank(relevant: np.ndarray) -> float:
    """Return the median over queries of the rank of the first relevant item, from 1; infinite if most have none.

    Examples:
        >>> median_rank(np.array([[True, False], [False, True], [False, True]]))
        2.0
    """
    first = np.where(relevant.any(1), relevant.argmax(1) + 1.0, np.inf)
    return float(np.median(first))


def chance_of_a_hit(total: np.ndarray, size: np.ndarray, k: int) -> np.ndarray:
    """Return how likely a random order has a relevant item among the ``k`` first, ``(queries,)``.

    Args:
        total: relevant items in the gallery, ``(queries,)``.
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


def chance_average_precision(total: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Return the expected average precision of a random order of the whole gallery, ``(queries,)``.

    The item at rank ``r`` is relevant with chance ``R / N``, and then each of the ``r - 1`` before it with
    ``(R - 1) / (N - 1)``; over all ranks that is ``((R - 1) / (N - 1) * (N - H) + H) / N``, ``H`` the harmonic number.

    Examples:
        >>> chance_average_precision(np.array([1, 3]), np.array([2, 3]))
        array([0.75, 1.  ])
    """
    total, size = np.asarray(total, np.float64), np.asarray(size, np.float64)
    harmonic = digamma(size + 1) - digamma(1.0)
    return ((total - 1) / np.maximum(size - 1, 1) * (size - harmonic) + harmonic) / size


def answerable(total: np.ndarray) -> np.ndarray:
    """Return which queries have anything to find, bool ``(queries,)``.

    Raises:
        ValueError: if none has.
    """
    found = np.asarray(total) > 0
    if not found.any():
        raise ValueError("no query has a relevant item in the gallery: check labels, groups and what is excluded")
    return found


def curve(relevant: np.ndarray, ks: Sequence[int]) -> np.ndarray:
    """Return the mean of `hits_at` for each ``k``, ``(ks,)``."""
    return np.array([hits_at(relevant, k).mean() for k in ks])


def _first(values: np.ndarray, k: int) -> np.ndarray:
    if values.ndim != 2 or not 1 <= k <= values.shape[1]:
        raise ValueError(f"needs answers (queries, ranks) and 1 <= k <= ranks; got {values.shape} and k={k}")
    return values[:, :k]


def _positive(total: np.ndarray) -> np.ndarray:
    total = np.asarray(total)
    if (total <= 0).any():
        raise ValueError(f"{int((total <= 0).sum())} queries have no relevant item in the gallery; leave them out")
    return total
