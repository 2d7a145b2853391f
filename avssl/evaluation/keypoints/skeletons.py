"""What the joints of a data set are: names and order, bones between them, the torso's ends, and named groups."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from avssl.data.joints import JOINTS, other_sides
from avssl.metrics.lengths import torsos

ARMS = ("right shoulder", "right elbow", "right wrist", "left shoulder", "left elbow", "left wrist")
LEGS = ("right hip", "right knee", "right ankle", "left hip", "left knee", "left ankle")
ARM_BONES = (
    ("right shoulder", "right elbow"), ("right elbow", "right wrist"),
    ("left shoulder", "left elbow"), ("left elbow", "left wrist"),
)  # fmt: skip
LEG_BONES = (
    ("right hip", "right knee"),
    ("right knee", "right ankle"),
    ("left hip", "left knee"),
    ("left knee", "left ankle"),
)


@dataclass(frozen=True, kw_only=True)
class Skeleton:
    """The convention of a data set.

    Args:
        name: what the convention is called.
        joints: names in the order of the arrays. Left and right are the person's own.
        bones: pairs of joints (by name) that a drawing connects.
        torso: two groups of joints (by name); the torso's length goes from the middle of one to that of the other.
            Empty if the convention has no torso.
        groups: joints (by name) whose mean is reported under a name, such as ``"upper"`` and ``"full"``.
        reference: what the length is that the data set annotates for each person, such as ``"head"``; empty for none.
    """

    name: str
    joints: tuple[str, ...]
    bones: tuple[tuple[str, str], ...]
    torso: tuple[tuple[str, ...], ...] = ()
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    reference: str = ""

    def __len__(self) -> int:
        return len(self.joints)

    def places(self, names: Sequence[str]) -> list[int]:
        """Return where joints stand in the arrays."""
        return [self.joints.index(name) for name in names]

    @property
    def mirrored(self) -> list[int]:
        """Where each joint's namesake on the other side stands: what a picture that is flipped left to right needs."""
        return other_sides(self.joints)

    def torso_length(self, points: np.ndarray) -> np.ndarray:
        """Return each person's torso in pixels, ``(people,)``, from ``(people, joints, 2)``; NaN where unlabelled.

        Examples:
            >>> points = np.zeros((1, 14, 2))
            >>> points[0, FIGURE.places(["right hip", "left hip"])] = [[-3, 8], [3, 8]]
            >>> FIGURE.torso_length(points)
            array([8.])

        Raises:
            ValueError: if the points are not of this convention, or it has no torso.
        """
        if not self.torso:
            raise ValueError(
                f"{self.name!r} has no joints that span a torso; use the length that the data set annotates"
            )
        if points.ndim != 3 or points.shape[1:] != (len(self), 2):
            raise ValueError(f"{self.name!r} has {len(self)} joints; got points of shape {points.shape}")
        return torsos(points, *(self.places(group) for group in self.torso))


FIGURE = Skeleton(
    name="figure",
    joints=("head", "neck", *ARMS, *LEGS),
    bones=(
        ("head", "neck"), ("neck", "right shoulder"), ("neck", "left shoulder"), ("neck", "right hip"),
        ("neck", "left hip"), *ARM_BONES, *LEG_BONES,
    ),
    torso=(("neck",), ("right hip", "left hip")),
    groups={"upper": ARMS, "full": ("head", "neck", *ARMS, *LEGS)},
)  # fmt: skip

# The torso is that of the PCK curves since Tompson et al., NIPS 2014: right shoulder to left hip in the person's own
# naming. With the observer's naming the length must be measured before joints change their names; the reader gives it.
FLIC = Skeleton(
    name="flic",
    joints=JOINTS["flic"],
    bones=(
        *ARM_BONES, ("right shoulder", "left shoulder"), ("right shoulder", "right hip"),
        ("left shoulder", "left hip"), ("right hip", "left hip"), ("nose", "right eye"), ("nose", "left eye"),
    ),
    torso=(("right shoulder",), ("left hip",)),
    groups={"upper": ARMS, "full": JOINTS["flic"]},
    reference="torso",
)  # fmt: skip

# Shuffle and Learn's "Mean" is over these seven.
FLIC7 = Skeleton(
    name="flic7",
    joints=JOINTS["flic7"],
    bones=(*ARM_BONES, ("right shoulder", "left shoulder")),
    groups={"upper": ARMS, "full": JOINTS["flic7"]},
    reference="torso",
)

# The official evaluation (computePCK.m) takes wrists, elbows and shoulders for the upper body, and for the full body
# all but pelvis and thorax. Its unit is the head's size, which the data set annotates.
MPII = Skeleton(
    name="mpii",
    joints=JOINTS["mpii"],
    bones=(
        ("head top", "upper neck"), ("upper neck", "thorax"), ("thorax", "pelvis"), ("thorax", "right shoulder"),
        ("thorax", "left shoulder"), ("pelvis", "right hip"), ("pelvis", "left hip"), *ARM_BONES, *LEG_BONES,
    ),
    torso=(("thorax",), ("pelvis",)),
    groups={"upper": ARMS, "full": tuple(name for name in JOINTS["mpii"] if name not in ("pelvis", "thorax"))},
    reference="head",
)  # fmt: skip

# The torso is that of mmpose's PCK on sub-JHMDB.
JHMDB = Skeleton(
    name="jhmdb",
    joints=JOINTS["jhmdb"],
    bones=(
        ("face", "neck"), ("neck", "belly"), ("neck", "right shoulder"), ("neck", "left shoulder"),
        ("belly", "right hip"), ("belly", "left hip"), *ARM_BONES, *LEG_BONES,
    ),
    torso=(("left shoulder",), ("right hip",)),
    groups={"upper": ARMS, "full": JOINTS["jhmdb"]},
)  # fmt: skip

SKELETONS = {skeleton.name: skeleton for skeleton in (FIGURE, FLIC, FLIC7, MPII, JHMDB)}


def skeleton_of(name: str) -> Skeleton:
    """Return the convention called ``name``."""
    if name not in SKELETONS:
        raise ValueError(f"unknown skeleton {name!r}; there is {', '.join(SKELETONS)}")
    return SKELETONS[name]
