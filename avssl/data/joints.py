"""Names of the joints of data sets in their official order, and how one convention is brought to another.

Left and right are the person's own, whatever a set calls them. A joint without a place is NaN.
"""

from collections.abc import Sequence

import numpy as np

JOINTS = {
    # Sapp and Taskar, "MODEC", CVPR 2013: rows 0-6, 9, 12, 13 and 16 of the 29; nobody labelled the rest
    "flic": (
        "left shoulder", "left elbow", "left wrist", "right shoulder", "right elbow", "right wrist",
        "left hip", "right hip", "left eye", "right eye", "nose",
    ),
    # Toshev and Szegedy's regression on FLIC as public code has it, and Shuffle and Learn after it (section 5)
    "flic7": (
        "left wrist", "left elbow", "left shoulder", "head", "right shoulder", "right elbow", "right wrist",
    ),
    # Andriluka et al., "2D Human Pose Estimation", CVPR 2014: ids 0 to 15
    "mpii": (
        "right ankle", "right knee", "right hip", "left hip", "left knee", "left ankle", "pelvis", "thorax",
        "upper neck", "head top", "right wrist", "right elbow", "right shoulder", "left shoulder", "left elbow",
        "left wrist",
    ),
    # Jhuang et al., "Towards understanding action recognition", ICCV 2013: rows of pos_img
    "jhmdb": (
        "neck", "belly", "face", "right shoulder", "left shoulder", "right hip", "left hip", "right elbow",
        "left elbow", "right knee", "left knee", "right wrist", "left wrist", "right ankle", "left ankle",
    ),
}  # fmt: skip
MIDDLES = {"head": ("left eye", "right eye", "nose")}  # a joint that a set lacks, as the middle of ones that it has


def joints_of(convention: str) -> tuple[str, ...]:
    """Return the names of a convention's joints.

    Raises:
        ValueError: if nobody knows the convention.
    """
    if convention not in JOINTS:
        raise ValueError(f"unknown convention of joints {convention!r}; there is {', '.join(JOINTS)}")
    return JOINTS[convention]


def other_sides(joints: Sequence[str]) -> list[int]:
    """Return for each joint where its namesake on the other side of the body stands; a middle joint is its own.

    Examples:
        >>> other_sides(["left hip", "nose", "right hip"])
        [2, 1, 0]
    """
    swapped = {"left": "right", "right": "left"}
    names = [" ".join(swapped.get(word, word) for word in name.split(" ")) for name in joints]
    return [joints.index(name) for name in names]


def name_by_observer(points: np.ndarray, joints: Sequence[str]) -> list[int]:
    """Return which joint stands for each if everybody is named as if facing the camera.

    Who is seen from behind changes left and right: who has both the left shoulder and the left hip to the left of the
    right ones in the picture (MODEC's ``flip_backwards_facing_groundtruth``). All pairs change, as in the
    observer-centric files of Newell et al., "Stacked Hourglass Networks", ECCV 2016; MODEC leaves the eyes.

    Args:
        points: ``(joints, 2)``, in a picture that is not mirrored.
        joints: their names; without shoulders and hips nobody is seen from behind.

    Returns:
        Places among the joints: ``points[name_by_observer(points, joints)]`` has the observer's names.

    Examples:
        >>> joints = ["left shoulder", "right shoulder", "left hip", "right hip"]
        >>> name_by_observer(np.array([[1.0, 0], [3, 0], [1, 4], [3, 4]]), joints)
        [1, 0, 3, 2]
    """
    pairs = [(f"left {part}", f"right {part}") for part in ("shoulder", "hip")]
    behind = all(
        left in joints and points[joints.index(left), 0] < points[joints.index(right), 0] for left, right in pairs
    )
    return other_sides(joints) if behind else list(range(len(joints)))


def take_joints(values: np.ndarray, joints: Sequence[str], wanted: Sequence[str]) -> np.ndarray:
    """Return values of joints by the names of another convention; a joint that is missing may be a middle of others.

    Args:
        values: ``(joints, ...)``: places, of which the mean is taken, or whether each is seen, of which all must be.
        joints: their names.
        wanted: the names to return.

    Raises:
        ValueError: if a joint can neither be found nor made.

    Examples:
        >>> take_joints(np.array([[0.0, 0], [4, 0], [2, 3]]), ["left eye", "right eye", "nose"], ["nose", "head"])
        array([[2., 3.],
               [2., 1.]])
    """
    taken = []
    for name in wanted:
        parts = (name,) if name in joints else MIDDLES.get(name, (name,))
        if missing := [part for part in parts if part not in joints]:
            raise ValueError(f"there is no {' or '.join(missing)} to make {name!r} of; there is {', '.join(joints)}")
        rows = values[[joints.index(part) for part in parts]]
        taken.append(rows.all(0) if rows.dtype == bool else rows.mean(0))
    return np.stack(taken)
