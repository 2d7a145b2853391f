"""Clusters against classes, by hand."""

import numpy as np
import pytest

from avssl.metrics.agreement import agreement, many_to_one_accuracy, matched_accuracy


def test_more_clusters_than_classes_are_matched_once_or_many_to_one():
    clusters, classes = np.array([0, 0, 1, 1, 2, 2, 2, 3]), np.array([0, 0, 0, 0, 1, 1, 0, 1])
    assert matched_accuracy(clusters, classes) == 4 / 8  # one cluster of two for class 0, cluster 2 for class 1
    assert many_to_one_accuracy(clusters, classes) == 7 / 8
    assert agreement(clusters, classes)["many-to-one"] == 7 / 8
    assert many_to_one_accuracy(np.arange(8), classes) == 1


def test_as_many_clusters_as_classes_have_no_many_to_one():
    found = agreement(np.array([1, 1, 0, 0]), np.array([0, 0, 1, 1]))
    assert found == pytest.approx({"NMI": 1, "ARI": 1, "matched accuracy": 1})


@pytest.mark.parametrize(
    ("clusters", "classes", "said"),
    [
        ([0, 1], [0], r"one cluster and one class an item; got \(2,\) and \(1,\)"),
        ([0, -1], [0, 1], "whole numbers from 0; got int64 from -1"),
        ([0.0, 1.0], [0, 1], "got float64 from 0.0"),
        ([], [], "one cluster and one class an item"),
    ],
)
def test_what_is_no_cluster_is_refused_in_one_line(clusters, classes, said):
    for measure in (matched_accuracy, many_to_one_accuracy):
        with pytest.raises(ValueError, match=said) as found:
            measure(np.array(clusters), np.array(classes))
        assert "\n" not in str(found.value)
