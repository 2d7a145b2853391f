"""Which clusters and members are shown, and where clusters stand on the map: by hand."""

import numpy as np
import pytest

from avssl.evaluation.clusters.groups import Groups, chosen, clusters_in, shown_members
from avssl.evaluation.clusters.map import HIGH, WIDE, map_of, positions


def groups(labels, distances=None, count=None):
    labels = np.array(labels)
    count = labels.max() + 1 if count is None else count
    distances = np.arange(len(labels), 0, -1.0) if distances is None else np.array(distances)
    return Groups(labels=labels, distances=distances, centres=np.random.default_rng(0).normal(size=(count, 5)))


def test_members_come_nearest_first_and_clusters_largest_first_with_their_shares():
    found = groups([2, 0, 2, 2, 0], distances=[0.3, 5.0, 0.1, 0.2, 4.0], count=4)
    assert found.members(2).tolist() == [2, 3, 0] and found.members(1).tolist() == [] == found.members(3).tolist()
    big, small = clusters_in(found, np.array([1, 7, 1, 4, -1]))
    assert (big.number, big.size, small.number) == (2, 3, 0) and big.far == pytest.approx(0.2)
    assert big.classes == [(1, pytest.approx(2 / 3)), (4, pytest.approx(1 / 3))] and small.classes == [(7, 1.0)]
    assert clusters_in(found, np.full(5, -1))[0].purity is None


def test_nearest_farthest_and_drawn_members_are_each_shown_once_and_hang_on_the_seed():
    members = np.arange(50)
    found = shown_members(members, 4, seed=0, cluster=7)
    assert found["nearest"].tolist() == [0, 1, 2, 3] and found["farthest"].tolist() == [49, 48, 47, 46]
    assert len(found["by chance"]) == 4 and set(found["by chance"]) <= set(range(4, 46))
    again, other = shown_members(members, 4, 0, 7)["by chance"], shown_members(members, 4, 1, 7)["by chance"]
    assert found["by chance"].tolist() == again.tolist() != other.tolist()
    for count in (1, 3, 6, 9, 13):
        shown = np.concatenate(list(shown_members(members[:count], 4, 0, 0).values()))
        assert sorted(shown) == list(range(min(count, 12))) or len(set(shown)) == len(shown) == 12


def test_of_many_clusters_the_largest_purest_and_least_pure_are_shown_once_each():
    sizes, pure = [40, 30, 20, 20, 20, 10, 1], [0.5, 0.5, 0.9, 0.25, 0.6, 0.5, 1.0]  # the last: a lone row, always pure
    labels = np.repeat(np.arange(7), sizes)
    classes = np.concatenate([np.arange(size) >= size * share for size, share in zip(sizes, pure, strict=True)])
    clusters = clusters_in(groups(labels), classes.astype(int) * np.arange(1, len(labels) + 1))
    parts = chosen(clusters, 3)
    assert [(title, [cluster.number for cluster in some]) for title, some in parts] == [
        ("The largest", [0]),
        ("The purest", [2]),
        ("The least pure", [3]),
    ]
    for most in range(1, 9):
        shown = [cluster.number for _, some in chosen(clusters, most) for cluster in some]
        assert len(shown) == len(set(shown)) <= most and shown[0] == 0
    assert chosen(clusters, 7)[0][0].startswith("All clusters")
    blind = chosen(clusters_in(groups(labels), np.full(len(labels), -1)), 3)
    assert [title for title, _ in blind] == ["The largest", "The tightest", "The loosest"]


@pytest.mark.parametrize("count", [1, 2, 9, 12])
def test_circles_lie_on_the_map_and_their_areas_are_sizes(count):
    labels = np.repeat(np.arange(count), 10 * (1 + np.arange(count)))
    found = groups(labels)
    clusters = clusters_in(found, labels)
    numbers = range(count)
    circles = map_of(clusters, found.centres, dict.fromkeys(numbers, "n"), dict.fromkeys(numbers, "a"))
    assert len(circles) == count and [circle.number for circle in circles] == [one.number for one in clusters]
    for circle in circles:
        assert circle.radius <= circle.x <= WIDE - circle.radius and circle.radius <= circle.y <= HIGH - circle.radius
    if count > 2:
        assert (circles[0].radius / circles[-1].radius) ** 2 == pytest.approx(count, rel=0.05)


def test_centres_near_each_other_are_near_on_the_map():
    chance = np.random.default_rng(0)
    heaps = np.repeat(np.eye(3, 8) * 20, 5, axis=0) + chance.normal(size=(15, 8))
    for rows in (heaps, heaps[[0, 1, 5, 6, 10, 11]]):
        places = positions(rows)
        assert places.min() >= 0 and places.max() <= 1 and np.array_equal(places, positions(rows))
        far = ((places[:, None] - places[None]) ** 2).sum(2)
        heap = ((rows[:, None] - rows[None]) ** 2).sum(2) < 100
        np.fill_diagonal(far, np.inf)
        assert heap[np.arange(len(rows)), far.argmin(1)].all()
    assert np.isfinite(positions(np.ones((12, 4)))).all()
