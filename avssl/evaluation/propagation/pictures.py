"""Strips of what was propagated: a line a row, a column a frame."""

from collections.abc import Mapping

import numpy as np
from PIL import Image, ImageDraw
from torch import Tensor

from avssl.evaluation.propagation.clips import Clip
from avssl.evaluation.propagation.colours import Coloured, recoloured
from avssl.evaluation.propagation.rows import Carried
from avssl.report.overlays import color_of, sheet, thumbnail

SHOWN = 6  # frames of a video
TRUTH = "truth"


def shown_frames(frames: int) -> list[int]:
    """Return which frames of a video are drawn, the first and the last among them."""
    return np.unique(np.linspace(0, frames - 1, min(SHOWN, frames)).round().astype(int)).tolist()


def strip(clip: Clip, rows: Mapping[str, Carried], title: str) -> Image.Image:
    """Draw the labels that each row carried to some frames, below the true ones.

    Args:
        clip: the video.
        rows: what each row found of the frames that are shown.
        title: a line over the strip.
    """
    times = shown_frames(len(clip.frames))
    truth = Carried(
        masks=None if clip.masks is None else clip.masks[times],
        points=None if clip.points is None else clip.points[times],
    )
    images = clip.frames[times].permute(0, 2, 3, 1).numpy()
    return sheet({name: painted(images, one) for name, one in {TRUTH: truth, **rows}.items()}, title)


def painted(images: np.ndarray, labels: Carried) -> list[np.ndarray]:
    """Return frames with masks and points over them.

    Args:
        images: uint8 ``(frames, H, W, 3)``.
        labels: of these frames.
    """
    found = []
    for number, image in enumerate(images):
        shown = image.astype(np.float32)
        if labels.masks is not None:
            mask = labels.masks[number]
            for one in np.unique(mask[(mask > 0) & (mask < 255)]).tolist():
                shown[mask == one] = 0.4 * shown[mask == one] + 0.6 * np.array(color_of(one, 256), np.float32)
        small = thumbnail(shown.round().astype(np.uint8))
        if labels.points is not None:
            small = dotted(small, (labels.points[number] + 0.5) * (small.shape[1] / image.shape[1]))
        found.append(small)
    return found


def dotted(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return a picture with a dot at each point that is not lost, (x, y) from its upper left corner."""
    picture = Image.fromarray(image)
    pen = ImageDraw.Draw(picture)
    for number, (x, y) in enumerate(points):
        if np.isfinite((x, y)).all():
            pen.ellipse((x - 3, y - 3, x + 3, y + 3), fill=color_of(number + 1, 256), outline="white")
    return np.asarray(picture)


def coloured_strip(frames: Tensor, rows: Mapping[str, Coloured], title: str) -> Image.Image:
    """Draw some frames in their own colours, and in those that each row carried.

    Args:
        frames: uint8 ``(frames, 3, H, W)``.
        rows: what each row carried.
        title: a line over the strip.
    """
    times = shown_frames(len(frames))
    own = frames[times]
    lines = {TRUTH: own} | {row: recoloured(own, (colours[times], grid)) for row, (colours, grid) in rows.items()}
    return sheet({row: [thumbnail(one) for one in of.permute(0, 2, 3, 1).numpy()] for row, of in lines.items()}, title)
