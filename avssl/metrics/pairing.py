"""How well pairs are told apart: pure functions of the scores of true and of false pairs."""

import numpy as np


def accuracy(true: np.ndarray, false: np.ndarray, threshold: float = 0.0) -> float:
    """Return the balanced accuracy of calling scores above a threshold true; chance 0.5.

    Examples:
        >>> accuracy(np.array([1.0, -1.0]), np.array([-2.0, -3.0]))
        0.75
    """
    return float(((true > threshold).mean() + (false <= threshold).mean()) / 2)


def best_threshold(true: np.ndarray, false: np.ndarray) -> float:
    """Return a threshold of greatest balanced accuracy: half way between two neighbouring scores.

    Examples:
        >>> best_threshold(np.array([3.0, 5.0]), np.array([0.0, 1.0]))
        2.0
    """
    scores = np.unique(np.concatenate([true, false]))
    middles = np.concatenate([[scores[0] - 1], (scores[1:] + scores[:-1]) / 2, [scores[-1] + 1]])
    above = 1 - np.searchsorted(np.sort(true), middles, side="right") / len(true)
    below = np.searchsorted(np.sort(false), middles, side="right") / len(false)
    return float(middles[(above + below).argmax()])


def two_alternatives(true: np.ndarray, false: np.ndarray) -> float:
    """Return how often the true sound of a picture scores above a false one, ties a half; chance 0.5.

    Args:
        true: ``(N,)``.
        false: ``(times, N)``; NaN where a false pair does not count.
    """
    wins = np.where(np.isnan(false), np.nan, (true > false) + 0.5 * (true == false))
    return float(np.nanmean(wins)) if (~np.isnan(false)).any() else float("nan")


def ceiling(same: np.ndarray) -> float:
    """Return the accuracy of knowing the class of picture and sound perfectly, when false pairs may share it.

    With K equally frequent classes that is 1 - 1 / (2 K).

    Args:
        same: whether each false pair is of one class, bool.
    """
    return float(1 - same.mean() / 2)
