"""Places, neighbours and clusters: exact, always the same, and computed once."""

import numpy as np
import pytest

from avssl.config import ConfigError
from avssl.explore.projection import GRAPH, clusters_of, neighbours_of, project
from avssl.features.cache import FeatureCache


def features(count=40, seed=0):
    return np.random.default_rng(seed).normal(size=(count, 2, 3)).astype(np.float32)


def test_neighbours_are_the_largest_cosines_of_other_rows():
    rows = features()
    unit = rows.reshape(40, 6).astype(np.float64)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    cosines = unit @ unit.T
    np.fill_diagonal(cosines, -2)
    near = neighbours_of(rows, 7, FeatureCache())
    np.testing.assert_array_equal(near.index, np.argsort(-cosines)[:, :7])
    np.testing.assert_allclose(near.similarity, -np.sort(-cosines)[:, :7], atol=1e-6)


def test_of_few_rows_all_others_are_neighbours_and_fewer_make_no_map():
    assert neighbours_of(features(5), 15, FeatureCache()).index.shape == (5, 4)
    with pytest.raises(ConfigError, match="4 rows make no map; it needs 5 or more"):
        neighbours_of(features(4), 15, FeatureCache())


class Layout:
    """A layout that notes what it is given."""

    def __init__(self):
        self.asked = []

    def __call__(self, rows, index, distances):
        self.asked.append((rows, index, distances))
        return rows[:, :2].astype(np.float64)


def test_a_layout_is_given_flat_rows_and_each_row_before_its_neighbours_with_distances(tmp_path):
    layout, rows = Layout(), features()
    places = project(rows, FeatureCache(tmp_path), layout)
    [(flat, index, distances)] = layout.asked
    assert flat.shape == (40, 6) and index.shape == distances.shape == (40, 1 + GRAPH)
    assert (index[:, 0] == np.arange(40)).all() and not distances[:, 0].any()
    assert (np.diff(distances) >= 0).all() and places.dtype == np.float32


def test_a_map_is_computed_once_for_the_same_features(tmp_path):
    layout = Layout()
    once, again, other = (project(features(seed=seed), FeatureCache(tmp_path), layout) for seed in (0, 0, 1))
    assert len(layout.asked) == 2 and (once == again).all() and (once != other).any()


def test_clusters_are_found_by_direction_and_computed_once(tmp_path, monkeypatch):
    rows = np.repeat(np.eye(3, dtype=np.float32), 5, axis=0) * np.arange(1, 16)[:, None]
    labels = clusters_of(rows, 3, FeatureCache(tmp_path))
    assert sorted(map(len, map(set, labels.reshape(3, 5)))) == [1, 1, 1] and len(set(labels)) == 3
    monkeypatch.setattr("avssl.explore.projection.fit_kmeans", None)
    assert (clusters_of(rows, 3, FeatureCache(tmp_path)) == labels).all()


def test_there_are_no_more_clusters_than_rows():
    assert len(set(clusters_of(features(6), 10, FeatureCache()))) == 6


def test_umap_puts_groups_apart_the_same_each_time_and_says_that_it_begins(capsys):
    pytest.importorskip("umap", reason="needs umap-learn, which the extra explore brings")
    noise = np.random.default_rng(0).normal(size=(24, 8)).astype(np.float32)
    rows = np.repeat(np.eye(2, 8, dtype=np.float32) * 20, 12, axis=0) + noise
    places = project(rows, FeatureCache())
    assert "placing 24 points" in capsys.readouterr().out
    assert (project(rows, FeatureCache()) == places).all()
    centres = places.reshape(2, 12, 2).mean(1)
    near = np.linalg.norm(places[:, None] - centres, axis=2).argmin(1)
    assert (near == np.repeat([0, 1], 12)).all()
