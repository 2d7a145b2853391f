"""What the joints of a data set are: their names and order, the bones between them, and the torso's ends."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Skeleton:
    """The convention of a data set.

    Args:
        name: what the convention is called.
        joints: names in the order of the arrays. Left and right are the person's own.
        bones: pairs of joints (by name) that a drawing connects.
        torso: two groups of joints (by name); the torso's length goes from the middle of one to that of the other.
    """

    name: str
    joints: tuple[str, ...]
    bones: tuple[tuple[str, str], ...]
    torso: tuple[tuple[str, ...], tuple[str, ...]]

    def __len__(self) -> int:
        return len(self.joints)

    def places(self, names: Sequence[str]) -> list[int]:
        """Return where joints stand in the arrays."""
        return [self.joints.index(name) for name in names]

    def torso_length(self, points: np.ndarray) -> np.ndarray:
        """Return each person's torso in pixels, ``(people,)``, from ``(people, joints, 2)``; NaN where unlabelled.

        Examples:
            >>> points = np.zeros((1, 14, 2))
            >>> points[0, FIGURE.places(["right hip", "left hip"])] = [[-3, 8], [3, 8]]
            >>> FIGURE.torso_length(points)
            array([8.])
        """
        if points.ndim != 3 or points.shape[1:] != (len(self), 2):
            raise ValueError(f"{self.name!r} has {len(self)} joints; got points of shape {points.shape}")
        ends = [points[:, self.places(group)].astype(np.float64).mean(1) for group in self.torso]
        return np.linalg.norm(ends[0] - ends[1], axis=-1)


FIGURE = Skeleton(
    name="figure",
    joints=(
        "head", "neck",
        "right shoulder", "right elbow", "right wrist", "left shoulder", "left elbow", "left wrist",
        "right hip", "right knee", "right ankle", "left hip", "left knee", "left ankle",
    ),
    bones=(
        ("head", "neck"), ("neck", "right shoulder"), ("right shoulder", "right elbow"),
        ("right elbow", "right wrist"), ("neck", "left shoulder"), ("left shoulder", "left elbow"),
        ("left elbow", "left wrist"), ("neck", "right hip"), ("right hip", "right knee"),
        ("right knee", "right ankle"), ("neck", "left hip"), ("left hip", "left knee"), ("left knee", "left ankle"),
    ),
    torso=(("neck",), ("right hip", "left hip")),
)  # fmt: skip

SKELETONS = {skeleton.name: skeleton for skeleton in (FIGURE,)}


def skeleton_of(name: str) -> Skeleton:
    """Return the convention called ``name``."""
    if name not in SKELETONS:
        raise ValueError(f"unknown skeleton {name!r}; there is {', '.join(SKELETONS)}")
    return SKELETONS[name]
