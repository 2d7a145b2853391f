"""Pictures of dense results: masks, normals and boxes as colours beside the truth."""

import colorsys
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw

from avssl.evaluation.drawing import picture_table

SIDE = 144  # pixels of a thumbnail
BACKGROUND, NOBODY = (40, 40, 40), (255, 255, 255)


def sheet(lines: Mapping[str, Sequence[np.ndarray]], title: str) -> Image.Image:
    """Draw lines of pictures of any size, each brought to one square.

    Args:
        lines: from a name to pictures, uint8 ``(H, W, 3)``.
        title: a line over the sheet.
    """
    return picture_table(
        {name: np.stack([squared(one).transpose(2, 0, 1) for one in images]) for name, images in lines.items()}, title
    )


def squared(picture: np.ndarray) -> np.ndarray:
    """Return a picture in the middle of a grey square of `SIDE` pixels, its pixels kept hard."""
    height, width = picture.shape[:2]
    scale = SIDE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = Image.fromarray(picture).resize(size, Image.Resampling.NEAREST)
    whole = Image.new("RGB", (SIDE, SIDE), (128, 128, 128))
    whole.paste(small, ((SIDE - size[0]) // 2, (SIDE - size[1]) // 2))
    return np.asarray(whole)


def color_of(number: int, count: int) -> tuple[int, int, int]:
    """Return a colour for a class; neighbours in number differ clearly, the first one is the background's grey."""
    if number == 0:
        return BACKGROUND
    hue = (number * 0.61803399) % 1  # the golden section never comes near itself
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.55 + 0.35 * (number % 2), 0.75 + 0.25 * (number % 3 == 0))
    return round(255 * red), round(255 * green), round(255 * blue)


def regions(mask: np.ndarray, classes: int, void: int = 255) -> np.ndarray:
    """Return a mask in colours, uint8 ``(H, W, 3)``; void is white."""
    colors = np.array([color_of(number, classes) for number in range(classes)], np.uint8)
    painted = colors[np.minimum(mask, classes - 1)]
    painted[mask == void] = NOBODY
    return painted


def directions(normals: np.ndarray) -> np.ndarray:
    """Return normals ``(3, H, W)`` in colours, uint8 ``(H, W, 3)``: red to the right, green up, blue to the camera.

    White where they are 0, which is where nobody knows them.
    """
    known = (normals != 0).any(0)
    length = np.linalg.norm(normals, axis=0)
    unit = normals / np.where(known, length, 1)
    painted = np.round((unit * np.array([1, -1, -1])[:, None, None] + 1) / 2 * 255).astype(np.uint8).transpose(1, 2, 0)
    painted[~known] = NOBODY
    return painted


def boxed(
    image: np.ndarray, boxes: np.ndarray, kinds: Sequence[int], names: Sequence[str], scores: Sequence[float] | None
) -> np.ndarray:
    """Return a picture with boxes and their names drawn over it, enlarged where it is small.

    Args:
        image: uint8 ``(H, W, 3)``.
        boxes: edges, 0 at the first pixel's centre, ``(boxes, 4)``.
        kinds: class of each.
        names: of the classes.
        scores: how sure each is; None for the truth.
    """
    scale = max(1, round(2 * SIDE / max(image.shape[:2])))
    picture = Image.fromarray(image.repeat(scale, 0).repeat(scale, 1))
    pen = ImageDraw.Draw(picture)
    for number, (box, kind) in enumerate(zip((boxes + 0.5) * scale, kinds, strict=True)):
        color = color_of(kind + 1, len(names) + 1)
        pen.rectangle(box.tolist(), outline=color, width=max(1, scale // 2))
        text = names[kind] if scores is None else f"{names[kind]} {scores[number]:.2f}"
        pen.text((box[0] + 2, box[1] + 1), text, fill=color)
    return np.asarray(picture)
