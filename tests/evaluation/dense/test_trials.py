"""Differences between fits: by hand, and their intervals beside a slow bootstrap."""

import numpy as np
import pytest

from avssl.evaluation.dense.trials import Trial, differences, grouped
from avssl.report.comparison import group_at

TRAINED = group_at("trained", encoder="frozen")


def trials(row, values):
    """One trial per seed; its score is the mean of ``values`` over pictures."""
    return [Trial(row=row, tuning="frozen", seed=seed, found={"v": each}) for seed, each in enumerate(values)]


def weighed(trial):
    return lambda weights: (weights @ trial.found["v"]) / weights.sum(1)


def test_a_difference_is_paired_by_seed_and_its_error_is_over_seeds():
    ours, theirs = trials("trained", np.array([[1.0, 3], [2, 6]])), trials("random", np.array([[0.0, 2], [1, 1]]))
    found = differences(grouped([*theirs, *ours]), weighed, np.array([0, 1]))[TRAINED]
    each = np.array([2 - 1, 4 - 1])
    assert (found.mean, found.draws) == (2.0, 2) and found.error == pytest.approx(each.std(ddof=1) / np.sqrt(2))


def test_the_interval_covers_the_spread_of_groups_not_of_pictures():
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(10), 20)
    values = rng.normal(size=10)[group] + 0.01 * rng.normal(size=200)  # pictures of a group are alike
    ours, theirs = trials("trained", values[None]), trials("random", np.zeros((1, 200)))
    found = differences(grouped([*ours, *theirs]), weighed, group)[TRAINED]
    means = [np.mean(rng.choice(values[::20], 10)) for _ in range(4000)]
    assert [found.low, found.high] == pytest.approx(np.percentile(means, [2.5, 97.5]), abs=0.12)


def test_a_row_against_itself_and_a_way_without_random_have_no_difference():
    one = Trial(row="pixels", tuning="", seed=0, found={"v": np.ones(2)})
    assert differences(grouped([one, *trials("random", np.ones((1, 2)))]), weighed, np.array([0, 1])) == {}


def test_trials_stand_by_tuning_and_their_runs_by_seed():
    frozen = trials("trained", np.zeros((2, 1)))
    tuned = Trial(row="trained", tuning="fine-tuned", seed=0, found={})
    groups = grouped([tuned, *reversed(frozen)])
    assert [group["encoder"] for group in groups] == ["frozen", "fine-tuned"]
    assert [trial.seed for trial in groups[TRAINED]] == [0, 1]
