"""Picture files by Pillow: opened as one of the kinds meant, turned as their EXIF says, in RGB of 8 bits."""

import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from avssl.media.errors import MediaError, OpenError
from avssl.media.source import Origin

# Those that Pillow decodes itself, as far as it has them; its others start programs (EPS), or hold no pixels
FORMATS = ("AVIF", "BMP", "GIF", "HEIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
BLACK = (0, 0, 0)  # behind what is transparent, where nobody says otherwise
Ground = tuple[int, int, int]
ORIENTATION, WIDTH, HEIGHT, BITS, PHOTOMETRIC = 0x0112, 256, 257, 258, 262  # tags of EXIF and TIFF
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@contextmanager
def opened(origin: Origin) -> Iterator[Image.Image]:
    """Open one picture or animation and close it whatever happens; a file of the caller's stays open.

    Raises:
        OpenError: if it is no picture of a kind in `FORMATS`.
    """
    with open_picture(origin.open(), origin.name, lent=origin.lent) as image:
        yield image


@contextmanager
def open_picture(source: Any, name: str, lent: bool = False) -> Iterator[Image.Image]:
    """Open a picture as one of the kinds in `FORMATS`, and close its file.

    Args:
        source: a path, or a binary file.
        name: of the picture, for errors.
        lent: leave the file open.

    Raises:
        OpenError: if it is not there, or no picture of such a kind.
    """
    with ExitStack() as stack:
        with named_errors(name, OpenError):
            file = source
            if isinstance(source, str | Path):
                file = stack.enter_context(open(source, "rb"))
            elif not lent:
                stack.callback(source.close)
            with warnings.catch_warnings(action="ignore"):  # of a size that is well read, of odd EXIF
                image = Image.open(file, formats=_formats())
        yield image


def _formats() -> list[str]:
    """Return the kinds of pictures that this Pillow, or what was added to it, has among those meant."""
    if not set(FORMATS[:-1]) <= set(Image.OPEN):
        Image.init()
    return [each for each in FORMATS if each in Image.OPEN]


@contextmanager
def named_errors(name: str, kind: type[MediaError], position: float | None = None) -> Iterator[None]:
    """Turn whatever Pillow raises into one clear error that names the file."""
    try:
        yield
    except MediaError:
        raise
    except Exception as error:  # its plugins raise OSError, SyntaxError, ValueError, struct.error, ...
        if isinstance(error, Image.UnidentifiedImageError):
            reason = f"not a picture of a kind that is read here ({', '.join(_formats())}), or damaged at its start"
        elif isinstance(error, Image.DecompressionBombError):
            reason = f"it is larger than Pillow takes for honest; make it smaller first ({error})"
        else:
            reason = (getattr(error, "strerror", None) or str(error)) or type(error).__name__
        raise kind(
            f"the picture cannot be read: {' '.join(reason.split())}",
            source=name,
            backend="pictures",
            position=position,
        ) from error


def displayed_size(image: Any) -> tuple[int, int]:
    """Return height and width as displayed, from the header."""
    width, height = image.size
    if image.format == "TIFF":  # of these Pillow itself may have exchanged the sides, by its version
        width, height = image.tag_v2[WIDTH], image.tag_v2[HEIGHT]
    # Pillow would decode a whole PNG to look for EXIF behind its pixels
    turn = 1 if image.format == "PNG" and not _has_exif(image) else orientation(image)
    return (width, height) if turn >= 5 else (height, width)  # from 5 on rows and columns change places


def orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8; 1, as stored, where there is none, or none that anybody knows."""
    try:
        with warnings.catch_warnings(action="ignore"):
            value = image.getexif().get(ORIENTATION, 1)
    except Exception:  # broken EXIF; what Pillow raises for it has no common name
        return 1
    return next((turn for turn in TURNS if value == turn), 1)


def _has_exif(image: Any) -> bool:
    """Tell whether a PNG may have EXIF or XMP, before its pixels or behind them."""
    if {"exif", "Raw profile type exif", "XML:com.adobe.xmp"} & set(image.info):
        return True
    back, place = image.fp.tell(), len(b"\x89PNG\r\n\x1a\n")
    try:
        while True:
            image.fp.seek(place)
            head = image.fp.read(8)
            if len(head) < 8 or head[4:] == b"IEND":
                return False
            if head[4:] in (b"eXIf", b"tEXt", b"zTXt", b"iTXt"):
                return True
            place += 12 + int.from_bytes(head[:4], "big")
    finally:
        image.fp.seek(back)


def rgb(image: Image.Image, ground: Ground = BLACK) -> np.ndarray:
    """Return a picture of any mode as it is meant to be seen before ``ground``, uint8 RGB ``(height, width, 3)``."""
    white = _white(image)
    image.load()  # which turns a TIFF, and finds EXIF behind the pixels of a PNG
    turn = TURNS.get(orientation(image)) if image.format != "TIFF" else None
    if turn is not None:
        image = image.transpose(turn)
    if image.mode.startswith("I"):
        return _deep(image, white, ground)
    if image.mode == "F":
        raise ValueError("floating point grey values have no known white; save it with 8 or 16 bits")
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, (*ground, 255)), image)
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))


def _white(image: Any) -> int:
    """Return which number is white in grey of more than 8 bits, by the tags of a TIFF; negative where 0 is white."""
    if image.format != "TIFF":
        return 65535
    most = 4095 if image.tag_v2.get(BITS) == (12,) else 65535
    return -most if image.tag_v2.get(PHOTOMETRIC) == 0 else most


def _deep(image: Image.Image, white: int, ground: Ground) -> np.ndarray:
    """Return grey of more than 8 bits as uint8 RGB ``(height, width, 3)``."""
    deep, most = np.asarray(image).astype(np.int64), abs(white)
    if deep.min() < 0 or deep.max() > most:
        raise ValueError(f"grey values from {deep.min()} to {deep.max()}; save it with 8 or 16 bits")
    grey = ((deep * 255 + most // 2) // most).astype(np.uint8)
    pixels = (255 - grey if white < 0 else grey)[..., None].repeat(3, axis=2)
    clear = image.info.get("transparency")
    if isinstance(clear, int):
        pixels[deep == clear] = ground
    return pixels
