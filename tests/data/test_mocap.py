"""Motion capture: motions at any moment, joints where the picture has them, worlds split by motion."""

import csv
import json

import numpy as np
import pytest

from avssl.data.mocap import prepare
from avssl.data.mocap.motions import LAYOUT, NUMBERS, Pose, mirrored, pose_at, read_motion
from avssl.data.mocap.rendering import JOINTS, LINKS, Camera, links_of, matrices, project, seen
from avssl.data.mocap.world import HELD_OUT, fitting, follow, row_of
from avssl.evaluation.keypoints.skeletons import FIGURE

UPRIGHT = [1.0, 0.0, 0.0, 0.0]


def frame(seconds, x, knee, turn=UPRIGHT):
    numbers = [seconds, x, 0.9, 0.0, *turn]
    for joint, count in LAYOUT.items():
        numbers += UPRIGHT if count == 4 else [knee if joint == "right_knee" else 0.0]
    return numbers


@pytest.fixture
def motion(tmp_path):
    """A walk along x that takes 1 s, bends the right knee and turns by 90 degrees about the vertical."""
    half = np.sqrt(0.5)
    frames = [frame(0.5, 0.0, 0.0), frame(0.5, 1.0, 1.0), frame(0.5, 2.0, 0.0, [half, 0, half, 0])]
    path = tmp_path / "humanoid3d_step.txt"
    path.write_text(json.dumps({"Loop": "wrap", "Frames": frames}))
    return read_motion(path)


def test_the_joints_are_those_of_the_skeleton_figure():
    assert tuple(name.replace("_", " ") for name in JOINTS) == FIGURE.joints


def test_between_frames_places_and_hinges_go_straight_and_turns_on_arcs(motion):
    assert (motion.name, motion.seconds, motion.loops) == ("step", 1.0, True)
    pose = pose_at(motion, np.array([0.25, 0.75]))
    assert pose.places[:, 0].tolist() == [0.5, 1.5]
    assert pose.angles["right_knee"].tolist() == [0.5, 0.5] and pose.angles["left_knee"].tolist() == [0, 0]
    angle = 2 * np.arccos(pose.turns["root"][1, 3])
    assert np.rad2deg(angle) == pytest.approx(45)


def test_a_loop_goes_on_where_it_ended_and_any_other_motion_holds_its_last_pose(motion, tmp_path):
    assert pose_at(motion, np.array([1.25])).places[0].tolist() == [2.5, 0.9, 0.0]
    assert pose_at(motion, np.array([1.25])).angles["right_knee"][0] == 0.5
    path = tmp_path / "humanoid3d_once.txt"
    path.write_text(json.dumps({"Loop": "none", "Frames": [frame(0.5, 0, 0), frame(0.5, 1, 1)]}))
    assert pose_at(read_motion(path), np.array([7.0])).places[0].tolist() == [1.0, 0.9, 0.0]


@pytest.mark.parametrize(
    "content", ["no json", "{}", '{"Frames": [[1, 2]]}', json.dumps({"Frames": [[0.0] * NUMBERS]})]
)
def test_what_is_no_motion_is_refused(tmp_path, content):
    (tmp_path / "humanoid3d_x.txt").write_text(content)
    with pytest.raises(ValueError, match=r"humanoid3d_x\.txt"):
        read_motion(tmp_path / "humanoid3d_x.txt")


def test_a_mirror_twice_changes_nothing():
    rng = np.random.default_rng(0)
    pose = Pose(
        rng.random((2, 3)), {"root": rng.random((2, 4)), "left_hip": rng.random((2, 4))}, {"right_elbow": rng.random(2)}
    )
    again = mirrored(mirrored(pose))
    assert np.array_equal(again.places, pose.places) and list(again.turns) == list(pose.turns)
    assert np.array_equal(again.turns["left_hip"], pose.turns["left_hip"])


def camera(azimuth=0.0, elevation=0.0, distance=4.0):
    return Camera(target=np.zeros((1, 3)), azimuth=azimuth, elevation=elevation, distance=distance, light=np.ones(3))


@pytest.mark.parametrize("azimuth", [0, 90, 200])
def test_the_target_is_the_middle_of_the_picture_and_up_is_up(azimuth):
    view, projection = matrices(camera(azimuth, 10), 0)
    (middle, above), far = project(np.array([[0.0, 0, 0], [0, 0.5, 0]]), view, projection, 100)
    assert middle.tolist() == pytest.approx([49.5, 49.5]) and far[0] == pytest.approx(4)
    assert above[0] == pytest.approx(49.5) and above[1] < 49.5


def test_what_is_twice_as_far_is_half_as_large():
    sizes = []
    for distance in (4.0, 8.0):
        view, projection = matrices(camera(distance=distance), 0)
        points, _ = project(np.array([[0.0, 0, -0.5], [0, 0, 0.5]]), view, projection, 100)
        sizes.append(abs(points[0, 0] - points[1, 0]))
    assert sizes[0] == pytest.approx(2 * sizes[1])


def test_a_body_takes_the_share_of_the_picture_that_was_asked_for():
    joints = np.random.default_rng(0).normal(0, 0.4, (5, 14, 3))
    distance = fitting(joints, 30.0, 10.0, 0.8)
    view, projection = matrices(camera(30.0, 10.0, distance), 0)
    points = project(joints.reshape(-1, 3), view, projection, 100)[0]
    reach = np.abs(points - 49.5).max() / 50
    assert 0.5 < reach <= 0.8


def test_a_joint_behind_another_part_is_hidden_and_within_its_own_limb_it_is_not():
    points, far = np.full((14, 2), 5.0), np.full(14, 3.0)
    elbow, hip = JOINTS.index("right_elbow"), JOINTS.index("left_hip")
    near = np.full((10, 10), 2.0)
    shown = seen(points, far, np.full((10, 10), LINKS["right_elbow"]), near)
    assert shown[elbow] and not shown[hip]
    assert seen(points, far, np.full((10, 10), LINKS["right_elbow"]), near + 0.95)[hip]  # no thicker than a limb
    assert seen(points, far, np.full((10, 10), -1), near).all()
    assert not seen(points + 20, far, np.full((10, 10), -1), near).any()
    assert links_of("neck") == ("neck", "chest")


def test_the_camera_follows_over_the_ground_at_one_height():
    joints = np.random.default_rng(0).random((6, 14, 3))
    target = follow(joints)
    assert len(set(target[:, 1])) == 1
    np.testing.assert_allclose(target[:, [0, 2]], joints.mean(1)[:, [0, 2]])


def test_splits_are_of_motions(tmp_path):
    rows = [row_of(tmp_path / f"humanoid3d_{name}.txt", 0) for name in ("walk", *HELD_OUT)]
    assert [row["split"] for row in rows] == ["train", "heldout", "heldout", "heldout"]
    assert all(row["group"] == row["label"] for row in rows)


def test_a_folder_without_motions_is_told(tmp_path):
    with pytest.raises(ValueError, match=r"holds no humanoid3d_\*\.txt"):
        prepare(tmp_path / "out", tmp_path)


def test_joints_lie_on_their_limbs_and_files_come_back(motion, tmp_path):
    pytest.importorskip("pybullet")
    from avssl.data.mocap.rendering import Body
    from avssl.data.mocap.world import film
    from avssl.media import open_video

    body = Body()
    pose = pose_at(motion, np.array([0.1, 0.6]))
    target = follow(body.joints(pose))
    found = body.render(pose, Camera(target=target, azimuth=60, elevation=5, distance=3.0, light=np.ones(3)), 160)
    place = np.round(found.keypoints).astype(int)
    near = [
        found.body[moment, y - 3 : y + 4, x - 3 : x + 4].any() for moment in range(2) for x, y in place[moment]
    ]  # the parts do not quite meet at elbows and shoulders
    assert all(near) and found.body.mean() < 0.2
    assert 0.5 < found.visible.mean() <= 1
    heights = dict(zip(JOINTS, found.keypoints[0, :, 1], strict=True))
    assert heights["head"] < heights["neck"] < heights["right_hip"] < heights["right_knee"] < heights["right_ankle"]

    frames, keypoints, _ = film(body, motion, (0, 1))
    again, same, _ = film(body, motion, (0, 1))
    assert np.array_equal(frames, again) and np.array_equal(keypoints, same) and frames.shape == (64, 72, 72, 3)
    body.close()

    (tmp_path / "motions").mkdir()
    (tmp_path / "humanoid3d_step.txt").rename(tmp_path / "motions" / "humanoid3d_step.txt")
    folder = prepare(tmp_path / "world", tmp_path / "motions", train=1, workers=1, progress=False)
    with open(folder / "manifest.csv", newline="") as file:
        (row,) = csv.DictReader(file)
    with open_video(folder / row["path"]) as video, np.load(folder / row["keypoints"]) as truth:
        assert len(video) == len(truth["keypoints"]) == 64
