"""Boxes of objects, and how manifests write them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from avssl.data.cells import IGNORED, parts_of
from avssl.data.tables import BETWEEN
from avssl.files import FileError


@dataclass(frozen=True, kw_only=True)
class Box:
    """An object of a picture.

    Args:
        edges: left, top, right, bottom; 0 is the centre of the first pixel, see `avssl.data.sets.coordinates`.
        name: its class.
        ignored: it counts neither when found nor when missed.
    """

    edges: tuple[float, float, float, float]
    name: str
    ignored: bool = False


def read_boxes(text: str, where: str = "boxes") -> tuple[Box, ...]:
    """Return the boxes that a manifest writes: four edges and a name each, ``?`` before the name of an ignored one.

    Raises:
        ValueError: if a box is not written so, or has no extent.

    Examples:
        >>> first, second = read_boxes("-0.5 -0.5 99.5 49.5 dog | 9.5 4.5 20.5 30.5 ?potted plant")
        >>> first.edges, second.name, second.ignored
        ((-0.5, -0.5, 99.5, 49.5), 'potted plant', True)
    """
    found = []
    for one in parts_of(text):
        parts = one.split(maxsplit=4)
        try:
            left, top, right, bottom = (float(part) for part in parts[:4])
            name = parts[4].strip()
        except (ValueError, IndexError):
            raise FileError(f"{where}: {one[:80]!r} is no box; write: left top right bottom name") from None
        if not (-math.inf < left < right < math.inf and -math.inf < top < bottom < math.inf):
            raise FileError(f"{where}: the box {one[:80]!r} has no extent; left < right and top < bottom")
        edges = (left, top, right, bottom)
        found.append(Box(edges=edges, name=name.removeprefix(IGNORED), ignored=name.startswith(IGNORED)))
    return tuple(found)


def write_boxes(boxes: Sequence[Box]) -> str:
    """Return boxes as a manifest writes them; `read_boxes` reads them back.

    Examples:
        >>> write_boxes([Box(edges=(-0.5, 0.5, 7.5, 9.5), name="dog", ignored=True)])
        '-0.5 0.5 7.5 9.5 ?dog'
    """
    return BETWEEN.join(
        " ".join([*(f"{edge:.6g}" for edge in box.edges), IGNORED * box.ignored + box.name]) for box in boxes
    )
