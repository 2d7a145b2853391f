"""How key points are judged: a length to divide by, thresholds, what counts, and how joints are averaged; by name.

The default is the correct one: pixels counted from the centre of the top left one, every labelled joint counts, a lost
joint is wrong, ``<=``, each joint weighs the same. The presets reproduce what sources report.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from avssl.config import ConfigError
from avssl.config.errors import suggest
from avssl.evaluation.keypoints.people import People
from avssl.evaluation.keypoints.skeletons import Skeleton
from avssl.evaluation.metrics.pck import Average, Comparison

Normaliser = Literal["torso", "reference", "joints box", "box", "pixels"]
BOX_SHARE = 0.6  # of the diagonal of the joints' box (JHMDB; the label propagation code of Jabri et al. 2020)
TO_HALF = tuple(round(0.01 * step, 2) for step in range(1, 51))
TO_FIFTH = tuple(round(0.01 * step, 2) for step in range(21))  # PDJ's axis (Sapp and Taskar, "MODEC", CVPR 2013)


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How predictions are judged.

    Args:
        name: what the protocol is called.
        normaliser: the length that distances are divided by: the skeleton's ``"torso"``; the ``"reference"`` that the
            data annotates (MPII's head size, FLIC's torso); ``"joints box"``, 0.6 of the diagonal of the box of the
            true joints; ``"box"``, its longer side (PCK, Yang and Ramanan 2013); or ``"pixels"``.
        unit: what that length is called in the names of scores.
        thresholds: of the PCKs, the main one first.
        grid: thresholds of the area.
        comparison: ``"<="`` or ``"<"``.
        average: how joints make one number: ``"joints"`` (each weighs the same) or ``"all"`` (each counted joint of
            each person does).
        group: joints of the main number, a group of the skeleton; None for all joints.
        drop_lost: leave lost joints out, so that losing one raises the score, as the source does.
        skip_first: leave the first frame of each video out.
    """

    name: str
    normaliser: Normaliser = "torso"
    unit: str = "torso"
    thresholds: tuple[float, ...] = (0.2, 0.1, 0.5)
    grid: tuple[float, ...] = TO_HALF
    comparison: Comparison = "<="
    average: Average = "joints"
    group: str | None = None
    drop_lost: bool = False
    skip_first: bool = False


PRESETS: Mapping[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        Protocol(name="default"),
        # FLIC since MODEC: torso from the person's right shoulder to the left hip, elbows and wrists and shoulders by
        # the observer's naming: read the data with naming: observer. Each joint weighs the same.
        Protocol(name="flic-oc@0.2", normaliser="reference", thresholds=(0.2, 0.1), grid=TO_FIFTH, group="upper"),
        # evalMPII's evaluatePCKh.m and computePCK.m: 0.6 of the head box's diagonal, <=, joints pooled over people,
        # "upper" and "full" without pelvis and thorax.
        Protocol(
            name="mpii-official",
            normaliser="reference",
            unit="head",
            thresholds=(0.5, 0.1),
            average="all",
            group="full",
        ),
        # Xiao et al., ECCV 2018: as the official one (their mean weighs joints by how often they are there); what they
        # print as Mean@0.1 is read at 0.11, the twelfth of the thresholds 0, 0.01, ...
        Protocol(
            name="simplebaseline",
            normaliser="reference",
            unit="head",
            thresholds=(0.5, 0.11),
            average="all",
            group="full",
        ),
        # Jabri et al. 2020, eval_pck.py: the first frame is given and left out, and so are lost joints.
        Protocol(
            name="jhmdb-crw",
            normaliser="joints box",
            unit="0.6 joints box",
            thresholds=(0.1, 0.2, 0.3, 0.4, 0.5),
            drop_lost=True,
            skip_first=True,
        ),
        # Misra et al. 2016, table 4: the mean over seven joints of FLIC (skeleton: flic7). The threshold is not
        # published; the area's end fits 0.5. Their test crops are cut around the true joints (Persons, crop: joints).
        Protocol(name="shuffle-and-learn", normaliser="reference", thresholds=(0.5, 0.2), group="full"),
    )
}


def protocol_of(name: str) -> Protocol:
    """Return the protocol called ``name``.

    Raises:
        ConfigError: if there is none.
    """
    if name not in PRESETS:
        raise ConfigError(f"protocol: there is no {name!r}{suggest(name, PRESETS)}; there is {', '.join(PRESETS)}")
    return PRESETS[name]


def lengths(protocol: Protocol, people: People, skeleton: Skeleton) -> np.ndarray:
    """Return each picture's normaliser in pixels, ``(pictures,)``; NaN where it cannot be told.

    Raises:
        ConfigError: if the data annotate no reference length.
    """
    if protocol.normaliser == "torso":
        return skeleton.torso_length(people.points)
    if protocol.normaliser == "pixels":
        return np.ones(len(people))
    if protocol.normaliser == "reference":
        if people.reference is None:
            raise ConfigError(
                f"protocol: {protocol.name} divides by a length that the data annotate (head, torso); these have none: "
                "use Persons of FLIC or MPII, or protocol: default"
            )
        return people.reference.astype(np.float64)
    known = np.isfinite(people.points).all(-1, keepdims=True) & people.counted[..., None]
    low = np.where(known, people.points, np.inf).min(1)
    high = np.where(known, people.points, -np.inf).max(1)
    sides = np.where(np.isfinite(high - low), high - low, np.nan).astype(np.float64)
    return BOX_SHARE * np.linalg.norm(sides, axis=-1) if protocol.normaliser == "joints box" else sides.max(-1)


def counted(protocol: Protocol, people: People, normaliser: np.ndarray) -> np.ndarray:
    """Return which joints are judged, bool ``(pictures, joints)``: those that count, of pictures with a length."""
    judged = people.counted & (np.isfinite(normaliser) & (normaliser > 0))[:, None]
    if protocol.skip_first:
        first = np.full(people.video.max() + 1, np.inf)
        np.minimum.at(first, people.video, people.times)
        judged = judged & (people.times > first[people.video])[:, None]
    return judged
