import numpy as np
import pytest

from avssl.data.joints import JOINTS, joints_of, name_by_observer, other_sides, take_joints


def person(behind: bool) -> np.ndarray:
    """Return FLIC's eleven joints of somebody who is seen from the front, or from behind."""
    joints, points = JOINTS["flic"], np.zeros((11, 2))
    for place, name in enumerate(joints):
        right_in_picture = name.startswith("left") != behind  # who faces us has the left side on our right
        points[place] = (50 + (10 + place if right_in_picture else -10 - place), place)
    return points


def test_who_faces_the_camera_is_named_alike_by_both():
    points = person(behind=False)
    assert name_by_observer(points, JOINTS["flic"]) == list(range(11))


def test_who_is_seen_from_behind_changes_every_pair():
    points = person(behind=True)
    order = name_by_observer(points, JOINTS["flic"])
    named = points[order]
    assert order == other_sides(JOINTS["flic"])
    left, right = (JOINTS["flic"].index(f"{side} wrist") for side in ("left", "right"))
    assert named[left, 0] > named[right, 0]


def test_who_is_seen_from_the_side_or_lacks_a_hip_keeps_the_names():
    points = person(behind=True)
    left, right = (JOINTS["flic"].index(f"{side} hip") for side in ("left", "right"))
    sideways = points.copy()
    sideways[[left, right]] = sideways[[right, left]]
    assert name_by_observer(sideways, JOINTS["flic"]) == list(range(11))
    points[left] = np.nan
    assert name_by_observer(points, JOINTS["flic"]) == list(range(11))


def test_seven_joints_of_eleven_with_the_head_between_eyes_and_nose():
    points = np.arange(22, dtype=float).reshape(11, 2)
    seven = take_joints(points, JOINTS["flic"], JOINTS["flic7"])
    np.testing.assert_array_equal(seven[0], points[2])
    np.testing.assert_array_equal(seven[3], points[8:11].mean(0))
    seen = np.ones(11, bool)
    seen[9] = False
    assert take_joints(seen, JOINTS["flic"], JOINTS["flic7"]).tolist() == [True] * 3 + [False] + [True] * 3


def test_a_joint_that_nobody_labelled_is_told():
    with pytest.raises(ValueError, match="there is no nose to make 'nose' of"):
        take_joints(np.zeros((16, 2)), JOINTS["mpii"], ["nose"])
    with pytest.raises(ValueError, match="unknown convention of joints 'coco'; there is flic, flic7, mpii, jhmdb"):
        joints_of("coco")
