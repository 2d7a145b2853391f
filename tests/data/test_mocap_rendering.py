"""Motion capture with pybullet: joints where the picture has them, films that come back, a world that is resumed."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from avssl.data import Videos
from avssl.data.mocap import prepare
from avssl.data.mocap.body import BODY, HEAD, JOINTS, LINKS, own_links
from avssl.data.mocap.camera import Camera
from avssl.data.mocap.film import film
from avssl.data.mocap.motions import LAYOUT, Pose, pose_at, read_motion
from avssl.data.mocap.rendering import Body
from avssl.data.mocap.world import motion_files
from avssl.media import open_video
from avssl.sampling import Segments

pybullet = pytest.importorskip("pybullet")

BALLS = [name for name, count in LAYOUT.items() if count == 4]
HINGES = [name for name, count in LAYOUT.items() if count == 1]


def still(**turns):
    """A body that stands still; turns of ball joints as vectors in radians."""
    ways = {name: Rotation.from_rotvec(turns.get(name, [0, 0, 0])).as_quat()[None] for name in ("root", *BALLS)}
    return Pose(np.array([[0.0, 0.9, 0.0]]), ways, {name: np.zeros(1) for name in HINGES})


def pictured(pose, azimuth=0.0, size=300, stoutness=1.0):
    with Body(stoutness) as body:
        camera = Camera(
            target=np.array([[0, 0.9, 0.0]]), azimuth=azimuth, elevation=0.0, distance=3.0, light=np.ones(3)
        )
        return body.render(pose, camera, size)


def slow_places(pose):
    """Forward kinematics link by link."""
    frames = {"base": (pose.places[0], Rotation.from_quat(pose.turns["root"][0]))}
    for name, link in BODY.items():
        place, turn = frames[link.parent]
        own = Rotation.identity()
        if link.kind == "spherical":
            own = Rotation.from_quat(pose.turns[name][0])
        elif link.kind == "revolute":
            own = Rotation.from_rotvec([0, 0, pose.angles[name][0]])
        frames[name] = (place + turn.apply(link.place), turn * own)
    head = frames["neck"][0] + frames["neck"][1].apply([0, HEAD, 0])
    return np.stack([head if name == "head" else frames[name][0] for name in JOINTS])


def test_joints_are_where_slow_kinematics_puts_them():
    rng = np.random.default_rng(0)
    turns = {name: Rotation.from_quat(rng.normal(size=4)).as_quat()[None] for name in ("root", *BALLS)}
    pose = Pose(rng.random((1, 3)), turns, {name: rng.random(1) for name in HINGES})
    with Body() as body:
        np.testing.assert_allclose(body.joints(pose)[0], slow_places(pose), atol=1e-5)


def test_the_bones_are_those_of_the_humanoid_that_the_motions_were_made_for():
    import pybullet_data

    client = pybullet.connect(pybullet.DIRECT)
    path = f"{pybullet_data.getDataPath()}/humanoid/humanoid.urdf"
    body = pybullet.loadURDF(path, [0, 0.9, 0], globalScaling=0.25, useFixedBase=True, physicsClientId=client)
    places = {}
    for number in range(pybullet.getNumJoints(body, physicsClientId=client)):
        name = pybullet.getJointInfo(body, number, physicsClientId=client)[12].decode()
        state = pybullet.getLinkState(body, number, computeForwardKinematics=1, physicsClientId=client)
        assert LINKS[name] == number
        places[name] = state[4]
    pybullet.disconnect(physicsClientId=client)
    ours = slow_places(still())
    np.testing.assert_allclose(ours[1:], [places[name] for name in JOINTS[1:]], atol=1e-5)


@pytest.mark.parametrize("stoutness", [0.9, 1.3])
def test_a_joint_that_can_be_seen_falls_on_its_limb(stoutness):
    apart = still(right_shoulder=[-1, 0, 0], left_shoulder=[1, 0, 0])
    found = pictured(apart, stoutness=stoutness)
    assert found.visible.all()
    names = list(LINKS)
    for joint, (x, y) in zip(JOINTS, np.round(found.keypoints[0]).astype(int), strict=True):
        held_by = {*own_links(joint), *(BODY[link].parent for link in own_links(joint))}
        assert names[found.links[0, y, x]] in held_by, joint


def test_the_middle_line_of_a_limb_runs_through_its_joints_to_a_fraction_of_a_pixel():
    found = pictured(still(), size=400)
    points = dict(zip(JOINTS, found.keypoints[0], strict=True))
    for side in ("right", "left"):
        rows, columns = np.nonzero(found.links[0] == LINKS[f"{side}_knee"])
        shank = (rows > points[f"{side}_knee"][1] + 15) & (rows < points[f"{side}_ankle"][1] - 15)
        assert columns[shank].mean() == pytest.approx(points[f"{side}_knee"][0], abs=0.7)
    rows, columns = np.nonzero(found.links[0] == LINKS["neck"])
    head = rows < points["head"][1]
    assert (columns[head].min() + columns[head].max()) / 2 == pytest.approx(points["head"][0], abs=0.7)


def test_the_far_side_of_a_body_is_hidden_and_the_near_side_is_seen():
    forward = still(right_shoulder=[0, 0, 1], left_shoulder=[0, 0, 1])  # hands that hang hide the hips
    visible = dict(zip(JOINTS, pictured(forward, azimuth=90).visible[0], strict=True))  # from the person's right
    near, far = ([f"{side}_{kind}" for kind in ("shoulder", "hip", "knee")] for side in ("right", "left"))
    assert all(visible[name] for name in near) and not any(visible[name] for name in far)
    assert visible["head"]


@pytest.fixture(scope="module")
def walk():
    return next(path for path in motion_files() if path.stem == "humanoid3d_walk")


def test_equal_seeds_film_equal_pictures_and_others_do_not(walk):
    motion = read_motion(walk)
    one, same, other = film(motion, (0, 1)), film(motion, (0, 1)), film(motion, (0, 2))
    assert np.array_equal(one.frames, same.frames) and np.array_equal(one.keypoints, same.keypoints)
    assert one.frames.shape == (64, 72, 72, 3) and not np.array_equal(one.frames, other.frames)
    heights = dict(zip(JOINTS, one.keypoints.mean(0)[:, 1], strict=True))
    assert heights["head"] < heights["neck"] < heights["right_hip"] < heights["right_knee"] < heights["right_ankle"]
    assert 35 < (heights["right_ankle"] - heights["head"]) < 65  # pixels of 72


def test_a_rendered_world_is_read_as_videos_with_key_points(walk, tmp_path):
    (tmp_path / walk.name).write_bytes(walk.read_bytes())
    folder = prepare(tmp_path / "world", tmp_path, train=1, workers=1, progress=False)
    item = Videos(folder, Segments(count=2), split="fitting")[0, 0]
    assert item["keypoints"].shape[-2:] == (*item["visible"].shape[-1:], 2) == (14, 2)
    with open_video(folder / "walk/0000.mp4") as video, np.load(folder / "walk/0000.npz") as truth:
        assert len(video) == len(truth["keypoints"]) == len(truth["visible"]) == 64


def test_every_motion_that_ships_can_be_read_and_loops_close():
    motions = [read_motion(path) for path in motion_files()]
    assert len(motions) == 15 and 33 < sum(motion.seconds for motion in motions) < 34
    for motion in motions:
        if motion.loops:
            before, after = (pose_at(motion, np.array([motion.seconds * (1 + tiny)])) for tiny in (-1e-7, 1e-7))
            np.testing.assert_allclose(before.places, after.places, atol=1e-4)
            for name in before.turns:
                assert abs(np.sum(before.turns[name] * after.turns[name])) > 1 - 1e-6
