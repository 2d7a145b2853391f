"""A clustering of rows: who is in each cluster, what each is like, and which are worth a look."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy import ndarray


@dataclass(frozen=True, eq=False, kw_only=True)
class Groups:
    """A clustering of rows.

    Args:
        labels: cluster of each row, int64 ``(rows,)``.
        distances: of each row to the centre of its cluster, ``(rows,)``; any that are greater farther away.
        centres: ``(clusters, dim)``.
    """

    labels: ndarray
    distances: ndarray
    centres: ndarray

    def __len__(self) -> int:
        return len(self.centres)

    @cached_property
    def order(self) -> ndarray:
        """Rows by cluster, the nearest of each first."""
        return np.lexsort((self.distances, self.labels))

    @cached_property
    def first(self) -> ndarray:
        """The place in ``order`` where each cluster begins, and the end, ``(clusters + 1,)``."""
        return np.searchsorted(self.labels[self.order], np.arange(len(self) + 1))

    def members(self, cluster: int) -> ndarray:
        """Return the rows of a cluster, the nearest first."""
        return self.order[self.first[cluster] : self.first[cluster + 1]]


class Cluster(NamedTuple):
    """What a cluster is like.

    Attributes:
        number: of the cluster.
        size: rows.
        far: mean distance of its rows to the centre.
        classes: the commonest classes of rows that have one, and the share of each, the greatest first.
    """

    number: int
    size: int
    far: float
    classes: Sequence[tuple[int, float]]

    @property
    def purity(self) -> float | None:
        """Share of the commonest class; None without classes."""
        return self.classes[0][1] if self.classes else None


def clusters_in(groups: Groups, classes: ndarray, most: int = 3) -> list[Cluster]:
    """Return what each cluster that has rows is like, the largest first.

    Args:
        groups: the clustering.
        classes: of each row, -1 for none.
        most: classes of each cluster that are named.
    """
    found = []
    for number in range(len(groups)):
        members = groups.members(number)
        if not len(members):
            continue
        truth = classes[members]
        names, times = np.unique(truth[truth >= 0], return_counts=True)
        order = np.argsort(-times, kind="stable")[:most]
        shares = [(int(names[place]), float(times[place] / times.sum())) for place in order]
        found.append(Cluster(number, len(members), float(groups.distances[members].mean()), shares))
    return sorted(found, key=lambda cluster: -cluster.size)


def chosen(clusters: Sequence[Cluster], most: int) -> list[tuple[str, list[Cluster]]]:
    """Return which clusters are shown, in parts that have a title; each cluster is in one.

    Where there are too many: the largest, the purest and the least pure, a third each; the latter are of those that are
    no smaller than the middle one, for a lone row is always pure. Without classes the tightest and the loosest.

    Args:
        clusters: all that have rows, the largest first.
        most: how many to show.
    """
    if len(clusters) <= most:
        return [("All clusters, the largest first", list(clusters))]
    third, pure = most // 3, all(cluster.purity is not None for cluster in clusters)
    parts = [("The largest", list(clusters[: most - 2 * third]))]
    left = [cluster for cluster in clusters[most - 2 * third :] if cluster.size >= clusters[len(clusters) // 2].size]
    left.sort(key=lambda cluster: -(cluster.purity or 0) if pure else cluster.far)
    titles = ("The purest", "The least pure") if pure else ("The tightest", "The loosest")
    best, worst = left[:third], left[max(third, len(left) - third) :][::-1]
    return [part for part in (*parts, (titles[0], best), (titles[1], worst)) if part[1]]


def shown_members(members: ndarray, count: int, seed: int, cluster: int) -> dict[str, ndarray]:
    """Return the members of a cluster that are shown, each once: nearest, farthest, and some of the others.

    Args:
        members: rows, the nearest first.
        count: of each kind, at most.
        seed: of the draw, with the cluster's number.
        cluster: its number.

    Examples:
        >>> {kind: rows.tolist() for kind, rows in shown_members(np.arange(5), 2, seed=0, cluster=3).items()}
        {'nearest': [0, 1], 'farthest': [4, 3], 'by chance': [2]}
    """
    rest = members[count:]
    farthest, between = rest[::-1][:count], rest[: max(0, len(rest) - count)]
    drawn = np.random.default_rng((seed, cluster)).permutation(between)[:count]
    return {"nearest": members[:count], "farthest": farthest, "by chance": drawn}
