"""Render a moving body by pybullet's CPU renderer, with the place of each joint and whether it can be seen.

pybullet is an extra (``pip install avssl[mocap]``). The body is its ``humanoid/humanoid.urdf``.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from avssl.data.mocap.motions import Pose

SCALE = 0.25  # of the file, to metres
LINKS = {  # the file's links, by number
    "root": 0, "chest": 1, "neck": 2, "right_shoulder": 3, "right_elbow": 4, "right_wrist": 5,
    "left_shoulder": 6, "left_elbow": 7, "left_wrist": 8, "right_hip": 9, "right_knee": 10, "right_ankle": 11,
    "left_hip": 12, "left_knee": 13, "left_ankle": 14,
}  # fmt: skip
HEAD = 0.175  # metres from the neck's joint to the middle of the head, along the neck
JOINTS = (  # in the order of the skeleton "figure"
    "head", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
    "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle",
)  # fmt: skip
AROUND = {  # links that a joint lies in; none of them hides it
    "head": ("neck",), "neck": ("neck", "chest"),
    "shoulder": ("shoulder", "chest"), "elbow": ("shoulder", "elbow"), "wrist": ("elbow", "wrist"),
    "hip": ("hip", "root"), "knee": ("hip", "knee"), "ankle": ("knee", "ankle"),
}  # fmt: skip
THICK = 0.12  # metres: what is nearer than a joint by more than a limb's thickness hides it
NEAR, FAR, OPENING = 0.1, 20.0, 40.0  # of the camera, metres and degrees (vertical)


@dataclass(frozen=True, eq=False, kw_only=True)
class Camera:
    """Where one looks from.

    Args:
        target: what is in the middle of each frame, metres, ``(frames, 3)``.
        azimuth: degrees round the vertical.
        elevation: degrees above the horizontal.
        distance: metres from the target.
        light: direction that the light comes from.
    """

    target: np.ndarray
    azimuth: float
    elevation: float
    distance: float
    light: np.ndarray


@dataclass(frozen=True, eq=False, kw_only=True)
class Rendering:
    """What was rendered.

    Args:
        color: uint8 RGB ``(frames, size, size, 3)``, of any colour where there is no body.
        body: True where the body is, bool ``(frames, size, size)``.
        keypoints: joints in pixels from the centre of the top left one, float32 ``(frames, 14, 2)``.
        visible: the joint is in the picture and nothing hides it, bool ``(frames, 14)``.
    """

    color: np.ndarray
    body: np.ndarray
    keypoints: np.ndarray
    visible: np.ndarray


@contextmanager
def hushed() -> Iterator[None]:
    """Keep what C code prints from the screen while the block runs."""
    sys.stdout.flush()
    kept = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)


class Body:
    """A body in a world of its own; use it in one process and thread, and close it.

    Raises:
        ImportError: without pybullet; says how to install it.
    """

    def __init__(self) -> None:
        try:
            import pybullet
            import pybullet_data
        except ImportError as error:
            raise ImportError("motion capture needs pybullet: pip install 'avssl[mocap]' (Python 3.11)") from error
        self._bullet: Any = pybullet
        self._client = pybullet.connect(pybullet.DIRECT)
        path = f"{pybullet_data.getDataPath()}/humanoid/humanoid.urdf"
        with hushed():  # its parser tells of joints without an axis, which balls need none of
            self._body = pybullet.loadURDF(path, globalScaling=SCALE, useFixedBase=True, physicsClientId=self._client)

    def close(self) -> None:
        self._bullet.disconnect(physicsClientId=self._client)

    def paint(self, colors: Mapping[str, np.ndarray]) -> None:
        """Give each link a colour, RGB in [0, 1]."""
        for link, color in colors.items():
            self._bullet.changeVisualShape(
                self._body, LINKS[link], rgbaColor=[*color, 1.0], physicsClientId=self._client
            )

    def joints(self, pose: Pose) -> np.ndarray:
        """Return where the joints are, in metres, ``(moments, 14, 3)``."""
        return np.stack([self._hold(pose, moment) for moment in range(len(pose.places))])

    def render(self, pose: Pose, camera: Camera, size: int) -> Rendering:
        """Render a pose at each of its moments.

        Args:
            pose: as many moments as the camera has targets.
            camera: where one looks from.
            size: height and width in pixels.
        """
        found = [self._frame(pose, camera, size, moment) for moment in range(len(pose.places))]
        color, body, points, visible = (np.stack(column) for column in zip(*found, strict=True))
        return Rendering(color=color, body=body, keypoints=points.astype(np.float32), visible=visible)

    def _hold(self, pose: Pose, moment: int) -> np.ndarray:
        """Take a pose, and return where the joints are then, ``(14, 3)``."""
        bullet, client = self._bullet, self._client
        bullet.resetBasePositionAndOrientation(
            self._body, pose.places[moment].tolist(), pose.turns["root"][moment].tolist(), physicsClientId=client
        )
        for name, turn in pose.turns.items():
            if name != "root":
                bullet.resetJointStateMultiDof(self._body, LINKS[name], turn[moment].tolist(), physicsClientId=client)
        for name, angle in pose.angles.items():
            bullet.resetJointState(self._body, LINKS[name], float(angle[moment]), physicsClientId=client)
        states = bullet.getLinkStates(
            self._body, list(LINKS.values()), computeForwardKinematics=1, physicsClientId=client
        )
        places = {name: np.array(state[4]) for name, state in zip(LINKS, states, strict=True)}
        neck = np.array(bullet.getMatrixFromQuaternion(states[LINKS["neck"]][5])).reshape(3, 3)
        places["head"] = places["neck"] + neck @ [0, HEAD, 0]
        return np.stack([places[joint] for joint in JOINTS])

    def _frame(self, pose: Pose, camera: Camera, size: int, moment: int) -> tuple[np.ndarray, ...]:
        joints = self._hold(pose, moment)
        view, projection = matrices(camera, moment)
        _, _, color, depth, links = self._bullet.getCameraImage(
            size, size, view.T.ravel().tolist(), projection.T.ravel().tolist(),
            lightDirection=camera.light.tolist(), shadow=0,
            renderer=self._bullet.ER_TINY_RENDERER,
            flags=self._bullet.ER_SEGMENTATION_MASK_OBJECT_AND_LINKINDEX,
            physicsClientId=self._client,
        )  # fmt: skip
        color = np.asarray(color, np.uint8).reshape(size, size, 4)[..., :3]
        links = np.asarray(links).reshape(size, size)
        there = links >= 0
        link = np.where(there, (links >> 24) - 1, -1)
        points, far = project(joints, view, projection, size)
        buffer = np.asarray(depth, np.float64).reshape(size, size)
        near = FAR * NEAR / (FAR - (FAR - NEAR) * buffer)
        return color, there, points, seen(points, far, link, near)


def view_axes(azimuth: float, elevation: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the camera's directions right, up, and back from what it looks at, for angles in degrees; y is up.

    Examples:
        >>> [(axis + 0.0).astype(int).tolist() for axis in view_axes(0.0, 0.0)]
        [[0, 0, -1], [0, 1, 0], [1, 0, 0]]
    """
    around, above = np.deg2rad([azimuth, elevation])
    back = np.array([np.cos(around) * np.cos(above), np.sin(above), np.sin(around) * np.cos(above)])
    right = np.cross([0.0, 1.0, 0.0], back)
    right /= np.linalg.norm(right)
    return right, np.cross(back, right), back


def matrices(camera: Camera, moment: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the view and projection matrices of a frame, ``(4, 4)`` each, y up, for column vectors."""
    right, up, back = view_axes(camera.azimuth, camera.elevation)
    eye = camera.target[moment] + camera.distance * back
    view = np.eye(4)
    view[:3, :3] = [right, up, back]
    view[:3, 3] = -view[:3, :3] @ eye
    focal = 1 / np.tan(np.deg2rad(OPENING) / 2)
    projection = np.zeros((4, 4))
    projection[0, 0] = projection[1, 1] = focal
    projection[2, 2:] = (FAR + NEAR) / (NEAR - FAR), 2 * FAR * NEAR / (NEAR - FAR)
    projection[3, 2] = -1
    return view, projection


def project(points: np.ndarray, view: np.ndarray, projection: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return places in pixels ``(points, 2)`` from the centre of the top left one, and distances from the camera.

    Examples:
        >>> view, projection = np.eye(4), np.diag([1.0, 1.0, -1.0, 0.0])
        >>> projection[3, 2] = -1
        >>> project(np.array([[0.0, 0.0, -2.0], [1.0, 1.0, -2.0]]), view, projection, 8)[0].tolist()
        [[3.5, 3.5], [5.5, 1.5]]
    """
    seen_from = np.concatenate([points, np.ones((len(points), 1))], 1) @ view.T
    clip = seen_from @ projection.T
    flat = clip[:, :2] / clip[:, 3:]
    return (flat * [1, -1] + 1) / 2 * size - 0.5, -seen_from[:, 2]


def seen(points: np.ndarray, far: np.ndarray, link: np.ndarray, near: np.ndarray) -> np.ndarray:
    """Return which joints are in the picture with no other part before them, bool ``(14,)``.

    Args:
        points: joints in pixels, ``(14, 2)``.
        far: their distances from the camera, in metres.
        link: which link each pixel shows, -1 for none, ``(size, size)``.
        near: how far what a pixel shows is from the camera, ``(size, size)``.
    """
    size = len(link)
    place = np.round(points).astype(int)
    inside = ((place >= 0) & (place < size)).all(1)
    x, y = place.clip(0, size - 1).T
    shown = link[y, x]
    own = [shown[number] in [LINKS[name] for name in links_of(joint)] for number, joint in enumerate(JOINTS)]
    return inside & ((shown < 0) | np.array(own) | (near[y, x] > far - THICK))


def links_of(joint: str) -> tuple[str, ...]:
    """Return the links that a joint lies in.

    Examples:
        >>> links_of("left_knee"), links_of("right_hip"), links_of("head")
        (('left_hip', 'left_knee'), ('right_hip', 'root'), ('neck',))
    """
    side, _, kind = joint.rpartition("_")
    return tuple(name if name in LINKS else f"{side}_{name}" for name in AROUND[kind])
