"""Film a motion: one camera, one body, one background, all drawn by chance."""

from dataclasses import dataclass

import numpy as np

from avssl.data.demo.figures import background
from avssl.data.demo.motion import sway
from avssl.data.mocap.body import LINKS
from avssl.data.mocap.camera import OPENING, Camera, fitting, follow, view_axes
from avssl.data.mocap.motions import Motion, Pose, mirrored, pose_at
from avssl.data.mocap.rendering import Body, Rendering

RATE, FRAMES, SIZE, FINE = 25, 64, 72, 2  # frames a second; a video; pixels a side; rendered so many times finer
FILL = (0.8, 0.97)  # share of the picture that the body takes where it reaches farthest
SPEED = (0.6, 1.1)  # of the captured motion
STOUTNESS = (0.9, 1.3)  # of the limbs
CLOTHES = {  # colours that all bodies share up to a jitter, as the demo figures do
    "root": (0.25, 0.25, 0.60), "chest": (0.75, 0.20, 0.20), "neck": (0.95, 0.80, 0.65),
    "shoulder": (0.90, 0.40, 0.25), "elbow": (0.95, 0.70, 0.50), "wrist": (0.95, 0.75, 0.60),
    "hip": (0.25, 0.30, 0.70), "knee": (0.20, 0.25, 0.50), "ankle": (0.20, 0.15, 0.15),
}  # fmt: skip
SIDES = {"right": 0.08, "left": -0.08}  # lighter and darker, so that sides can be told


@dataclass(frozen=True, eq=False, kw_only=True)
class Film:
    """What was filmed, and the truth about it.

    Args:
        frames: uint8 RGB ``(64, 72, 72, 3)``.
        keypoints: where the joints are, in pixels from the centre of the top left one, float32 ``(64, 14, 2)``.
        visible: the joint is in the picture and nothing hides it, bool ``(64, 14)``.
    """

    frames: np.ndarray
    keypoints: np.ndarray
    visible: np.ndarray


def film(motion: Motion, seed: tuple[int, ...]) -> Film:
    """Film a motion; equal arguments give equal films.

    Args:
        motion: what is filmed.
        seed: fixes window, speed, side, camera, body, clothes, light and background.

    Raises:
        ImportError: without pybullet.
    """
    rng = np.random.default_rng(seed)
    pose = pose_at(motion, moments(rng, motion))
    pose = mirrored(pose) if rng.integers(2) else pose
    with Body(rng.uniform(*STOUTNESS)) as body:
        body.paint(dress(rng))
        found = body.render(pose, aim(rng, body, pose), SIZE * FINE)
    keypoints = (found.keypoints + np.float32(0.5)) / FINE - np.float32(0.5)
    return Film(frames=develop(rng, found), keypoints=keypoints, visible=found.visible)


def moments(rng: np.random.Generator, motion: Motion) -> np.ndarray:
    """Return when in a motion the frames are, seconds ``(64,)``.

    A motion that does not loop and is shorter than a film is played more slowly, never twice nor back: both would be a
    motion that no body makes.
    """
    speed = rng.uniform(*SPEED)
    start = rng.random()
    length = (FRAMES - 1) / RATE
    if motion.loops:
        start *= motion.seconds
    else:
        speed = min(speed, motion.seconds / length)
        start *= motion.seconds - speed * length
    return start + speed * np.arange(FRAMES) / RATE


def aim(rng: np.random.Generator, body: Body, pose: Pose) -> Camera:
    """Return a camera that goes along with the body and sways a little, as a hand does, without any drift."""
    azimuth, elevation = rng.uniform(0, 360), rng.uniform(-5, 25)
    joints = body.joints(pose)
    target = follow(joints)
    distance = fitting(joints - target[:, None], azimuth, elevation, rng.uniform(*FILL))
    times = np.arange(len(target)) / RATE
    width = 2 * distance * np.tan(np.deg2rad(OPENING) / 2)
    for direction in view_axes(azimuth, elevation)[:2]:
        target = target + width * sway(rng, times)[:, None] * direction
    light = np.array([rng.uniform(-1, 1), rng.uniform(0.5, 1.5), rng.uniform(-1, 1)])
    return Camera(target=target, azimuth=azimuth, elevation=elevation, distance=distance, light=light)


def dress(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return a colour for each link: clothes that all share, a tint of this body, a little difference of the sides."""
    tint = rng.uniform(-0.15, 0.15, 3)
    jitter = {kind: rng.uniform(-0.1, 0.1, 3) for kind in CLOTHES}
    colors = {}
    for link in LINKS:
        side, _, kind = link.rpartition("_")
        colors[link] = np.clip(CLOTHES[kind] + tint + jitter[kind] + SIDES.get(side, 0.0), 0.02, 1.0)
    return colors


def develop(rng: np.random.Generator, found: Rendering) -> np.ndarray:
    """Return the frames, uint8 ``(64, 72, 72, 3)``: the body before a wall, averaged over pixels, with grain."""
    wall = background(rng, SIZE * FINE) * np.float32(rng.uniform(0.5, 1.0))
    picture = np.where(found.links[..., None] >= 0, found.color / np.float32(255), wall).astype(np.float32)
    small = picture.reshape(-1, SIZE, FINE, SIZE, FINE, 3).mean((2, 4)) * np.float32(rng.uniform(0.8, 1.15))
    small += np.float32(rng.uniform(0.0, 0.02)) * rng.standard_normal((len(small), SIZE, SIZE, 1), dtype=np.float32)
    return np.round(small.clip(0, 1) * 255).astype(np.uint8)
