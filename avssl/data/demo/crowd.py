"""Draw several demo figures in one picture, at any place and partly before each other: something to detect."""

from dataclasses import dataclass

import numpy as np

from avssl.data.boxes import Box
from avssl.data.demo.figures import PARTS, background, draw_figure
from avssl.data.demo.motion import STYLES

MOST = 3  # figures in a picture
SIZES = (44, 68)  # pixels of the square that a figure is drawn in; its body takes about 0.7 of it
OBJECTS = {"head": ("head",), "torso": ("torso",), "figure": tuple(name for name, *_ in PARTS)}  # and their parts
LEAST = 9  # pixels that must be seen of an object for it to get a box


@dataclass(frozen=True, eq=False, kw_only=True)
class Crowd:
    """What was drawn, and the truth about it.

    Args:
        image: uint8 RGB ``(size, size, 3)``.
        parts: 0 for the background, ``1 + i`` for ``PARTS[i]`` of any figure, uint8 ``(size, size)``.
        boxes: of the figures, their heads and torsos, as far as they are seen.
    """

    image: np.ndarray
    parts: np.ndarray
    boxes: tuple[Box, ...]


def draw_crowd(seed: tuple[int, ...], *, size: int = 96) -> Crowd:
    """Draw one picture; equal arguments give equal pictures.

    Args:
        seed: fixes the figures, their places and the background.
        size: height and width in pixels; figures keep their size.

    Raises:
        ValueError: if a figure would not fit.

    Examples:
        >>> {box.name for box in draw_crowd((0, 1)).boxes} <= {"figure", "head", "torso"}
        True
    """
    if size < SIZES[1]:
        raise ValueError(f"needs size >= {SIZES[1]}, as large as a figure; got {size}")
    rng = np.random.default_rng(seed)
    image = np.round(background(rng, size).clip(0, 1) * 255).astype(np.uint8)
    parts, owner = np.zeros((size, size), np.uint8), np.zeros((size, size), int)
    for number in range(1, 1 + int(rng.integers(1, MOST + 1))):
        side = int(rng.integers(SIZES[0], SIZES[1] + 1))
        drawing = draw_figure((*seed, number), style=STYLES[int(rng.integers(len(STYLES)))], frames=1, size=side)
        top, left = rng.integers(0, size - side + 1, 2)
        window = (slice(top, top + side), slice(left, left + side))
        body = drawing.parts[0] > 0
        image[window][body], parts[window][body], owner[window][body] = (
            drawing.frames[0][body],
            drawing.parts[0][body],
            number,
        )
    boxes = [box for number in range(1, int(owner.max()) + 1) for box in boxes_of(np.where(owner == number, parts, 0))]
    return Crowd(image=image, parts=parts, boxes=tuple(boxes))


def boxes_of(parts: np.ndarray) -> list[Box]:
    """Return the boxes of one figure's objects, tight around what is seen of them.

    Args:
        parts: 0 where the figure is not, ``1 + i`` for ``PARTS[i]``, ``(H, W)``.
    """
    names = [name for name, *_ in PARTS]
    found = []
    for thing, members in OBJECTS.items():
        rows, columns = np.nonzero(np.isin(parts, [1 + names.index(member) for member in members]))
        if len(rows) >= LEAST:
            edges = (columns.min() - 0.5, rows.min() - 0.5, columns.max() + 0.5, rows.max() + 0.5)
            found.append(Box(edges=(float(edges[0]), float(edges[1]), float(edges[2]), float(edges[3])), name=thing))
    return found
