"""How far clusters agree with classes: mutual information, Rand index, and accuracy after the best matching.

Mutual information and Rand index are scikit-learn's. The matching: Kuhn, "The Hungarian Method for the Assignment
Problem", 1955, by SciPy.
"""

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score


def mutual_information(clusters: np.ndarray, classes: np.ndarray) -> float:
    """Return the mutual information over the arithmetic mean of both entropies, in [0, 1].

    It is not adjusted for chance: many small clusters agree a little with anything.

    Args:
        clusters: whole numbers, ``(items,)``.
        classes: whole numbers, ``(items,)``.
    """
    return float(normalized_mutual_info_score(classes, clusters, average_method="arithmetic"))


def rand_index(clusters: np.ndarray, classes: np.ndarray) -> float:
    """Return the adjusted Rand index: 1 for equal partitions, 0 in the mean for partitions by chance."""
    return float(adjusted_rand_score(classes, clusters))


def matched_accuracy(clusters: np.ndarray, classes: np.ndarray) -> float:
    """Return the share of items that are right when each cluster is given one class, no class twice, as well as can be.

    With more clusters than classes the rest is wrong. Chance is at least the share of the largest class.

    Examples:
        >>> matched_accuracy(np.array([2, 2, 0, 0, 1]), np.array([0, 0, 1, 1, 1]))
        0.8
    """
    if clusters.shape != classes.shape or clusters.ndim != 1 or not len(clusters):
        raise ValueError(f"needs one cluster and one class an item; got {clusters.shape} and {classes.shape}")
    counts = np.zeros((clusters.max() + 1, classes.max() + 1), np.int64)
    np.add.at(counts, (clusters, classes), 1)
    return float(counts[linear_sum_assignment(-counts)].sum() / len(clusters))


def purity(clusters: np.ndarray, classes: np.ndarray) -> float:
    """Return the share of items that are right when each cluster is given the class that most of its items have.

    Several clusters may have one class: with a cluster for each item it is 1.

    Examples:
        >>> purity(np.array([2, 2, 0, 0, 1]), np.array([0, 0, 1, 1, 1]))
        1.0
    """
    if clusters.shape != classes.shape or clusters.ndim != 1 or not len(clusters):
        raise ValueError(f"needs one cluster and one class an item; got {clusters.shape} and {classes.shape}")
    pairs, times = np.unique(np.stack([clusters, classes], 1), axis=0, return_counts=True)
    most = np.zeros(clusters.max() + 1, np.int64)
    np.maximum.at(most, pairs[:, 0], times)
    return float(most.sum() / len(clusters))
