"""Rows of small pictures: frames of clips, tiles, views, spectrograms."""

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from PIL import Image

from avssl.report.overlays import thumbnail

HIGH, WIDEST, GAP = 72, 216, 4  # pixels: height and greatest width of a picture, and what is between two


def strip_picture(rows: Sequence[Sequence[np.ndarray]]) -> Image.Image:
    """Draw rows of pictures on white, all of one height unless one would be too wide.

    Args:
        rows: pictures, uint8 ``(H, W, 3)``; rows may differ in number.
    """
    small = [[thumbnail(picture, longer_side(picture)) for picture in row] for row in rows]
    heights = [max(picture.shape[0] for picture in row) for row in small]
    widths = [sum(picture.shape[1] + GAP for picture in row) - GAP for row in small]
    drawn = Image.new("RGB", (max(widths), sum(heights) + GAP * (len(rows) - 1)), "white")
    top = 0
    for row, height in zip(small, heights, strict=True):
        left = 0
        for picture in row:
            drawn.paste(Image.fromarray(picture), (left, top))
            left += picture.shape[1] + GAP
        top += height + GAP
    return drawn


def longer_side(picture: np.ndarray) -> int:
    """Return how many pixels the longer side of a picture has in a strip.

    Examples:
        >>> [longer_side(np.zeros((high, wide, 3))) for high, wide in [(32, 32), (40, 20), (72, 128), (64, 998)]]
        [72, 72, 128, 216]
    """
    height, width = picture.shape[:2]
    return min(WIDEST, round(HIGH * max(1.0, width / height)))


def spectrogram_colors(logs: np.ndarray, low: float | None = None, high: float | None = None) -> np.ndarray:
    """Return a spectrogram ``(bands, windows)`` in colours, uint8 ``(bands, windows, 3)``, low notes below.

    Args:
        logs: logarithms of power.
        low: what is darkest; None for the least.
        high: what is brightest; None for the greatest.

    Examples:
        >>> spectrogram_colors(np.array([[0.0, 1.0]])).tolist()
        [[[0, 0, 3], [251, 252, 191]]]
    """
    least, most = float(logs.min()) if low is None else low, float(logs.max()) if high is None else high
    scaled = (logs[::-1] - least) / max(most - least, 1e-6)
    return (colormaps["magma"](scaled)[..., :3] * 255).astype(np.uint8)
