"""Draw a room with spheres and boxes in it, and the exact normal of the surface behind each pixel.

Colours, textures and light are drawn anew for each picture, so that no colour tells a direction; what does is what
tells it in the world: shading, outlines, and how textures shrink with distance and slant.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

CELLS = 16  # of the lattice that textures are interpolated from, a side; it repeats
FAR = 1e9


@dataclass(frozen=True, eq=False, kw_only=True)
class Solids:
    """What was drawn, and the truth about it.

    Args:
        image: uint8 RGB ``(size, size, 3)``.
        normals: of length 1, x to the right, y down, z away from the camera; each faces the camera, against its
            pixel's ray; float32 ``(size, size, 3)``.
    """

    image: np.ndarray
    normals: np.ndarray


def draw_solids(seed: int | tuple[int, ...], *, size: int = 72) -> Solids:
    """Draw one picture; equal arguments give equal pictures.

    Args:
        seed: fixes the room, what is in it, the camera, textures and light.
        size: height and width in pixels; the field of view is the same at every size.

    Raises:
        ValueError: if the size is too small.

    Examples:
        >>> solids = draw_solids(0, size=32)
        >>> solids.image.shape, solids.normals.shape
        ((32, 32, 3), (32, 32, 3))
    """
    if size < 8:
        raise ValueError(f"needs size >= 8; got {size}")
    rng = np.random.default_rng(seed)
    place = (np.arange(size) + 0.5) / size * 2 - 1
    rays = np.stack([*np.meshgrid(place, place), np.full((size, size), 1.5)], -1)  # a field of view of 67 degrees
    depth, normals = np.full((size, size), FAR), np.zeros((size, size, 3))
    shade, light = np.zeros((size, size, 3)), towards_camera(rng)
    for reached, facing in surfaces(rng, rays):
        seen = (reached > 0) & (reached < depth)
        depth = np.where(seen, reached, depth)
        normals[seen] = facing[seen]
        color = rng.uniform(0.2, 1.0, 3) * (0.45 + 0.55 * texture(rng, rays * np.minimum(reached, 50)[..., None]))
        shade[seen] = color[seen]
    lit = rng.uniform(0.3, 0.5) + rng.uniform(0.5, 0.7) * (normals @ light).clip(0)
    grain = rng.normal(0, 0.02, (size, size, 3))
    image = np.round((shade * lit[..., None] + grain).clip(0, 1) * 255).astype(np.uint8)
    return Solids(image=image, normals=normals.astype(np.float32))


def surfaces(rng: np.random.Generator, rays: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield how far along each ray a solid begins (not above 0: never), and its normal there."""
    turned = rotation(rng, yaw=0.8, pitch=0.35)
    extent = rng.uniform((2.0, 1.2, 3.0), (4.0, 2.0, 6.0))
    yield slabs(rays, np.zeros(3), turned, extent, inside=True)
    for _ in range(rng.integers(1, 4)):
        yield sphere(rays, somewhere(rng), rng.uniform(0.35, 0.8))
    for _ in range(rng.integers(1, 3)):
        yield slabs(rays, somewhere(rng), rotation(rng, yaw=3.2, pitch=0.6), rng.uniform(0.25, 0.7, 3), inside=False)


def sphere(rays: np.ndarray, middle: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Meet a ball: where ``|t ray - middle| = radius`` for the first time."""
    square, along = (rays**2).sum(-1), rays @ middle
    root = along**2 - square * (middle @ middle - radius**2)
    reached = np.where(root > 0, (along - np.sqrt(root.clip(0))) / square, -1.0)
    return reached, (rays * reached[..., None] - middle) / radius


def slabs(
    rays: np.ndarray, middle: np.ndarray, turned: np.ndarray, extent: np.ndarray, inside: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Meet a box from outside, or the walls of a room from within.

    Args:
        rays: ``(H, W, 3)``.
        middle: of the box.
        turned: its axes as rows, ``(3, 3)``.
        extent: half its length along each axis.
        inside: the camera is in it.
    """
    way, start = rays @ turned.T, -middle @ turned.T
    way = np.where(np.abs(way) < 1e-9, 1e-9, way)
    near, far = np.sort([(-extent - start) / way, (extent - start) / way], axis=0)
    walls = far if inside else near
    axis = walls.argmin(-1) if inside else walls.argmax(-1)
    reached = np.take_along_axis(walls, axis[..., None], -1)[..., 0]
    missed = not inside and near.max(-1) > far.min(-1)
    against = -np.sign(np.take_along_axis(way, axis[..., None], -1))  # a wall faces where the ray came from
    return np.where(missed, -1.0, reached), against * turned[axis]


def texture(rng: np.random.Generator, points: np.ndarray) -> np.ndarray:
    """Return coloured noise at points of space, ``(H, W, 3)`` in [0, 1]: a lattice, interpolated."""
    lattice = rng.random((CELLS, CELLS, CELLS, 3))
    place = points * rng.uniform(1.5, 5.0)
    low = np.floor(place).astype(int)
    part = place - low
    found = np.zeros(points.shape)
    for corner in np.ndindex(2, 2, 2):
        weight = np.where(corner, part, 1 - part).prod(-1)
        found += weight[..., None] * lattice[tuple(((low + corner) % CELLS).transpose(2, 0, 1))]
    return found


def rotation(rng: np.random.Generator, yaw: float, pitch: float) -> np.ndarray:
    """Return axes, turned about the vertical by up to ``yaw`` and tipped by up to ``pitch`` radians, ``(3, 3)``."""
    first, second = rng.uniform(-yaw, yaw), rng.uniform(-pitch, pitch)
    about = np.array([[np.cos(first), 0, np.sin(first)], [0, 1, 0], [-np.sin(first), 0, np.cos(first)]])
    tip = np.array([[1, 0, 0], [0, np.cos(second), -np.sin(second)], [0, np.sin(second), np.cos(second)]])
    return about @ tip


def somewhere(rng: np.random.Generator) -> np.ndarray:
    """Return a place before the camera."""
    depth = rng.uniform(1.8, 3.0)
    return np.array([rng.uniform(-0.6, 0.6) * depth, rng.uniform(-0.5, 0.6) * depth, depth])


def towards_camera(rng: np.random.Generator) -> np.ndarray:
    """Return where the light comes from, of length 1: from the side of the camera."""
    way = rng.normal(size=3)
    way[2] = -abs(way[2]) - 0.5
    return way / np.linalg.norm(way)
