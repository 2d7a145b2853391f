"""Motion capture without a renderer: motions at any moment, cameras, who hides whom, worlds split by motion."""

import csv
import io
import json

import numpy as np
import pytest

from avssl.data.mocap import prepare, world
from avssl.data.mocap.body import BODY, JOINTS, LINKS, own_links
from avssl.data.mocap.camera import Camera, fitting, follow, matrices, metres, project, view_axes
from avssl.data.mocap.film import FRAMES, RATE, Film, moments
from avssl.data.mocap.motions import LAYOUT, NUMBERS, Pose, mirrored, pose_at, read_motion
from avssl.data.mocap.rendering import visible_joints
from avssl.data.mocap.world import HELD_OUT, row_of, table
from avssl.evaluation.keypoints.skeletons import FIGURE

UPRIGHT = [1.0, 0.0, 0.0, 0.0]
QUARTER = [np.sqrt(0.5), 0, np.sqrt(0.5), 0]  # about the vertical


def frame(seconds, x, knee, turn=UPRIGHT, y=0.9):
    numbers = [seconds, x, y, 0.0, *turn]
    for joint, count in LAYOUT.items():
        numbers += UPRIGHT if count == 4 else [knee if joint == "right_knee" else 0.0]
    return numbers


def written(folder, name, loop, *frames):
    path = folder / f"humanoid3d_{name}.txt"
    path.write_text(json.dumps({"Loop": loop, "Frames": frames}))
    return read_motion(path)


@pytest.fixture
def step(tmp_path):
    """A step along x that takes 1 s, bends the right knee and turns by 90 degrees about the vertical."""
    return written(tmp_path, "step", "none", frame(0.5, 0.0, 0.0), frame(0.5, 1.0, 1.0), frame(0.5, 2.0, 0.0, QUARTER))


def test_the_joints_are_those_of_the_skeleton_figure():
    assert tuple(name.replace("_", " ") for name in JOINTS) == FIGURE.joints


def test_the_layout_of_a_frame_names_links_of_the_body():
    kinds = {4: "spherical", 1: "revolute"}
    assert NUMBERS == 44 and all(BODY[joint].kind == kinds[count] for joint, count in LAYOUT.items())


def test_between_frames_places_and_hinges_go_straight_and_turns_on_arcs(step):
    assert (step.name, step.seconds, step.loops) == ("step", 1.0, False)
    pose = pose_at(step, np.array([0.25, 0.75]))
    assert pose.places[:, 0].tolist() == [0.5, 1.5]
    assert pose.angles["right_knee"].tolist() == [0.5, 0.5] and pose.angles["left_knee"].tolist() == [0, 0]
    assert np.rad2deg(2 * np.arccos(pose.turns["root"][1, 3])) == pytest.approx(45)


def test_a_motion_that_does_not_loop_holds_its_ends(step):
    pose = pose_at(step, np.array([-1.0, 7.0]))
    assert pose.places[:, 0].tolist() == [0.0, 2.0]


def test_a_loop_goes_on_over_the_ground_without_a_seam(tmp_path):
    small = [np.cos(0.1), 0, np.sin(0.1), 0]
    loop = written(
        tmp_path, "walk", "wrap", frame(0.5, 0.0, 0.0), frame(0.5, 1.0, 1.0), frame(0.5, 2.0, 0.2, small, 1.0)
    )
    pose = pose_at(loop, np.array([0.0, 0.25, 1 - 1e-9, 1.0, 1.25, 2.25]))
    assert pose.places[:, 0] == pytest.approx([0.0, 0.5, 2.0, 2.0, 2.5, 4.5])
    before, after = 2, 3
    assert pose.places[before] == pytest.approx(pose.places[after])
    assert pose.turns["root"][before] == pytest.approx(pose.turns["root"][after], abs=1e-6)
    assert pose.angles["right_knee"][before] == pytest.approx(pose.angles["right_knee"][after], abs=1e-6)
    assert pose.angles["right_knee"][[1, 4, 5]] == pytest.approx(0.5 - 0.25 * 0.2)  # a quarter of what is missing


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


def test_a_film_of_a_short_motion_plays_it_once_and_slower(step):
    for seed in range(20):
        times = moments(np.random.default_rng(seed), step)
        assert len(times) == FRAMES and times[0] >= 0 and times[-1] <= step.seconds + 1e-9
        assert np.ptp(np.diff(times)) < 1e-12 and np.diff(times)[0] <= 1.0 / RATE


def camera(azimuth=0.0, elevation=0.0, distance=4.0):
    return Camera(target=np.zeros((1, 3)), azimuth=azimuth, elevation=elevation, distance=distance, light=np.ones(3))


@pytest.mark.parametrize("azimuth", [0, 90, 200])
def test_the_target_is_the_middle_of_the_picture_and_up_is_up(azimuth):
    view, projection = matrices(camera(azimuth, 10), 0)
    (middle, above), far = project(np.array([[0.0, 0, 0], [0, 0.5, 0]]), view, projection, 100)
    assert middle.tolist() == pytest.approx([49.5, 49.5]) and far[0] == pytest.approx(4)
    assert above[0] == pytest.approx(49.5) and above[1] < 49.5


def test_whoever_faces_the_camera_has_the_right_side_on_our_left():
    view, projection = matrices(camera(), 0)  # at +x, where the face is
    right, left = project(np.array([[0.0, 0, 0.2], [0, 0, -0.2]]), view, projection, 100)[0]
    assert right[0] < 49.5 < left[0]


def test_projection_equals_a_slow_writing():
    one = camera(33.0, 12.0, 3.0)
    right, up, back = view_axes(33.0, 12.0)
    for point in np.random.default_rng(0).normal(0, 0.5, (5, 3)):
        depth = 3.0 - point @ back
        half = depth * np.tan(np.deg2rad(20))  # of what a picture of 40 degrees shows there
        slow = [(point @ right / half + 1) * 72 / 2 - 0.5, (-point @ up / half + 1) * 72 / 2 - 0.5]
        (fast,), (far,) = project(point[None], *matrices(one, 0), 72)
        assert fast == pytest.approx(slow) and far == pytest.approx(depth)


def test_depths_of_the_renderer_become_metres():
    view, projection = matrices(camera(distance=3.0), 0)
    clip = projection @ view @ [0.0, 0.0, 0.0, 1.0]
    assert metres((clip[2] / clip[3] + 1) / 2) == pytest.approx(3.0)


def test_a_body_takes_the_share_of_the_picture_that_was_asked_for():
    joints = np.random.default_rng(0).normal(0, 0.4, (5, 14, 3))
    distance = fitting(joints, 30.0, 10.0, 0.8)
    points = project(joints.reshape(-1, 3), *matrices(camera(30.0, 10.0, distance), 0), 100)[0]
    assert 0.5 < np.abs(points - 49.5).max() / 50 <= 0.8


def test_the_camera_follows_over_the_ground_at_one_height():
    joints = np.random.default_rng(0).random((6, 14, 3))
    target = follow(joints)
    assert len(set(target[:, 1])) == 1
    np.testing.assert_allclose(target[:, [0, 2]], joints.mean(1)[:, [0, 2]])


def test_a_joint_behind_another_part_is_hidden_and_within_its_own_limb_it_is_not():
    points, far = np.full((14, 2), 5.0), np.full(14, 3.0)
    elbow, hip = JOINTS.index("right_elbow"), JOINTS.index("left_hip")
    near, arm = np.full((10, 10), 2.0), np.full((10, 10), LINKS["right_elbow"])
    shown = visible_joints(points, far, arm, near)
    assert shown[elbow] and not shown[hip]
    assert visible_joints(points, far, arm, near + 0.95)[hip]  # no thicker than a limb
    assert visible_joints(points, far, np.full((10, 10), -1), near).all()
    assert not visible_joints(points + 20, far, np.full((10, 10), -1), near).any()
    assert own_links("neck") == ("neck",)


def test_splits_are_of_motions_and_training_is_parted_again_to_choose_by(tmp_path):
    names = ("walk", "jump", *HELD_OUT)
    rows = [row_of(tmp_path / f"humanoid3d_{name}.txt", number) for name in names for number in range(2)]
    read = list(csv.DictReader(io.StringIO(table(rows))))
    assert [row["split"] for row in read[::2]] == ["train fitting", "train validation", *["heldout"] * 3]
    assert [row["label"] for row in read[::2]] == list(names)
    assert len({row["group"] for row in read}) == len(read)
    assert read[0]["path"] == "walk/0000.mp4" and read[0]["keypoints"] == "walk/0000.npz"


def test_a_folder_without_motions_and_counts_below_nothing_are_told(tmp_path):
    with pytest.raises(ValueError, match=r"holds no humanoid3d_\*\.txt"):
        prepare(tmp_path / "out", tmp_path)
    with pytest.raises(ValueError, match="train=-1"):
        prepare(tmp_path / "out", tmp_path, train=-1)
    assert not (tmp_path / "out").exists()


def test_a_world_is_rendered_once_resumed_and_renewed_with_the_recipe(step, tmp_path, monkeypatch):
    def fake(motion, seed):
        picture = np.random.default_rng(seed).integers(0, 255, (1, 72, 72, 3), np.uint8)
        return Film(frames=picture, keypoints=np.full((1, 14, 2), seed[-1], np.float32), visible=np.ones((1, 14), bool))

    monkeypatch.setattr(world, "film", fake)
    root = tmp_path / "world"

    def render():
        prepare(root, tmp_path, train=2, workers=1, progress=False)
        return {path.name: path.stat().st_mtime_ns for path in root.glob("step/*.mp4")}

    first = render()
    assert len((root / "manifest.csv").read_text().splitlines()) == 3
    (root / "step/0001.mp4").unlink()
    again = render()
    assert again["0000.mp4"] == first["0000.mp4"] and again["0001.mp4"] > first["0001.mp4"]
    assert np.load(root / "step/0001.npz")["keypoints"][0, 0, 0] == 1
    (root / "recipe.txt").write_text("older")
    assert render()["0000.mp4"] > first["0000.mp4"]
