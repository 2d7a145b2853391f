"""The painter's tools: noise, discs, capsules, stripes.

Only sums, products, quotients and square roots: they are rounded alike everywhere, so the pictures are the same byte
for byte on every machine (sines are not).
"""

import numpy as np

OCTAVES = ((3, 0.5), (6, 0.3), (14, 0.25), (24, 0.15))  # cells a side, strength


def noise(rng: np.random.Generator, size: int) -> np.ndarray:
    """Return coloured noise of several grains, float32 ``(size, size, 3)``, at most 1."""
    picture = np.zeros((size, size, 3), np.float32)
    for cells, strength in OCTAVES:
        lattice = rng.random((cells, cells, 3), dtype=np.float32)
        place = np.linspace(0, cells - 1, size, dtype=np.float32)
        low = np.minimum(place.astype(int), cells - 2)
        far = (place - low)[:, None]
        rows = lattice[low] + far[..., None] * (lattice[low + 1] - lattice[low])
        picture += np.float32(strength) * (rows[:, low] + far * (rows[:, low + 1] - rows[:, low]))
    return picture / picture.max()


def disc(middle: np.ndarray, radius: float, size: int) -> np.ndarray:
    """Return how much of each pixel a disc covers, float32 ``(size, size)``; all in pixels."""
    y, x = np.mgrid[:size, :size].astype(np.float32)
    distance = np.sqrt((x - np.float32(middle[0])) ** 2 + (y - np.float32(middle[1])) ** 2)
    return (np.float32(radius) - distance + np.float32(0.5)).clip(0, 1)


def capsule(
    first: np.ndarray, last: np.ndarray, radius: np.float32, size: int
) -> tuple[tuple[slice, ...], np.ndarray, np.ndarray]:
    """Cover the points within ``radius`` of a moving stretch.

    Args:
        first: where the stretch starts, (x, y) in pixels ``(frames, 2)``.
        last: where it ends, ``(frames, 2)``.
        radius: in pixels.
        size: height and width of the picture.

    Returns:
        The window that holds the capsule in all frames (frames, rows, columns), how much of each of its pixels is
        covered, and how far along the stretch each pixel lies (0 to 1), both float32 ``(frames, rows, columns)``.
    """
    ends = np.stack([first, last])
    low = np.floor(ends.min((0, 1)) - radius - 1).astype(int).clip(0, size)
    high = np.ceil(ends.max((0, 1)) + radius + 2).astype(int).clip(0, size)
    window = (slice(None), slice(low[1], high[1]), slice(low[0], high[0]))
    x = np.arange(low[0], high[0], dtype=np.float32) - first[:, :1]  # (frames, columns)
    y = np.arange(low[1], high[1], dtype=np.float32) - first[:, 1:]  # (frames, rows)
    vx, vy = (last - first).T[..., None]
    length = np.maximum(vx * vx + vy * vy, np.float32(1e-3))
    along = ((vx / length * x)[:, None, :] + (vy / length * y)[:, :, None]).clip(0, 1)
    distance = np.sqrt((x[:, None, :] - along * vx[..., None]) ** 2 + (y[:, :, None] - along * vy[..., None]) ** 2)
    return window, (radius + np.float32(0.5) - distance).clip(0, 1), along


def stripes(rng: np.random.Generator, along: np.ndarray) -> np.ndarray:
    """Return faint light and dark bands along a limb, factors around 1, float32 ``along.shape + (1,)``."""
    bands, shift, strength = np.float32(rng.uniform(2, 8)), np.float32(rng.random()), np.float32(rng.uniform(0.05, 0.2))
    place = bands * along + shift
    wave = np.abs(place - np.floor(place) - np.float32(0.5)) * 4 - 1  # a triangle between -1 and 1
    return (1 + strength * wave)[..., None]
