"""Pictures of dense results: masks, normals and boxes as colours beside the truth."""

import colorsys
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from avssl.text import printable

SIDE, GAP, HEAD, NAME = 192, 6, 28, 110  # pixels: a picture, between two, the title, the name of a line
BACKGROUND, NOBODY = (40, 40, 40), (255, 255, 255)


def sheet(lines: Mapping[str, Sequence[np.ndarray]], title: str) -> Image.Image:
    """Draw lines of pictures, each at its own size; what should keep its lines sharp comes `thumbnail`-sized.

    Args:
        lines: from a name to pictures, uint8 ``(H, W, 3)``, as many in each line; names that are too long are cut.
        title: a line over the sheet.
    """
    across = max(map(len, lines.values()))
    step = SIDE + GAP
    whole = Image.new("RGB", (NAME + across * step, HEAD + len(lines) * step), "white")
    pen, font = ImageDraw.Draw(whole), ImageFont.load_default(14)
    pen.text((8, 6), printable(title), fill="black", font=font)
    for row, (name, images) in enumerate(lines.items()):
        pen.text((8, HEAD + row * step + SIDE // 2 - 8), cut(printable(name), font, NAME - 12), fill="black", font=font)
        for column, image in enumerate(images):
            small = Image.fromarray(thumbnail(image))
            left, top = NAME + column * step, HEAD + row * step
            whole.paste(small, (left + (SIDE - small.width) // 2, top + (SIDE - small.height) // 2))
    return whole


def cut(name: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """Return a name, or as much of it as fits into a width in pixels, and dots.

    Examples:
        >>> font = ImageFont.load_default(14)
        >>> cut("lion", font, 98), cut("rainbow-lorikeet", font, 98)[:8]
        ('lion', 'rainbow-')
    """
    if font.getlength(name) <= width:
        return name
    while name and font.getlength(f"{name}...") > width:
        name = name[:-1]
    return f"{name}..."


def thumbnail(picture: np.ndarray, side: int = SIDE) -> np.ndarray:
    """Return a picture whose longer side is ``side`` pixels; small ones keep their pixels hard."""
    height, width = picture.shape[:2]
    scale = side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    how = Image.Resampling.NEAREST if scale >= 1 else Image.Resampling.BOX
    return picture if scale == 1 else np.asarray(Image.fromarray(picture).resize(size, how))


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
    """Return a thumbnail of a picture with boxes and their names drawn over it.

    Args:
        image: uint8 ``(H, W, 3)``.
        boxes: edges, 0 at the first pixel's centre, ``(boxes, 4)``.
        kinds: class of each.
        names: of the classes.
        scores: how sure each is; None for the truth.
    """
    small = thumbnail(image)
    scale = np.tile(np.divide(small.shape[1::-1], image.shape[1::-1]), 2)
    picture = Image.fromarray(small)
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(9)
    for number, (box, kind) in enumerate(zip((boxes + 0.5) * scale, kinds, strict=True)):
        color = color_of(kind + 1, len(names) + 1)
        pen.rectangle(box.tolist(), outline=color, width=2)
        text = names[kind] if scores is None else f"{names[kind]} {scores[number]:.2f}"
        pen.text((box[0] + 3, box[1] + 2), printable(text), fill=color, font=font)
    return np.asarray(picture)
