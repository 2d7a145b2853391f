"""Draw a moving figure: capsule limbs before a textured background, with exact joints and a map of the parts.

The parts' colours are shared by all figures up to a jitter, as skin, hair and cloth are shared by people: what is
learned on some figures can hold for others. Beyond that no two seeds share anything.
"""

from dataclasses import dataclass

import numpy as np

from avssl.data.demo.motion import JOINTS, STYLES, move
from avssl.data.demo.painting import capsule, disc, noise, stripes

# The parts from the farthest to the nearest: name, from joint, to joint(s), radius over the body's height, colour.
PARTS = (
    ("left upper arm", "lsho", "lelb", 0.055, (0.85, 0.35, 0.20)),
    ("left forearm", "lelb", "lwri", 0.045, (0.95, 0.65, 0.45)),
    ("left thigh", "lhip", "lkne", 0.070, (0.20, 0.25, 0.60)),
    ("left shank", "lkne", "lank", 0.055, (0.15, 0.15, 0.40)),
    ("torso", "neck", "rhip lhip", 0.130, (0.75, 0.15, 0.15)),
    ("right thigh", "rhip", "rkne", 0.070, (0.30, 0.40, 0.80)),
    ("right shank", "rkne", "rank", 0.055, (0.25, 0.30, 0.55)),
    ("right upper arm", "rsho", "relb", 0.055, (0.95, 0.45, 0.25)),
    ("right forearm", "relb", "rwri", 0.045, (1.00, 0.75, 0.55)),
    ("neck", "neck", "head", 0.040, (0.90, 0.70, 0.50)),
    ("head", "head", "head", 0.075, (0.95, 0.80, 0.65)),
)
# The nearest part that belongs to each joint; only a part before it hides the joint.
NEAREST = {
    "head": "head", "neck": "neck",
    "rsho": "right upper arm", "relb": "right forearm", "rwri": "right forearm",
    "lsho": "torso", "lelb": "left forearm", "lwri": "left forearm",
    "rhip": "right thigh", "rkne": "right shank", "rank": "right shank",
    "lhip": "torso", "lkne": "left shank", "lank": "left shank",
}  # fmt: skip
GRID = 64  # joints lie on 1/64 of a pixel, so that a picture is the same byte for byte on every machine


@dataclass(frozen=True, eq=False, kw_only=True)
class Drawing:
    """What was drawn, and the truth about it.

    Args:
        frames: uint8 RGB ``(frames, size, size, 3)``.
        keypoints: where the joints are, float32 ``(frames, 14, 2)``, (x, y) in pixels; 0 is a pixel's centre.
        visible: the joint is in the picture and no nearer part hides it, bool ``(frames, 14)``.
        parts: 0 for the background, ``1 + i`` for ``PARTS[i]``, uint8 ``(frames, size, size)``.
    """

    frames: np.ndarray
    keypoints: np.ndarray
    visible: np.ndarray
    parts: np.ndarray


def draw_figure(
    seed: int | tuple[int, ...],
    *,
    style: str = "free",
    frames: int = 64,
    size: int = 72,
    rate: float = 25,
    arrow: float = 0.0,
) -> Drawing:
    """Draw one recording of a figure; equal arguments give equal bytes.

    Args:
        seed: fixes body, motion, colours, textures and background.
        style: how left and right move together: ``"free"``, ``"mirrored"`` or ``"alternating"``.
        frames: how many.
        size: height and width of the picture in pixels; the scene is the same at every size.
        rate: frames per second.
        arrow: how unlike the motion is to itself played backwards, in [0, 1]; 0 not at all.

    Raises:
        ValueError: if the style is unknown, a number is too small, or the arrow is outside [0, 1].

    Examples:
        >>> drawing = draw_figure(0, frames=2, size=32)
        >>> drawing.frames.shape, drawing.keypoints.shape
        ((2, 32, 32, 3), (2, 14, 2))
    """
    if style not in STYLES:
        raise ValueError(f"style={style!r} is unknown; choose one of {', '.join(STYLES)}")
    if frames < 1 or size < 8 or rate <= 0:
        raise ValueError(f"needs frames >= 1, size >= 8 and rate > 0; got frames={frames}, size={size}, rate={rate}")
    if not 0 <= arrow <= 1:
        raise ValueError(f"arrow must be in [0, 1]; got {arrow}")
    rng = np.random.default_rng(seed)
    joints, height = move(rng, style, np.arange(frames) / rate, arrow)
    points = (np.round((joints * size - 0.5) * GRID) / GRID).astype(np.float32)
    picture = np.broadcast_to(background(rng, size), (frames, size, size, 3)).copy()
    parts = np.zeros((frames, size, size), np.uint8)
    tint = rng.uniform(-0.15, 0.15, 3)
    for number, (_, start, end, radius, color) in enumerate(PARTS, start=1):
        first = points[:, JOINTS.index(start)]
        last = points[:, [JOINTS.index(joint) for joint in end.split()]].mean(1)
        window, cover, along = capsule(first, last, np.float32(round(radius * height * size * GRID) / GRID), size)
        shade = stripes(rng, along) * np.clip(color + tint + rng.uniform(-0.1, 0.1, 3), 0, 1).astype(np.float32)
        picture[window] += cover[..., None] * (np.minimum(shade, 1) - picture[window])
        parts[window][cover > 0.5] = number
    return Drawing(
        frames=np.round(picture.clip(0, 1) * 255).astype(np.uint8),
        keypoints=points,
        visible=visible_joints(points, parts),
        parts=parts,
    )


def background(rng: np.random.Generator, size: int) -> np.ndarray:
    """Return a textured wall with three discs on it, float32 ``(size, size, 3)`` in [0, 1]."""
    picture = noise(rng, size)
    for _ in range(3):
        cover = disc(rng.random(2) * size, rng.uniform(0.04, 0.12) * size, size)[..., None]
        picture += cover * (rng.random(3).astype(np.float32) - picture)
    return picture


def visible_joints(points: np.ndarray, parts: np.ndarray) -> np.ndarray:
    """Return which joints are in the picture with no nearer part before them, bool ``(frames, 14)``."""
    names = [name for name, *_ in PARTS]
    nearest = np.array([1 + names.index(NEAREST[joint]) for joint in JOINTS])
    size = parts.shape[-1]
    place = np.round(points).astype(int)
    inside = ((place >= 0) & (place < size)).all(-1)
    x, y = place.clip(0, size - 1).transpose(2, 0, 1)
    return inside & (parts[np.arange(len(parts))[:, None], y, x] <= nearest)
