"""Rows over runs: numbers under their names, cells with deviations, differences in pairs."""

import numpy as np
import pytest

from avssl.metrics.bootstrap import Difference, item_weights, paired_difference, weighted_difference
from avssl.report.comparison import (
    Metric,
    by_metric,
    compared,
    difference_notes,
    difference_numbers,
    difference_rows,
    format_difference,
    format_mean,
    group_at,
    item_difference,
    numbers_of,
    percent,
    table_of,
)

GAIN = Difference(mean=0.1, error=0.02, low=0.05, high=0.15, draws=3)


def test_tables_and_numbers_are_means_over_runs():
    scores = {
        group_at("trained", encoder="frozen"): by_metric([{"miou": 0.5, "more": 1.0}, {"miou": 0.7, "more": 3.0}]),
        group_at("always", encoder=""): by_metric([{"miou": 0.1, "more": 0.0}]),
    }
    table = table_of(scores, [percent("miou", "mean IoU"), Metric(name="more", column="more")])
    assert table[0] == {"encoder": "frozen", "row": "trained", "mean IoU": "60.0 ± 14.1", "more": "2.0"}
    assert table[1] == {"encoder": "none", "row": "always", "mean IoU": "10.0", "more": "0.0"}
    assert numbers_of(scores) == pytest.approx(
        {"trained/frozen/miou": 0.6, "trained/frozen/more": 2.0, "always/miou": 0.1, "always/more": 0.0}
    )


def test_a_group_that_lacks_a_metric_has_an_empty_cell():
    scores = {group_at("trained"): {"accuracy": np.ones(1)}, group_at("chance"): {}}
    assert [row["accuracy"] for row in table_of(scores, [percent("accuracy")])] == ["100.0", ""]


def test_a_prefix_stands_in_names_of_numbers_alone():
    group = group_at("trained", prefix="fine-tuned", labels="5")
    assert group.path("accuracy") == "trained/fine-tuned/5/accuracy"
    assert str(group) == "trained, 5 labels" and group.cells == {"labels": "5", "row": "trained"}


def test_rows_are_compared_where_the_other_row_has_the_same_place():
    groups = {group_at(row, layer=layer): row + layer for row in ("random", "trained") for layer in ("a", "b")}
    groups |= {group_at("pixels", layer="pixels"): "alone"}
    found = [(ours, theirs) for _, ours, theirs in compared(groups)]
    assert found == [("traineda", "randoma"), ("trainedb", "randomb")]


def test_differences_are_named_by_both_rows_and_written_with_the_trained_one_first():
    found = {group_at(row, layer="conv1"): GAIN for row in ("hog", "trained")}
    numbers = difference_numbers(found, "accuracy")
    name = "trained-random/conv1/accuracy"
    assert [numbers[name + end] for end in ("", "/error", "/low", "/high")] == [0.1, 0.02, 0.05, 0.15]
    notes = list(difference_notes(found, percent("accuracy")))
    assert notes[0] == "trained − random, conv1: +10.0 ± 2.0 (95 % +5.0 to +15.0) points of accuracy"
    assert notes[1].startswith("hog − random, conv1")
    assert difference_rows(found, "accuracy")[1]["row"] == "trained" and difference_rows({}, "x") == [{"row": "none"}]


def test_a_single_run_is_written_without_deviation_or_error():
    assert format_mean(np.array([0.5])) == "50.0"
    lone = Difference(mean=-1.0, error=float("nan"), low=-2.0, high=0.5, draws=1)
    assert (
        format_difference(lone, Metric(name="mean", column="mean", unit="degrees"))
        == "-1.0 (95 % -2.0 to +0.5) degrees"
    )


def test_a_row_of_one_run_is_compared_with_each_run_of_the_other():
    rng = np.random.default_rng(0)
    ours, theirs, group = rng.random((1, 6, 1)), rng.random((3, 6, 1)), np.array(list("aabbcc"))
    expected = paired_difference(ours.repeat(3, 0), theirs, group)
    assert item_difference(ours, theirs, group) == expected and expected.draws == 3


def test_scores_of_classes_are_each_a_group_of_their_own():
    rng = np.random.default_rng(0)
    ours, theirs = rng.random((2, 4, 1)), rng.random((2, 4, 1))
    expected = paired_difference(ours, theirs, np.arange(4))
    assert item_difference(ours, theirs, np.array(list("aabbccdd"))) == expected


def test_both_ways_to_bootstrap_agree_on_means_over_items():
    rng = np.random.default_rng(0)
    ours, theirs, group = rng.random((3, 60)) + 0.2, rng.random((3, 60)), np.arange(60) // 3
    weights = item_weights(group, resamples=4000)
    sides = [[(each.mean(), weights @ each / weights.sum(1)) for each in side] for side in (ours, theirs)]
    found, other = weighted_difference(*sides), paired_difference(ours[..., None], theirs[..., None], group, 4000)
    assert (found.mean, found.error) == pytest.approx((other.mean, other.error))
    assert (found.low, found.high) == pytest.approx((other.low, other.high), abs=0.01)
