"""The joints that heads found, and how right they are."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from avssl.config import ConfigError
from avssl.evaluation.keypoints.people import People
from avssl.evaluation.keypoints.protocols import Protocol, counted, lengths
from avssl.evaluation.keypoints.skeletons import Skeleton
from avssl.metrics import pck
from avssl.report.comparison import Group, group_at

LOST = "lost"


@dataclass(frozen=True, eq=False, kw_only=True)
class Fit:
    """The joints that one head found on one encoder from one draw of labels.

    Args:
        row: what was scored: ``"trained"``, ``"random"``, ...
        head: name of the head; empty for a row without one.
        labels: how many labelled pictures.
        draw: which draw of them.
        found: joints of the test pictures, ``(pictures, joints, 2)``, NaN where lost.
    """

    row: str
    head: str
    labels: int
    draw: int
    found: np.ndarray


class Scorer:
    """Measures fits on the test pictures, by a protocol.

    Args:
        test: the pictures and the truth.
        skeleton: the joint convention.
        protocol: how they are scored.

    Attributes:
        unit: what distances are divided by, as scores name it.
        main: the name of the main score, without the protocol's.
        counted: which joints count, ``(pictures, joints)``.
        unmeasured: how many pictures with joints have no length to divide by.

    Raises:
        ConfigError: if the data lack the protocol's length, or no joint counts.
    """

    def __init__(self, test: People, skeleton: Skeleton, protocol: Protocol):
        self.test, self.skeleton, self.protocol = test, skeleton, protocol
        self.unit = protocol.unit(skeleton)
        self.main = protocol.pck_name(protocol.thresholds[0], skeleton)
        self._lengths = lengths(protocol, test, skeleton)
        self.counted = counted(protocol, test, self._lengths)
        self.unmeasured = int((test.counted.any(1) & ~_above_0(self._lengths)).sum())
        if not self.counted.any():
            raise ConfigError(f"protocol: {protocol.name} counts none of the {len(test)} test pictures: no {self.unit}")
        if protocol.group and protocol.group not in skeleton.groups:
            raise ConfigError(
                f"protocol: {protocol.name} tells {protocol.group!r} joints, {skeleton.name!r} has no such"
            )
        self._places = skeleton.places(skeleton.groups[protocol.group] if protocol.group else skeleton.joints)
        if not self.counted[:, self._places].any():
            raise ConfigError(
                f"protocol: {protocol.name} tells {protocol.group!r} joints, and none of them is labelled"
            )

    def pixels(self, fit: Fit) -> np.ndarray:
        """Return distances in pixels, NaN where a joint does not count, ``(pictures, joints)``."""
        far = np.where(self.counted, pck.distances(fit.found, self.test.points), np.nan)
        return np.where(np.isinf(far), np.nan, far) if self.protocol.drop_lost else far

    def distances(self, fit: Fit) -> np.ndarray:
        """Return distances in units of the protocol, NaN where a joint does not count, ``(pictures, joints)``."""
        far, length = self.pixels(fit), self._lengths
        if self.protocol.drop_lost:
            length = lengths(self.protocol, self.test, self.skeleton, ~is_lost(fit))
        known = _above_0(length)[:, None]
        # the box of a single found joint has no size, and in the source no joint is near then
        return np.where(known | np.isnan(far), far / np.where(known, length[:, None], 1.0), np.inf)

    def hits(self, fit: Fit) -> np.ndarray:
        """Return 1, 0 or NaN for each joint at the main threshold, ``(pictures, joints)``."""
        return pck.right(self.distances(fit), self.protocol.thresholds[0], self.protocol.comparison)

    def paired(self, fit: Fit) -> np.ndarray:
        """Return 1, 0 or NaN so that the main score is the mean over columns of each column's mean.

        ``(pictures, joints)``, or ``(pictures x joints, 1)`` where each joint of each person weighs the same.
        """
        right = self.hits(fit)[:, self._places]
        return right if self.protocol.average == "joints" else right.reshape(-1, 1)

    @property
    def group(self) -> np.ndarray:
        """What each row of `paired` belongs to that is not independent of others, whole numbers ``(rows,)``."""
        each = 1 if self.protocol.average == "joints" else len(self._places)
        return np.repeat(self.test.independent, each)

    def curve(self, fit: Fit) -> np.ndarray:
        """Return the PCK of the main joints at each threshold of the grid; NaN if all were lost and left out."""
        far = self.distances(fit)[:, self._places]
        if np.isnan(far).all():
            return np.full(len(self.protocol.grid), np.nan)
        return pck.curve_of(far, self.protocol.grid, self.protocol.comparison, self.protocol.average)

    def measure(self, fit: Fit) -> dict[str, float]:
        """Return every score by the name that carries its protocol; NaN if all were lost and left out."""
        protocol, far, pixels = self.protocol, self.distances(fit), self.pixels(fit)[:, self._places]
        main = far[:, self._places]
        scores = {}
        for threshold in protocol.thresholds:
            right = pck.right(main, threshold, protocol.comparison)
            scores[protocol.pck_name(threshold, self.skeleton)] = self._mean(right)
        right = pck.right(far, protocol.thresholds[0], protocol.comparison)
        for group, names in self.skeleton.groups.items():
            places = self.skeleton.places(names)
            if sorted(places) != sorted(self._places) and self.counted[:, places].any():
                scores[f"{group} {self.main}"] = self._mean(right[:, places])
        scores |= {
            protocol.auc_name(self.skeleton): pck.area_of(self.curve(fit), protocol.grid, protocol.area),
            f"nme/{self.unit}": self._mean(main),
            f"nme of found/{self.unit}": self._mean(np.where(np.isinf(main), np.nan, main)),
            "epe/px": self._mean(pixels),
            "epe of found/px": self._mean(np.where(np.isinf(pixels), np.nan, pixels)),
            LOST: self.lost(fit),
        }
        return {protocol.named(name): score for name, score in scores.items()}

    def lost(self, fit: Fit) -> float:
        """Return the share of the main joints that were not found, in [0, 1]."""
        return float(is_lost(fit)[:, self._places][self.counted[:, self._places]].mean())

    def _mean(self, values: np.ndarray) -> float:
        return float("nan") if np.isnan(values).all() else pck.mean(values, self.protocol.average)


def grouped(fits: Iterable[Fit]) -> dict[Group, list[Fit]]:
    """Return the fits of each group by draw, groups by head, then labels, then in the order of first appearance."""
    found: dict[Group, list[Fit]] = {}
    for fit in sorted(fits, key=lambda fit: fit.draw):
        found.setdefault(group_at(fit.row, head=fit.head, labels=str(fit.labels)), []).append(fit)
    return dict(sorted(found.items(), key=lambda one: (one[1][0].head, one[1][0].labels)))


def is_lost(fit: Fit) -> np.ndarray:
    """Return which joints were not found, bool ``(pictures, joints)``."""
    return np.asarray(~np.isfinite(fit.found).all(-1))


def _above_0(lengths: np.ndarray) -> np.ndarray:
    return np.isfinite(lengths) & (lengths > 0)
