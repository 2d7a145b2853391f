"""How the instruments look: bodies of simple forms, and the part that plays them.

A form is told where a pixel lies, ``u`` to the right and ``v`` down, from -1 to 1 over the instrument. What holds the
moving part, a stick, a finger or a hand, looks alike for all instruments, so that it tells nothing but the moment.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Layer = tuple[np.ndarray, float]  # which pixels, and how bright: a factor on the body's colour


@dataclass(frozen=True, eq=False, kw_only=True)
class Looks:
    """The instance of an instrument.

    Args:
        build: two proportions of the body, in [0, 1].
        color: RGB in [0, 1].
        turn: radians.
        mirrored: left and right swapped.
        half: half the instrument's width as a share of half the picture's.
        tall: its height over its width.
    """

    build: tuple[float, float]
    color: np.ndarray
    turn: float
    mirrored: bool
    half: float
    tall: float


def dress(rng: np.random.Generator, half: tuple[float, float], hues: int | None) -> Looks:
    """Return the looks of an instrument; its hue in even twelfths of the circle for ``hues`` 0, in odd ones for 1."""
    hue = rng.random()
    if hues is not None:
        hue = (2 * int(hue * 6) + hues + hue * 6 % 1) / 12
    return Looks(
        build=(rng.random(), rng.random()),
        color=from_hsv(hue, rng.uniform(0.3, 1), rng.uniform(0.5, 1)),
        turn=rng.uniform(-0.45, 0.45),
        mirrored=bool(rng.integers(2)),
        half=rng.uniform(*half),
        tall=rng.uniform(0.8, 1.2),
    )


def from_hsv(hue: float, saturation: float, value: float) -> np.ndarray:
    """Return RGB in [0, 1].

    Examples:
        >>> from_hsv(0.0, 1.0, 1.0).tolist()
        [1.0, 0.0, 0.0]
    """
    wheel = np.clip(np.abs((hue * 6 + np.array([0.0, 4.0, 2.0])) % 6 - 3) - 1, 0, 1)
    return value * (1 - saturation * (1 - wheel))


@dataclass(frozen=True, eq=False)
class Canvas:
    """Where each pixel lies on an instrument: ``u`` and ``v``, ``(size, size)``."""

    u: np.ndarray
    v: np.ndarray

    def disc(self, x: float, y: float, radius: float) -> np.ndarray:
        return (self.u - x) ** 2 + (self.v - y) ** 2 < radius**2

    def box(self, left: float, right: float, top: float, bottom: float) -> np.ndarray:
        return (self.u > left) & (self.u < right) & (self.v > top) & (self.v < bottom)

    def rod(self, x0: float, y0: float, x1: float, y1: float, radius: float) -> np.ndarray:
        dx, dy = x1 - x0, y1 - y0
        along = np.clip(((self.u - x0) * dx + (self.v - y0) * dy) / (dx * dx + dy * dy + 1e-9), 0, 1)
        return (self.u - x0 - along * dx) ** 2 + (self.v - y0 - along * dy) ** 2 < radius**2


def canvas(looks: Looks, middle: tuple[float, float], size: int) -> Canvas:
    """Return where the pixels of a picture lie on an instrument in it.

    Args:
        looks: turn, size and proportions.
        middle: (x, y), from -1 to 1 over the picture.
        size: height and width of the picture in pixels.
    """
    line = (np.arange(size) + 0.5) / size * 2 - 1
    x, y = (line[None] - middle[0]) / looks.half, (line[:, None] - middle[1]) / looks.half
    cosine, sine = np.cos(looks.turn), np.sin(looks.turn)
    u, v = cosine * x + sine * y, (cosine * y - sine * x) / looks.tall
    return Canvas(-u if looks.mirrored else u, v)


def body(instrument: str, where: Canvas, build: tuple[float, float]) -> list[Layer]:
    """Return what does not move, from back to front."""
    return BODIES[instrument](where, *build)


def player(instrument: str, where: Canvas, contact: float) -> np.ndarray:
    """Return the pixels of the part that plays; ``contact`` is 0 at rest and 1 when it touches."""
    return PLAYERS[instrument](where, contact)


def drum(on: Canvas, wide: float, light: float) -> list[Layer]:
    skin = on.disc(0, 0.15, 0.6 + 0.15 * wide)
    return [(on.disc(0, 0.15, 0.85), 1.0), (skin, 0.5 + 0.4 * light), (on.disc(0, 0.15, 0.12), 0.25)]


def guitar(on: Canvas, wide: float, tall: float) -> list[Layer]:
    belly = on.disc(-0.45, 0, 0.42 + 0.1 * wide) | on.disc(-0.05, 0, 0.30 + 0.1 * tall)
    return [(belly, 1.0), (on.disc(-0.25, 0, 0.14), 0.1), (on.box(0.1, 1, -0.07, 0.07), 0.45)]


def flute(on: Canvas, thick: float, holes: float) -> list[Layer]:
    half = 0.13 + 0.05 * thick
    dots = [(on.disc(x, 0, 0.07), 0.05) for x in np.linspace(-0.3, 0.8, 3 + int(3 * holes))]
    return [(on.box(-1, 1, -half, half), 1.0), *dots]


def bell(on: Canvas, wide: float, lip: float) -> list[Layer]:
    cup = (np.abs(on.u) < 0.25 + 0.3 * wide + 0.35 * (on.v + 0.6)) & (on.v > -0.7) & (on.v < 0.5)
    rim = cup & (on.v > 0.25 + 0.15 * lip)
    return [(cup, 1.0), (rim, 0.7), (on.disc(0, 0.6, 0.16), 0.35), (on.disc(0, -0.8, 0.13), 0.7)]


def trumpet(on: Canvas, wide: float, long: float) -> list[Layer]:
    horn = (np.abs(on.v) < (on.u - 0.2) * (0.6 + 0.4 * wide)) & (on.u > 0.3) & (on.u < 1)
    loop = on.disc(-0.1, 0.2, 0.32 + 0.08 * long) & ~on.disc(-0.1, 0.2, 0.2 + 0.08 * long)
    return [(loop, 0.7), (on.box(-1, 0.4, -0.1, 0.1), 0.85), (horn, 1.0)]


def xylophone(on: Canvas, count: float, slope: float) -> list[Layer]:
    bars = 4 + int(3 * count)
    layers = []
    for number in range(bars):
        left, short = -0.95 + number * 1.9 / bars, 0.5 * slope * number / bars
        place = on.box(left, left + 0.7 * 1.9 / bars, -0.8 + short, 0.8 - short)
        layers.append((place, 1.0 if number % 2 else 0.75))
    return layers


def harp(on: Canvas, lean: float, count: float) -> list[Layer]:
    neck = (np.abs(on.v + 0.85 - 0.36 * (on.u + 0.8) * lean) < 0.1) & (on.u > -0.8) & (on.u < 0.8)
    board = (np.abs(on.v - 0.9 + 1.1 * (on.u + 0.8)) < 0.1) & (on.u > -0.8) & (on.u < 0.85)
    strings = [
        ((np.abs(on.u - x) < 0.03) & (on.v > -0.8) & (on.v < 0.9 - 1.1 * (x + 0.8)), 0.6)
        for x in np.linspace(-0.45, 0.55, 4 + int(3 * count))
    ]
    return [(on.box(-0.8, -0.62, -0.9, 0.9), 1.0), (neck, 1.0), (board, 1.0), *strings]


def organ(on: Canvas, count: float, deep: float) -> list[Layer]:
    keys = 6 + int(4 * count)
    black = [
        (on.box(left + 0.3 * 1.9 / keys, left + 0.7 * 1.9 / keys, -0.55, 0.05 + 0.2 * deep), 0.03)
        for left in np.linspace(-0.95, 0.95, keys, endpoint=False)
    ]
    return [(on.box(-0.95, 0.95, -0.55, 0.55), 1.0), *black]


def stick(tip: tuple[float, float], hand: tuple[float, float], swing: float) -> Callable[[Canvas, float], np.ndarray]:
    """Return what draws a stick that touches at ``tip`` and is ``swing`` farther up at rest."""

    def draw(on: Canvas, contact: float) -> np.ndarray:
        away = swing * (1 - contact)
        return on.rod(*hand, tip[0], tip[1] - away, 0.06) | on.disc(tip[0], tip[1] - away, 0.13) | on.disc(*hand, 0.12)

    return draw


def finger(places: tuple[tuple[float, float], ...], lift: tuple[float, float]) -> Callable[[Canvas, float], np.ndarray]:
    """Return what draws fingers that press at ``places`` and are ``lift`` away at rest."""

    def draw(on: Canvas, contact: float) -> np.ndarray:
        away = [(x + lift[0] * (1 - contact), y + lift[1] * (1 - contact)) for x, y in places]
        return np.any([on.disc(x, y, 0.13) | on.rod(x, y, x, y - 0.35, 0.07) for x, y in away], axis=0)

    return draw


BODIES: dict[str, Callable[[Canvas, float, float], list[Layer]]] = {
    "drum": drum, "guitar": guitar, "flute": flute, "bell": bell,
    "trumpet": trumpet, "xylophone": xylophone, "harp": harp, "organ": organ,
}  # fmt: skip
PLAYERS: dict[str, Callable[[Canvas, float], np.ndarray]] = {
    "drum": stick((0.1, 0.0), (0.95, -0.75), 0.8),
    "guitar": finger(((-0.25, 0.15),), (0.0, -0.7)),
    "flute": finger(((-0.1, 0.0), (0.3, 0.0)), (0.0, -0.5)),
    "bell": stick((0.65, 0.2), (1.1, -0.6), 0.8),
    "trumpet": finger(((-0.3, -0.1), (0.0, -0.1)), (0.0, -0.5)),
    "xylophone": stick((-0.2, 0.0), (0.75, -0.95), 0.8),
    "harp": finger(((0.0, -0.1),), (0.7, 0.0)),
    "organ": finger(((-0.4, 0.3), (0.3, 0.3)), (0.0, -0.7)),
}
