"""The joints that heads found, and how right they are."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from avssl.evaluation.metrics import pck
from avssl.evaluation.keypoints.people import People
from avssl.evaluation.keypoints.skeletons import Skeleton

NORMALISER = "torso"


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
    """Measures fits on the test pictures.

    Args:
        test: the pictures and the truth.
        skeleton: whose torso is the normaliser.
        thresholds: of the PCKs, in torso lengths; the first one is the main one.
    """

    def __init__(self, test: People, skeleton: Skeleton, thresholds: tuple[float, ...]):
        self.test, self.skeleton, self.thresholds = test, skeleton, thresholds
        self.torso = skeleton.torso_length(test.points)

    def hits(self, fit: Fit) -> np.ndarray:
        """Return 1, 0 or NaN for each joint at the main threshold, ``(pictures, joints)``."""
        return pck.hits(fit.found, self.test.points, self.test.counted, self.torso, self.thresholds[0])

    def distances(self, fit: Fit) -> np.ndarray:
        """Return distances in torso lengths, NaN where a joint does not count, ``(pictures, joints)``."""
        return np.where(self.test.counted, pck.distances(fit.found, self.test.points, self.torso), np.nan)

    def curve(self, fit: Fit) -> np.ndarray:
        """Return the PCK at each threshold of the grid."""
        return pck.pck_curve(fit.found, self.test.points, self.test.counted, self.torso)

    def measure(self, fit: Fit) -> dict[str, float]:
        """Return every score by the name that carries its protocol."""
        truth = (self.test.points, self.test.counted)
        scores = {
            pck.pck_name(threshold, NORMALISER): pck.pck(fit.found, *truth, self.torso, threshold)
            for threshold in self.thresholds
        }
        scores[pck.auc_name(pck.GRID, NORMALISER)] = float(self.curve(fit).mean())
        scores[f"nme/{NORMALISER}"] = pck.nme(fit.found, *truth, self.torso)
        return scores | {"epe/px": pck.epe(fit.found, *truth)}


Group = tuple[int, str, str]  # labels, head, row


def grouped(fits: Iterable[Fit]) -> dict[Group, list[Fit]]:
    """Return the fits of each group by draw, groups by head, then labels, then in the order of first appearance."""
    found: dict[Group, list[Fit]] = {}
    for fit in sorted(fits, key=lambda fit: fit.draw):
        found.setdefault((fit.labels, fit.head, fit.row), []).append(fit)
    return {group: found[group] for group in sorted(found, key=lambda group: (group[1], group[0]))}
