"""Where a body is looked at from, and where its points fall in the picture: exact, in NumPy alone."""

from dataclasses import dataclass

import numpy as np

NEAR, FAR, OPENING = 0.1, 20.0, 40.0  # what is drawn, metres; how much is seen, degrees (vertical)
FLESH = 0.12  # metres of body around a joint


@dataclass(frozen=True, eq=False, kw_only=True)
class Camera:
    """A camera that moves along with what it looks at.

    Args:
        target: what is in the middle of each frame, metres, y up, ``(frames, 3)``.
        azimuth: degrees round the vertical.
        elevation: degrees above the horizontal.
        distance: metres from the target.
        light: direction that the light comes from, ``(3,)``.
    """

    target: np.ndarray
    azimuth: float
    elevation: float
    distance: float
    light: np.ndarray


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
    """Return the view and projection matrices of a frame, ``(4, 4)`` each, for column vectors, as OpenGL has them."""
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


def metres(buffer: np.ndarray) -> np.ndarray:
    """Return how far from the camera what a pixel shows is, from the depth in [0, 1] that the renderer gives.

    Examples:
        >>> metres(np.array([0.0, 1.0])).round(6).tolist()
        [0.1, 20.0]
    """
    return FAR * NEAR / (FAR - (FAR - NEAR) * buffer)


def follow(joints: np.ndarray) -> np.ndarray:
    """Return where the camera looks in each frame: after the body on the ground, at one height, ``(frames, 3)``.

    Args:
        joints: ``(frames, joints, 3)``, metres.
    """
    middle = joints.mean(1)
    middle[:, 1] = (joints[..., 1].min() + joints[..., 1].max()) / 2
    return middle


def fitting(joints: np.ndarray, azimuth: float, elevation: float, fill: float) -> float:
    """Return the distance, in metres, at which a body takes at most a share of the picture in every frame.

    Args:
        joints: from the camera's target, metres, ``(frames, joints, 3)``.
        azimuth: of the camera, degrees.
        elevation: of the camera, degrees.
        fill: the share of half a side, from the middle to where the body reaches farthest.
    """
    right, up, back = view_axes(azimuth, elevation)
    half = np.tan(np.deg2rad(OPENING) / 2) * fill
    reach = np.maximum(np.abs(joints @ right), np.abs(joints @ up)) + FLESH
    return float((reach / half + joints @ back).max())
