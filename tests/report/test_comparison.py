"""Differences between rows: by hand, and their intervals beside a slow bootstrap."""

import numpy as np
import pytest

from avssl.report.comparison import Metric, Trial, differences, grouped, numbers_of, table_of


def trials(row, values):
    """A trial a seed; its score is the mean of ``values`` over pictures."""
    return [Trial(row=row, tuning="frozen", seed=seed, found={"v": each}) for seed, each in enumerate(values)]


def weighed(trial):
    return lambda weights: (weights @ trial.found["v"]) / weights.sum(1)


def test_a_difference_is_paired_by_seed_and_its_error_is_over_seeds():
    ours, theirs = trials("trained", np.array([[1.0, 3], [2, 6]])), trials("random", np.array([[0.0, 2], [1, 1]]))
    found = differences(grouped([*theirs, *ours]), weighed, np.array([0, 1]))["frozen", "trained"]
    each = np.array([2 - 1, 4 - 1])
    assert (found.mean, found.draws) == (2.0, 2) and found.error == pytest.approx(each.std(ddof=1) / np.sqrt(2))


def test_the_interval_covers_the_spread_of_groups_not_of_pictures():
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(10), 20)
    values = rng.normal(size=10)[group] + 0.01 * rng.normal(size=200)  # pictures of a group are alike
    ours, theirs = trials("trained", values[None]), trials("random", np.zeros((1, 200)))
    found = differences(grouped([*ours, *theirs]), weighed, group)["frozen", "trained"]
    means = [np.mean(rng.choice(values[::20], 10)) for _ in range(4000)]
    assert [found.low, found.high] == pytest.approx(np.percentile(means, [2.5, 97.5]), abs=0.12)


def test_a_row_against_itself_and_a_way_without_random_have_no_difference():
    one = Trial(row="pixels", tuning="", seed=0, found={"v": np.ones(2)})
    assert differences(grouped([one, *trials("random", np.ones((1, 2)))]), weighed, np.array([0, 1])) == {}


def test_tables_and_numbers_are_means_over_seeds():
    scores = {
        ("frozen", "trained"): [{"miou": 0.5, "more": 1.0}, {"miou": 0.7, "more": 3.0}],
        ("", "always"): [{"miou": 0.1, "more": 0.0}],
    }
    table = table_of(scores, [Metric(name="miou", column="mean IoU", scale=100), Metric(name="more", column="more")])
    assert table[0] == {"encoder": "frozen", "row": "trained", "mean IoU": "60.0 ± 14.1", "more": "2.0"}
    assert table[1] == {"encoder": "none", "row": "always", "mean IoU": "10.0", "more": "0.0"}
    assert numbers_of(scores) == pytest.approx(
        {"trained/frozen/miou": 0.6, "trained/frozen/more": 2.0, "always/miou": 0.1, "always/more": 0.0}
    )
