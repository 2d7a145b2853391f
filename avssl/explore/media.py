"""What rows of features are of, and how a browser is given it: film, sound or picture from its file, or drawn."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from avssl.data.recordings import ENDINGS, PICTURES, SOUNDS
from avssl.features.extraction import Rows
from avssl.media import open_video
from avssl.media.pictures import read_picture

TYPES = {  # what browsers play or show, by the ending of the file
    ".m4v": "video/mp4",
    ".mkv": "video/x-matroska",
    ".mov": "video/mp4",
    ".mp4": "video/mp4",
    ".webm": "video/webm",
    ".aac": "audio/aac",
    ".flac": "audio/flac",
    ".m4a": "audio/mp4",
    ".mp3": "audio/mpeg",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".wav": "audio/wav",
    ".bmp": "image/bmp",
    ".gif": "image/gif",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
}
KINDS: dict[str, "Kind"] = {"video": "film", "audio": "sound", "image": "picture"}

Kind = Literal["film", "sound", "picture", "drawn", "nothing"]


@dataclass(frozen=True, kw_only=True)
class Medium:
    """What a row is of.

    Args:
        kind: ``"film"`` and ``"sound"`` are played and ``"picture"`` is shown, from the file; ``"drawn"`` is a picture
            that this machine makes, of a frame or of an item in no file of its own; ``"nothing"`` can be had.
        path: the file.
        start: of the part that the row is of, in seconds.
        end: likewise.
        item: its place in the data set.
    """

    kind: Kind
    path: Path
    start: float
    end: float
    item: int


Draw = Callable[[Medium], np.ndarray]  # a picture of it, uint8 (3, H, W)


def media_of(rows: Rows, drawable: bool) -> list[Medium]:
    """Return what each row is of.

    Args:
        rows: of features.
        drawable: the data set is at hand, so that an item in no file of its own can be drawn.
    """
    there = {path: Path(path).is_file() for path in set(rows.path.tolist())}
    found = []
    for path, start, end, item in zip(rows.path.tolist(), rows.start, rows.end, rows.item, strict=True):
        kind = kind_of(Path(path), bool(end > start)) if there[path] else "drawn" if drawable else "nothing"
        found.append(Medium(kind=kind, path=Path(path), start=float(start), end=float(end), item=int(item)))
    return found


def kind_of(path: Path, lasts: bool) -> Kind:
    """Return how a browser is given a file of which a row is, or a moment of it.

    Examples:
        >>> kind_of(Path("a.mp4"), lasts=True), kind_of(Path("a.mp4"), lasts=False), kind_of(Path("a.avi"), lasts=True)
        ('film', 'drawn', 'drawn')
    """
    ending = path.suffix.lower()
    kind = KINDS.get(TYPES.get(ending, "").partition("/")[0], "nothing")
    if kind == "nothing" or (kind == "film" and not lasts):
        return "drawn" if ending in ENDINGS | PICTURES else "nothing"
    return kind


def picture_of(medium: Medium, draw: Draw | None = None) -> bytes | None:
    """Return a picture of a row as PNG: the middle frame of its part, or what the data set holds; None of a sound.

    Raises:
        MediaError: if the file cannot be read.
        DataError: if the item cannot.
    """
    if medium.kind == "nothing":
        return None
    if not medium.path.is_file():
        return None if draw is None else png(draw(medium))
    return None if medium.path.suffix.lower() in SOUNDS else png(frame_of(medium))


def frame_of(medium: Medium) -> np.ndarray:
    """Return a picture, or the frame in the middle of a row's part, uint8 ``(3, H, W)``."""
    if medium.path.suffix.lower() not in ENDINGS:
        return read_picture(medium.path).transpose(2, 0, 1)
    with open_video(medium.path) as video:
        middle = (medium.start + medium.end) / 2
        index = np.searchsorted(video.timeline.times, middle + 1e-6, side="right").clip(1) - 1
        return video.frames(np.array([index])).data[0].numpy()


def png(picture: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture.transpose(1, 2, 0))).save(stream, "png")
    return stream.getvalue()
