"""Scores of true and false pairs, against slow writings."""

import numpy as np
import pytest

from avssl.metrics import pairing


def test_two_alternatives_equal_a_slow_writing():
    rng = np.random.default_rng(0)
    true, false = rng.integers(0, 4, 30).astype(float), rng.integers(0, 4, (3, 30)).astype(float)
    false[1, 5] = np.nan
    wins = []
    for row in false:
        for yes, no in zip(true, row, strict=True):
            if not np.isnan(no):
                wins.append(1.0 if yes > no else 0.5 if yes == no else 0.0)
    assert pairing.two_alternatives(true, false) == pytest.approx(np.mean(wins))


def test_the_chosen_threshold_is_no_worse_than_any_other():
    rng = np.random.default_rng(1)
    true, false = rng.normal(1, 1, 200), rng.normal(0, 1, 300)
    best = pairing.accuracy(true, false, pairing.best_threshold(true, false))
    assert best >= max(pairing.accuracy(true, false, level) for level in np.linspace(-4, 5, 5001))


def test_the_ceiling_of_k_classes():
    labels = np.arange(6).repeat(100)
    same = labels[:, None] == labels[None]
    assert pairing.ceiling(same) == pytest.approx(1 - 1 / 12)
