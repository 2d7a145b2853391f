"""Render a moving body by pybullet's CPU renderer, with the place of each joint and whether it can be seen.

pybullet is an extra (``mocap``).
"""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from avssl.data.mocap.body import HEAD, JOINTS, LINKS, described, own_links
from avssl.data.mocap.camera import Camera, matrices, metres, project
from avssl.data.mocap.motions import Pose
from avssl.installed import extra

THICK = 0.12  # metres: what is nearer than a joint by more than a limb's thickness hides it
MISSING = f"motion capture needs pybullet, which has wheels for Python 3.11: {extra('mocap')}"


@dataclass(frozen=True, eq=False, kw_only=True)
class Rendering:
    """What was rendered.

    Args:
        color: uint8 RGB ``(frames, size, size, 3)``, of any colour where there is no body.
        links: which of `LINKS` a pixel shows, -1 for none, int8 ``(frames, size, size)``.
        keypoints: joints in pixels from the centre of the top left one, float32 ``(frames, 14, 2)``.
        visible: the joint is in the picture and nothing hides it, bool ``(frames, 14)``.
    """

    color: np.ndarray
    links: np.ndarray
    keypoints: np.ndarray
    visible: np.ndarray


class Body:
    """A body in a world of its own; use it in one process and thread, in a ``with`` block.

    Args:
        stoutness: how thick the limbs are, 1 being usual.

    Raises:
        ImportError: without pybullet; says how to install it.
    """

    def __init__(self, stoutness: float = 1.0):
        try:
            import pybullet
        except ImportError as error:
            raise ImportError(MISSING) from error
        self._bullet: Any = pybullet
        self._client = pybullet.connect(pybullet.DIRECT)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "body.urdf"
            path.write_text(described(stoutness), encoding="utf-8")
            self._body = pybullet.loadURDF(str(path), useFixedBase=True, physicsClientId=self._client)

    def __enter__(self) -> "Body":
        return self

    def __exit__(self, *_: object) -> None:
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
        color, links, points, visible = (np.stack(column) for column in zip(*found, strict=True))
        return Rendering(color=color, links=links, keypoints=points.astype(np.float32), visible=visible)

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
        _, _, color, depth, shown = self._bullet.getCameraImage(
            size, size, view.T.ravel().tolist(), projection.T.ravel().tolist(),
            lightDirection=camera.light.tolist(), shadow=0,
            renderer=self._bullet.ER_TINY_RENDERER,
            flags=self._bullet.ER_SEGMENTATION_MASK_OBJECT_AND_LINKINDEX,
            physicsClientId=self._client,
        )  # fmt: skip
        color = np.asarray(color, np.uint8).reshape(size, size, 4)[..., :3]
        shown = np.asarray(shown).reshape(size, size)
        links = np.where(shown >= 0, (shown >> 24) - 1, -1).astype(np.int8)  # the high byte is the link's number plus 1
        points, far = project(joints, view, projection, size)
        near = metres(np.asarray(depth, np.float64).reshape(size, size))
        return color, links, points, visible_joints(points, far, links, near)


def visible_joints(points: np.ndarray, far: np.ndarray, links: np.ndarray, near: np.ndarray) -> np.ndarray:
    """Return which joints are in the picture with no other part before them, bool ``(14,)``.

    Args:
        points: joints in pixels, ``(14, 2)``.
        far: their distances from the camera, in metres.
        links: which link each pixel shows, -1 for none, ``(size, size)``.
        near: how far what a pixel shows is from the camera, ``(size, size)``.
    """
    size = len(links)
    place = np.round(points).astype(int)
    inside = ((place >= 0) & (place < size)).all(1)
    x, y = place.clip(0, size - 1).T
    shown = links[y, x]
    own = [shown[number] in [LINKS[name] for name in own_links(joint)] for number, joint in enumerate(JOINTS)]
    return inside & ((shown < 0) | np.array(own) | (near[y, x] > far - THICK))
