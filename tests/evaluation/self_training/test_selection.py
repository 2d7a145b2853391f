"""Which pseudo-labels count: the threshold and the balance of classes, by hand."""

import numpy as np
import pytest

from avssl.config import ConfigError
from avssl.evaluation.self_training.selection import PseudoLabels, count_copies

SURE = np.array([0.9, 0.3, 0.8, np.nan, 0.7, 0.95, 0.6, 0.5], np.float32)
GUESSES = np.array([0, 0, 0, 0, 1, 0, 0, 2])


def copies(**how):
    return count_copies(SURE, GUESSES, PseudoLabels(**how), seed=0).tolist()


def test_what_reaches_the_threshold_counts_once():
    assert copies(threshold=0.5, balanced=False) == [1, 0, 1, 0, 1, 1, 1, 1]
    assert copies(threshold=0.65, balanced=False) == [1, 0, 1, 0, 1, 1, 0, 0]
    assert copies(balanced=False) == [1, 1, 1, 0, 1, 1, 1, 1]  # what could not be read never does


def test_each_class_has_its_surest_and_small_classes_are_copied_up():
    assert copies(threshold=0.5, each=2) == [1, 0, 0, 0, 2, 1, 0, 2]
    assert copies(threshold=0.5) == [1, 0, 0, 0, 2, 1, 0, 2]  # six items in three classes
    assert copies(threshold=0.65, each=3) == [1, 0, 1, 0, 3, 1, 0, 0]  # nothing sure of class 2


def test_copies_that_do_not_come_out_even_are_drawn_by_the_seed_and_classes_end_equal():
    sure, guesses = np.linspace(0.5, 0.9, 8), np.array([0, 0, 0, 1, 1, 1, 1, 1])
    found = [count_copies(sure, guesses, PseudoLabels(each=5), seed) for seed in (0, 0, 1, 2, 3)]
    assert np.array_equal(found[0], found[1]) and any(not np.array_equal(found[0], one) for one in found[2:])
    for one in found:
        assert np.bincount(guesses, one).tolist() == [5, 5] and sorted(one[:3]) == [1, 2, 2]


def slow(sure, guesses, threshold, each):
    """Return how often each item counts, class by class; what is drawn is left to be drawn."""
    found = [0] * len(sure)
    for label in set(guesses):
        mine = sorted(
            (i for i in range(len(sure)) if guesses[i] == label and sure[i] >= threshold), key=lambda i: -sure[i]
        )
        for number in range(each if mine else 0):
            found[mine[number % len(mine)]] += 1
    return found


def test_the_balance_is_that_of_a_slow_writing():
    chance = np.random.default_rng(0)
    sure, guesses = chance.random(40), chance.integers(0, 4, 40)
    found = count_copies(sure, guesses, PseudoLabels(threshold=0.4, each=6), seed=0)
    wanted = np.array(slow(sure.tolist(), guesses.tolist(), 0.4, 6))
    assert np.array_equal(found > 0, wanted > 0)
    for label in range(4):
        mine = guesses == label
        assert sorted(found[mine]) == sorted(wanted[mine])


def test_nothing_confident_and_one_class_alone_are_refused_in_one_line():
    with pytest.raises(
        ConfigError, match=r"no item is confident: of 8 none reaches 0.99, the surest has 0.95; lower it"
    ):
        copies(threshold=0.99)
    with pytest.raises(ConfigError, match=r"all 2 confident items are guessed to be of one class \(number 0\)"):
        copies(threshold=0.9)
    with pytest.raises(ConfigError, match="none could be read"):
        count_copies(np.full(3, np.nan), np.zeros(3, int), PseudoLabels(), 0)


@pytest.mark.parametrize(
    "settings",
    [{"threshold": 1.01}, {"threshold": -0.1}, {"temperature": 0.0}, {"each": 0}, {"each": 3, "balanced": False}],
)
def test_numbers_that_cannot_be_are_refused(settings):
    with pytest.raises(ValueError, match=r"threshold in|balanced=true"):
        PseudoLabels(**settings)
