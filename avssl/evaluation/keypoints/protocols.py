"""How key points are scored: a length to divide by, thresholds, what counts, and how joints are averaged."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from avssl.config import ConfigError
from avssl.evaluation.keypoints.people import People
from avssl.evaluation.keypoints.skeletons import Skeleton
from avssl.metrics.lengths import BOX_SHARE, box_diagonals, box_sides
from avssl.metrics.pck import GRID, Area, Average, Comparison, auc_name, pck_name

Normaliser = Literal["torso", "reference", "joints box", "box", "pixels"]
DEFAULT = "default"


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How predictions are scored; what is not given is as in the default, which is the correct one.

    Pixels are counted from the centre of the top left one, every labelled joint counts, a lost joint is wrong, on the
    threshold is right, each joint weighs the same.

    Args:
        name: what the protocol is called; scores carry it, unless it is the default's.
        departs: in what it departs from the default, and its source.
        normaliser: the length that distances are divided by: the skeleton's ``"torso"``; the ``"reference"`` that the
            data annotates (MPII's head size, FLIC's torso); ``"joints box"``, 0.6 of the diagonal of the box of the
            true joints; ``"box"``, its longer side (PCK, Yang and Ramanan 2013); or ``"pixels"``, a fixed length.
        length: the fixed length, in pixels of the evaluated picture.
        thresholds: of the PCKs, the main one first.
        grid: thresholds of the area.
        area: how the area is taken, see `avssl.metrics.pck.area_of`.
        comparison: ``"<="`` or ``"<"``.
        average: how joints make one number: ``"joints"`` (each weighs the same) or ``"all"`` (each counted joint of
            each person does).
        group: joints of the main number, a group of the skeleton; None for all joints.
        drop_lost: leave lost joints out of the count, and of the joints' box, so that losing one raises the score.
        skip_first: leave out the frame at time 0 of each video.
    """

    name: str = DEFAULT
    departs: str = ""
    normaliser: Normaliser = "torso"
    length: float = 1.0
    thresholds: tuple[float, ...] = (0.2, 0.1, 0.5)
    grid: tuple[float, ...] = GRID
    area: Area = "mean"
    comparison: Comparison = "<="
    average: Average = "joints"
    group: str | None = None
    drop_lost: bool = False
    skip_first: bool = False

    def unit(self, skeleton: Skeleton) -> str:
        """Return what the length is called in the names of scores."""
        fixed = "px" if self.length == 1 else f"{self.length:g}px"
        named = {"torso": "torso", "joints box": f"{BOX_SHARE:g} joints box", "box": "box", "pixels": fixed}
        return named.get(self.normaliser) or skeleton.reference or "reference"

    def pck_name(self, threshold: float, skeleton: Skeleton) -> str:
        """Return the name of the PCK at a threshold, without the protocol's."""
        return pck_name(threshold, self.unit(skeleton), self.comparison)

    def auc_name(self, skeleton: Skeleton) -> str:
        """Return the name of the area, without the protocol's."""
        return auc_name(self.grid, self.unit(skeleton), self.area)

    def named(self, score: str) -> str:
        """Return a score's name with that of the protocol before it; the default's is left out.

        Examples:
            >>> Protocol().named("pck@0.2/torso"), Protocol(name="mpii-official").named("pck@0.5/head")
            ('pck@0.2/torso', 'mpii-official:pck@0.5/head')
        """
        return score if self.name == DEFAULT else f"{self.name}:{score}"


def lengths(protocol: Protocol, people: People, skeleton: Skeleton, found: np.ndarray | None = None) -> np.ndarray:
    """Return each picture's normaliser in pixels, ``(pictures,)``; NaN where it is not known.

    Args:
        protocol: says which length.
        people: the pictures and the truth.
        skeleton: the joint convention.
        found: which joints were found, ``(pictures, joints)``, where a protocol leaves the lost ones out of the box.

    Raises:
        ConfigError: if the data annotate no reference length, or the skeleton has no torso.
    """
    counted = people.counted if found is None else people.counted & found
    if protocol.normaliser == "torso":
        if not skeleton.torso:
            raise ConfigError(f"protocol: {protocol.name} divides by the torso, which {skeleton.name!r} does not have; "
                              "choose a protocol that divides by an annotated length, or normaliser: box")  # fmt: skip
        return skeleton.torso_length(people.points)
    if protocol.normaliser == "pixels":
        return np.full(len(people), float(protocol.length))
    if protocol.normaliser == "joints box":
        return box_diagonals(people.points, counted)
    if protocol.normaliser == "box":
        return box_sides(people.points, counted)
    if people.reference is None:
        raise ConfigError(
            f"protocol: {protocol.name} divides by a length that the data annotate (head, torso); these have none: "
            "use Persons of FLIC or MPII, or protocol: default"
        )
    return people.reference.astype(np.float64)


def counted(protocol: Protocol, people: People, normaliser: np.ndarray) -> np.ndarray:
    """Return which joints count, bool ``(pictures, joints)``: those that are labelled, of pictures with a length."""
    found = people.counted & (np.isfinite(normaliser) & (normaliser > 0))[:, None]
    return found & (people.times > 0)[:, None] if protocol.skip_first else found
