"""Motion files of DeepMimic, as the package pybullet ships them, at any moment.

Peng, Abbeel, Levine and van de Panne, "DeepMimic: Example-Guided Deep Reinforcement Learning of Physics-Based Character
Skills", SIGGRAPH 2018. https://arxiv.org/abs/1804.02717. A frame is 44 numbers: how long it lasts, the root's place
(metres, y up) and rotation, then the joints' rotations, quaternions with the real part first, or one angle for a hinge.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

HINGE, BALL = 1, 4  # numbers of a joint
LAYOUT = {  # joints in the order of a frame's numbers, after the root
    "chest": BALL, "neck": BALL,
    "right_hip": BALL, "right_knee": HINGE, "right_ankle": BALL, "right_shoulder": BALL, "right_elbow": HINGE,
    "left_hip": BALL, "left_knee": HINGE, "left_ankle": BALL, "left_shoulder": BALL, "left_elbow": HINGE,
}  # fmt: skip
ROOT = 8  # numbers before the first joint: duration, place, rotation
NUMBERS = ROOT + sum(LAYOUT.values())
MIRRORED = {"right": "left", "left": "right"}


@dataclass(frozen=True, eq=False)
class Motion:
    """A motion that was captured once.

    Args:
        name: such as ``"cartwheel"``.
        times: when each frame begins, in seconds, ``(frames,)``; the last one is the end.
        places: of the root in metres, x, y (up), z, ``(frames, 3)``.
        turns: rotations by part, ``"root"`` and the ball joints: quaternions x, y, z, w, ``(frames, 4)``.
        angles: of the hinges, in radians, ``(frames,)``.
        loops: it may be played again and again.
    """

    name: str
    times: np.ndarray
    places: np.ndarray
    turns: dict[str, np.ndarray]
    angles: dict[str, np.ndarray]
    loops: bool

    @property
    def seconds(self) -> float:
        """How long one round lasts."""
        return float(self.times[-1])


@dataclass(frozen=True, eq=False)
class Pose:
    """A body at some moments: the root's ``places`` ``(moments, 3)``, ``turns`` and ``angles`` as in `Motion`."""

    places: np.ndarray
    turns: dict[str, np.ndarray]
    angles: dict[str, np.ndarray]


def read_motion(path: Path) -> Motion:
    """Read a motion file.

    Raises:
        ValueError: if it is not one.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        frames = np.array(found["Frames"], np.float64)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is no motion file of DeepMimic: it needs JSON with a list 'Frames'") from error
    if frames.ndim != 2 or frames.shape[1] != NUMBERS or len(frames) < 2:
        raise ValueError(f"{path}: needs at least 2 frames of {NUMBERS} numbers; got an array of {frames.shape}")
    turns, angles = {"root": frames[:, [5, 6, 7, 4]]}, {}
    place = ROOT
    for joint, count in LAYOUT.items():
        if count == BALL:
            turns[joint] = frames[:, [place + 1, place + 2, place + 3, place]]
        else:
            angles[joint] = frames[:, place]
        place += count
    times = np.concatenate([[0.0], np.cumsum(frames[:-1, 0])])
    name = path.stem.removeprefix("humanoid3d_")
    return Motion(name, times, frames[:, 1:4], turns, angles, found.get("Loop") == "wrap")


def pose_at(motion: Motion, moments: np.ndarray) -> Pose:
    """Return the body at some moments: places and hinges between frames by straight lines, rotations on great arcs.

    A motion that loops goes on from where its last round ended, over the ground; nobody repeats himself exactly, so the
    little that is missing between the last pose and the first is spread evenly over the round, and no seam is seen. Any
    other motion holds its first and last pose.

    Args:
        motion: what is played.
        moments: seconds, ``(moments,)``.
    """
    rounds = np.floor(moments / motion.seconds) if motion.loops else np.zeros(len(moments))
    inside = np.clip(moments - rounds * motion.seconds, 0, motion.seconds)
    part = inside / motion.seconds * motion.loops  # of the missing, that is made up for by now

    def line(values: np.ndarray) -> np.ndarray:
        return np.interp(inside, motion.times, values) - part * (values[-1] - values[0])

    def arc(turns: np.ndarray) -> np.ndarray:
        rotations = Rotation.from_quat(turns)
        missing = (rotations[-1].inv() * rotations[0]).as_rotvec()
        return (Slerp(motion.times, rotations)(inside) * Rotation.from_rotvec(part[:, None] * missing)).as_quat()

    places = np.stack([line(values) for values in motion.places.T], 1)
    onward = (motion.places[-1] - motion.places[0]) * [1, 0, 1]
    places = places + (part + rounds)[:, None] * onward
    turns = {name: arc(turn) for name, turn in motion.turns.items()}
    return Pose(places, turns, {name: line(values) for name, values in motion.angles.items()})


def mirrored(pose: Pose) -> Pose:
    """Return the pose in a mirror (z to -z): left and right change sides.

    Examples:
        >>> turn = {"root": np.array([[0.1, 0.2, 0.3, 0.9]])}
        >>> other = mirrored(Pose(np.array([[1.0, 2.0, 3.0]]), turn, {"left_knee": np.ones(1)}))
        >>> other.places.tolist(), other.turns["root"].tolist(), list(other.angles)
        ([[1.0, 2.0, -3.0]], [[-0.1, -0.2, 0.3, 0.9]], ['right_knee'])
    """

    def side(name: str) -> str:
        first, _, rest = name.partition("_")
        return f"{MIRRORED[first]}_{rest}" if first in MIRRORED else name

    turns = {side(name): turn * [-1, -1, 1, 1] for name, turn in pose.turns.items()}
    return Pose(pose.places * [1, 1, -1], turns, {side(name): angle for name, angle in pose.angles.items()})
