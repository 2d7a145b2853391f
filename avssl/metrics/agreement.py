"""How far clusters agree with classes: mutual information, Rand index, and accuracy after the best matching.

Mutual information and Rand index are scikit-learn's. The matching: Kuhn, "The Hungarian Method for the Assignment
Problem", 1955, by SciPy.
"""

import numpy as np


def mutual_information(clusters: np.ndarray, classes: np.ndarray) -> float:
    """Return the mutual information over the arithmetic mean of both entropies, in [0, 1].

    It is not adjusted for chance: many small clusters agree a little with anything.

    Args:
        clusters: whole numbers, ``(items,)``.
        classes: whole numbers, ``(items,)``.
    """
    from sklearn.metrics import normalized_mutual_info_score  # slow to load

    return float(normalized_mutual_info_score(classes, clusters, average_method="arithmetic"))


def rand_index(clusters: np.ndarray, classes: np.ndarray) -> float:
    """Return the adjusted Rand index: 1 for equal partitions, 0 in the mean for partitions by chance."""
    from sklearn.metrics import adjusted_rand_score  # slow to load

    return float(adjusted_rand_score(classes, clusters))


def matched_accuracy(clusters: np.ndarray, classes: np.ndarray) -> float:
    """Return the share of items that are right when each cluster is given one class, no class twice, as well as can be.

    With more clusters than classes the rest is wrong. Chance is at least the share of the largest class.

    Examples:
        >>> matched_accuracy(np.array([2, 2, 0, 0, 1]), np.array([0, 0, 1, 1, 1]))
        0.8
    """
    from scipy.optimize import linear_sum_assignment  # slow to load

    counts = count_pairs(clusters, classes)
    return float(counts[linear_sum_assignment(-counts)].sum() / len(clusters))


def many_to_one_accuracy(clusters: np.ndarray, classes: np.ndarray) -> float:
    """Return the share of items that are right when each cluster is given its commonest class: its purity.

    It is for more clusters than classes, and grows with their number: 1 where each item is a cluster of its own.

    Examples:
        >>> many_to_one_accuracy(np.array([2, 2, 0, 0, 1]), np.array([0, 0, 1, 1, 1]))
        1.0
    """
    return float(count_pairs(clusters, classes).max(1).sum() / len(clusters))


def agreement(clusters: np.ndarray, classes: np.ndarray) -> dict[str, float]:
    """Return ``NMI``, ``ARI`` and ``matched accuracy`` (ACC), and ``many-to-one`` where more clusters than classes are.

    Args:
        clusters: whole numbers from 0, ``(items,)``.
        classes: whole numbers from 0, ``(items,)``.

    Raises:
        ValueError: if they are not, or of different numbers of items.
    """
    found = {
        "NMI": mutual_information(clusters, classes),
        "ARI": rand_index(clusters, classes),
        "matched accuracy": matched_accuracy(clusters, classes),
    }
    if len(np.unique(clusters)) > len(np.unique(classes)):
        found["many-to-one"] = many_to_one_accuracy(clusters, classes)
    return found


def count_pairs(clusters: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return how many items of each cluster are of each class, int64 ``(clusters, classes)``.

    Raises:
        ValueError: for other arrays than whole numbers from 0, one of each an item.
    """
    if clusters.shape != classes.shape or clusters.ndim != 1 or not len(clusters):
        raise ValueError(f"needs one cluster and one class an item; got {clusters.shape} and {classes.shape}")
    if not all(side.dtype.kind in "iu" and side.min() >= 0 for side in (clusters, classes)):
        raise ValueError(
            f"clusters and classes are whole numbers from 0; got {clusters.dtype} from {clusters.min()} and "
            f"{classes.dtype} from {classes.min()}; leave items without one out"
        )
    counts = np.zeros((clusters.max() + 1, classes.max() + 1), np.int64)
    np.add.at(counts, (clusters, classes), 1)
    return counts
