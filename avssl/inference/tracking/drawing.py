"""Objects and points drawn over frames."""

import numpy as np
from PIL import Image, ImageDraw

from avssl.report.overlays import color_of

LABELS = 256  # colours are those of as many classes, so that an object keeps its own


def marked(image: np.ndarray, mask: np.ndarray, points: np.ndarray, objects: int, strength: float) -> np.ndarray:
    """Return a frame with objects in colour and outlined, and a dot at each point that is not lost.

    Args:
        image: uint8 ``(H, W, 3)``.
        mask: numbers of objects, ``(H, W)``.
        points: (x, y) in pixels, NaN where lost, ``(points, 2)``.
        objects: how many there are; colours of points follow theirs.
        strength: share of colour over an object.
    """
    shown = image.astype(np.float32)
    edge = outlines(mask)
    for number in np.unique(mask[mask > 0]).tolist():
        color = np.array(color_of(number, LABELS), np.float32)
        inside = mask == number
        shown[inside] += strength * (color - shown[inside])
        shown[inside & edge] = color
    picture = Image.fromarray(shown.round().astype(np.uint8))
    pen, radius = ImageDraw.Draw(picture), max(2.0, min(image.shape[:2]) / 90)
    for number, (x, y) in enumerate(points.tolist(), objects + 1):
        if np.isfinite((x, y)).all():
            pen.ellipse(
                (x - radius, y - radius, x + radius, y + radius), fill=color_of(number, LABELS), outline="white"
            )
    return np.asarray(picture)


def outlines(mask: np.ndarray) -> np.ndarray:
    """Return the pixels of objects that have a neighbour of another, bool ``(H, W)``."""
    wide = np.pad(mask, 1, mode="edge")
    around = (wide[:-2, 1:-1], wide[2:, 1:-1], wide[1:-1, :-2], wide[1:-1, 2:])
    return (mask > 0) & np.any([one != mask for one in around], axis=0)
