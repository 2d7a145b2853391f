"""The joints that heads found, and how right they are."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from avssl.config import ConfigError
from avssl.evaluation.keypoints.people import People
from avssl.evaluation.keypoints.protocols import Protocol, counted, lengths
from avssl.evaluation.keypoints.skeletons import Skeleton
from avssl.evaluation.metrics import pck


@dataclass(frozen=True, eq=False, kw_only=True)
class Fit:
    """The joints that one head found on one encoder from one draw of labels.

    Args:
        row: what was judged: ``"trained"``, ``"random"``, ...
        head: name of the head; empty for a row without one.
        labels: how many labelled pictures.
        draw: which draw of them.
        found: joints of the test pictures, ``(pictures, joints, 2)``.
    """

    row: str
    head: str
    labels: int
    draw: int
    found: np.ndarray


class Judge:
    """Measures fits on the test pictures, by a protocol.

    Args:
        test: the pictures and the truth.
        skeleton: the joint convention.
        protocol: how they are judged.

    Attributes:
        lengths: each picture's normaliser in pixels, ``(pictures,)``.
        judged: which joints are judged, ``(pictures, joints)``.
        unmeasured: how many pictures with joints have no length to divide by.

    Raises:
        ConfigError: if the data lack the protocol's length.
    """

    def __init__(self, test: People, skeleton: Skeleton, protocol: Protocol):
        self.test, self.skeleton, self.protocol = test, skeleton, protocol
        found = lengths(protocol, test, skeleton)
        self.judged = counted(protocol, test, found)
        told = np.isfinite(found) & (found > 0)
        self.unmeasured = int((test.counted.any(1) & ~told).sum())
        if not self.judged.any():
            raise ConfigError(
                f"protocol: {protocol.name} judges none of the {len(test)} test pictures: no {protocol.unit}"
            )
        self.lengths = np.where(told, found, 1.0)

    @property
    def main(self) -> str:
        """The name of the main score."""
        return pck.pck_name(self.protocol.thresholds[0], self.protocol.unit, self.protocol.comparison)

    def distances(self, fit: Fit) -> np.ndarray:
        """Return distances in units of the protocol, NaN where a joint does not count, ``(pictures, joints)``."""
        far = np.where(self.judged, pck.distances(fit.found, self.test.points, self.lengths), np.nan)
        return np.where(np.isinf(far), np.nan, far) if self.protocol.drop_lost else far

    def hits(self, fit: Fit) -> np.ndarray:
        """Return 1, 0 or NaN for each joint at the main threshold, ``(pictures, joints)``."""
        return pck.right(self.distances(fit), self.protocol.thresholds[0], self.protocol.comparison)

    def of_group(self, values: np.ndarray, group: str | None) -> np.ndarray:
        """Return the columns of a group of joints; all of them for None."""
        if group is None or group not in self.skeleton.groups:
            return values
        return values[:, self.skeleton.places(self.skeleton.groups[group])]

    def curve(self, fit: Fit) -> np.ndarray:
        """Return the PCK of the main joints at each threshold of the grid."""
        far = self.of_group(self.distances(fit), self.protocol.group)
        return pck.curve_of(far, self.protocol.grid, self.protocol.comparison, self.protocol.average)

    def measure(self, fit: Fit) -> dict[str, float]:
        """Return every score by the name that carries its protocol."""
        protocol, far = self.protocol, self.distances(fit)
        main = self.of_group(far, protocol.group)
        scores = {}
        for threshold in protocol.thresholds:
            right = pck.right(main, threshold, protocol.comparison)
            scores[pck.pck_name(threshold, protocol.unit, protocol.comparison)] = pck.mean(right, protocol.average)
        for group, names in self.skeleton.groups.items():
            if len(names) == len(self.skeleton):
                continue  # all joints: that is the plain number
            right = pck.right(self.of_group(far, group), protocol.thresholds[0], protocol.comparison)
            if np.isfinite(right).any():
                scores[f"{group} {self.main}"] = pck.mean(right, protocol.average)
        scores[pck.auc_name(protocol.grid, protocol.unit)] = float(self.curve(fit).mean())
        scores[f"nme/{protocol.unit}"] = pck.mean(main, protocol.average)
        pixels = self.of_group(far * self.lengths[:, None], protocol.group)
        return scores | {"epe/px": pck.mean(pixels, protocol.average)}


Group = tuple[int, str, str]  # labels, head, row


def grouped(fits: Iterable[Fit]) -> dict[Group, list[Fit]]:
    """Return the fits of each group by draw, groups by head, then labels, then in the order of first appearance."""
    found: dict[Group, list[Fit]] = {}
    for fit in sorted(fits, key=lambda fit: fit.draw):
        found.setdefault((fit.labels, fit.head, fit.row), []).append(fit)
    return {group: found[group] for group in sorted(found, key=lambda group: (group[1], group[0]))}
