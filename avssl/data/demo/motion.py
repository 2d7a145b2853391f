"""How a demo figure is built and how it moves: 14 joints, ten angles, each a sum of two sinusoids.

The motion is stationary and time-reversible: every phase is uniform and nothing drifts, so neither the place in the
recording nor the arrow of time can be told from it. What is left to learn is the body itself. An arrow can be put in:
angles then change fast one way and slowly the other, and everything else stays as it is.
"""

import numpy as np

JOINTS = (
    "head", "neck", "rsho", "relb", "rwri", "lsho", "lelb", "lwri", "rhip", "rkne", "rank", "lhip", "lkne", "lank",
)  # fmt: skip
STYLES = ("free", "mirrored", "alternating")  # how left and right go together: apart, alike, half a cycle apart

# torso, neck, then shoulder, elbow, hip, knee of the right and of the left side
AMPLITUDES = np.array([0.15, 0.2, 1.3, 0.8, 0.5, 0.5, 1.3, 0.8, 0.5, 0.5])  # radians
POSTURES = np.array([0.0, 0.0, 0.0, 0.5, 0.0, 0.0, 0.0, 0.5, 0.0, 0.0])  # radians: the mean over all figures
SPREADS = np.array([0.2, 0.2, 2.0, 0.8, 0.6, 0.4, 2.0, 0.8, 0.6, 0.4])  # radians: how far one figure's mean may be
PERIODS = (0.72, 2.4)  # seconds
BONES = {"torso": 0.30, "upper arm": 0.17, "forearm": 0.16, "thigh": 0.23, "shank": 0.22}  # of the height of a body
RIGHT, LEFT = slice(2, 6), slice(6, 10)


def move(rng: np.random.Generator, style: str, times: np.ndarray, arrow: float = 0.0) -> tuple[np.ndarray, float]:
    """Build a body and let it move.

    Args:
        rng: gives the body, its place and its motion.
        style: one of `STYLES`.
        times: when to look, seconds ``(frames,)``.
        arrow: how unlike the motion is to itself played backwards, in [0, 1]; 0 not at all.

    Returns:
        The joints ``(frames, 14, 2)`` as (x, y) and the body's height; in picture widths, from the top left corner.
    """
    height = rng.uniform(0.62, 0.82)
    bones = {name: length * height * rng.uniform(0.9, 1.1) for name, length in BONES.items()}
    shoulder, hip = height * rng.uniform(0.10, 0.13), height * rng.uniform(0.06, 0.08)
    middle = np.stack(
        [0.5 + rng.uniform(-0.05, 0.05) + sway(rng, times), 0.5 + rng.uniform(-0.02, 0.02) + sway(rng, times)]
    )
    angles = turn(rng, style, times, arrow)
    return pose(angles, middle.T, height, shoulder, hip, bones), height


def sway(rng: np.random.Generator, times: np.ndarray) -> np.ndarray:
    """Return a small periodic shift of the whole body, in picture widths ``(frames,)``."""
    return 0.02 * np.sin(2 * np.pi * (times / rng.uniform(*PERIODS) + rng.random()))


def turn(rng: np.random.Generator, style: str, times: np.ndarray, arrow: float = 0.0) -> np.ndarray:
    """Return the ten angles over time, radians ``(frames, 10)``."""
    means = POSTURES + SPREADS * rng.uniform(-0.5, 0.5, 10)
    periods = rng.uniform(*PERIODS, (2, 10))
    phases = rng.random((2, 10))
    sizes = AMPLITUDES * rng.uniform(0.35, 1.0, (2, 10)) * np.array([[0.7], [0.4]])
    if style != "free":  # the left side takes the right side's rhythm; its own posture stays
        periods[:, LEFT], sizes[:, LEFT] = periods[:, RIGHT], sizes[:, RIGHT]
        phases[:, LEFT] = phases[:, RIGHT] + (0.5 if style == "alternating" else 0.0)
    cycles = 2 * np.pi * (times[:, None, None] / periods + phases)
    waves = np.sin(
        cycles + arrow * np.sin(cycles) if arrow else cycles
    )  # a saw: up in less time than down, or the reverse
    return means + (sizes * waves).sum(1)


def pose(
    angles: np.ndarray, middle: np.ndarray, height: float, shoulder: float, hip: float, bones: dict[str, float]
) -> np.ndarray:
    """Return the joints of a body, ``(frames, 14, 2)``: forward kinematics in the plane.

    Args:
        angles: ``(frames, 10)``, radians; 0 hangs down, positive turns away from the middle of the body.
        middle: the point between the hips, ``(frames, 2)``.
        height: of the body; all lengths in the same unit.
        shoulder: half the distance between the shoulders.
        hip: half the distance between the hips.
        bones: lengths by name, as in `BONES`.
    """
    lean, nod = angles[:, 0], angles[:, 1]
    up = -towards(-lean)
    right = np.stack([up[:, 1], -up[:, 0]], -1)  # the person faces us: their right is on our left
    neck = middle + bones["torso"] * up
    joints = {"neck": neck, "head": neck - 0.10 * height * towards(-lean - nod)}
    for side, sign, (arm, elbow, leg, knee) in (("r", -1, angles[:, RIGHT].T), ("l", 1, angles[:, LEFT].T)):
        joints[side + "sho"] = neck - sign * shoulder * right - 0.02 * height * up
        joints[side + "elb"] = joints[side + "sho"] + bones["upper arm"] * towards(sign * (arm + 0.3))
        joints[side + "wri"] = joints[side + "elb"] + bones["forearm"] * towards(sign * (arm + elbow + 0.3))
        joints[side + "hip"] = middle - sign * hip * right
        joints[side + "kne"] = joints[side + "hip"] + bones["thigh"] * towards(sign * (leg + 0.1))
        joints[side + "ank"] = joints[side + "kne"] + bones["shank"] * towards(sign * (leg - knee + 0.1))
    return np.stack([joints[name] for name in JOINTS], 1)


def towards(angle: np.ndarray) -> np.ndarray:
    """Return the unit vectors ``(frames, 2)`` that hang down at 0 and turn to the picture's right as angles grow."""
    return np.stack([np.sin(angle), np.cos(angle)], -1)
