import numpy as np
import pytest

from avssl.evaluation.keypoints.skeletons import FLIC, FLIC7, MPII, SKELETONS, skeleton_of

ALL = pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)


@ALL
def test_bones_torso_and_groups_name_joints_of_the_skeleton(skeleton):
    named = {joint for bone in skeleton.bones for joint in bone}
    named |= {joint for group in (*skeleton.torso, *skeleton.groups.values()) for joint in group}
    assert named <= set(skeleton.joints) and len(set(skeleton.joints)) == len(skeleton)
    assert set(skeleton.groups) == {"upper", "full"}


@ALL
def test_mirroring_twice_changes_nothing_and_keeps_the_part(skeleton):
    mirrored = skeleton.mirrored
    assert [mirrored[place] for place in mirrored] == list(range(len(skeleton)))
    for joint, other in zip(skeleton.joints, mirrored, strict=True):
        assert joint.split()[-1] == skeleton.joints[other].split()[-1]


def test_flip_pairs_are_the_published_ones():
    assert FLIC.mirrored == [3, 4, 5, 0, 1, 2, 7, 6, 9, 8, 10]
    pairs = {(place, other) for place, other in enumerate(MPII.mirrored) if place < other}
    assert pairs == {(0, 5), (1, 4), (2, 3), (10, 15), (11, 14), (12, 13)}


def test_the_official_groups_of_mpii_leave_pelvis_and_thorax_out():
    assert len(MPII.groups["full"]) == 14 and not {"pelvis", "thorax"} & set(MPII.groups["full"])
    assert MPII.places(MPII.groups["upper"]) == [12, 11, 10, 13, 14, 15]


def test_the_torso_of_flic_goes_from_the_right_shoulder_to_the_left_hip():
    points = np.full((1, 11, 2), np.nan)
    points[0, FLIC.places(["right shoulder", "left hip"])] = [[10, 10], [13, 14]]
    np.testing.assert_allclose(FLIC.torso_length(points), [5])


def test_a_skeleton_without_a_torso_says_so():
    with pytest.raises(ValueError, match="'flic7' has no joints that span a torso"):
        FLIC7.torso_length(np.zeros((1, 7, 2)))


def test_an_unknown_skeleton_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match="unknown skeleton 'coco'; there is figure, flic, flic7, mpii, jhmdb"):
        skeleton_of("coco")
