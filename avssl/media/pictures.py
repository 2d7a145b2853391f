"""Pictures through the same door as video: one picture, a folder of numbered ones, or an animation, by Pillow."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from avssl.files import FileError, names_in
from avssl.media.base import Backend, Deadline, Index, Interval, Report, Size, VideoInfo
from avssl.media.errors import DecodeError, OpenError, ScanError
from avssl.media.picture_files import BLACK, Ground, displayed_size, named_errors, open_picture, opened, rgb
from avssl.media.resize import output_size, resize_area
from avssl.media.source import Origin

RATE = 25  # pictures a second where nobody says otherwise
SUFFIXES = {".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
ANIMATED = {"GIF", "WEBP", "PNG"}
Fit = Literal["stretch", "cover", "contain"]
SHORTEST = 10  # ms; browsers show frames that claim this or less for 100 ms, and animations are made for browsers


def scan_pictures(origin: Origin, deadline: Deadline | None = None) -> Index:
    """Return the index of a picture, of a folder's pictures in natural order, or of an animation's frames.

    Raises:
        OpenError: if the folder holds no picture, or the source is none.
        DecodeTimeout: if the deadline passes.
        ScanError: if the frames of an animation cannot be listed.
    """
    folder = pictures_in(origin)
    if folder:
        looks = [_look(path) for path in folder]
        sizes = [path.stat().st_size for path in folder]
        return _index(origin, looks, sizes, pts=np.arange(len(folder)), end=len(folder), base=Fraction(1, RATE))
    with opened(origin) as image:
        first = _describe(image)
        with named_errors(origin.name, ScanError):  # Pillow seeks through the file to tell
            animated = image.format in ANIMATED and getattr(image, "is_animated", False)
        if animated:
            shown = _milliseconds(image, origin.name, deadline or Deadline(None))
            pts = np.concatenate([[0], np.cumsum(shown)])
            looks, base = [first] * len(shown), Fraction(1, 1000)
            return _index(origin, looks, [0] * len(shown), pts=pts[:-1], end=int(pts[-1]), base=base, one_key=True)
    return _index(origin, [first], [0], pts=np.arange(1), end=1, base=Fraction(1, RATE))


def at_rate(index: Index, rate: float | Fraction, name: str = "") -> Index:
    """Return the index of a folder of pictures shown at ``rate`` pictures a second.

    Raises:
        ValueError: if the source has times of its own.
    """
    if index.info.container != "pictures" or len(index.keys) != len(index):
        raise ValueError(f"{name}: rate is for folders of pictures; videos and animations know their own times")
    if not rate > 0:
        raise ValueError(f"{name}: rate must be above 0 pictures a second; got {rate!r}")
    base = 1 / Fraction(rate).limit_denominator(1001 * 1000)
    return replace(index, time_base=base, info=replace(index.info, duration=float(len(index) * base)))


def natural(name: str) -> list[tuple[bool, int, str]]:
    """Return a sorting key that puts ``frame10`` after ``frame9``.

    Examples:
        >>> sorted(["b10.png", "b9.png", "a.png"], key=natural)
        ['a.png', 'b9.png', 'b10.png']
    """
    parts = re.findall(r"\d+|\D+", name)
    return [(part.isdecimal(), int(part) if part.isdecimal() else 0, part.casefold()) for part in parts]


def pictures_in(origin: Origin) -> list[Path]:
    """Return a folder's pictures in natural order; an empty list if the source is no folder."""
    if origin.path is None or not origin.path.is_dir():
        return []
    try:
        found = [origin.path / name for name in names_in(origin.path, SUFFIXES, depth=0)]
    except FileError as error:
        raise OpenError(str(error), source=origin.name, backend="pictures") from error
    if not found:
        raise OpenError(
            f"the folder holds no pictures; put frames there, named like 0001.png ({', '.join(sorted(SUFFIXES))})",
            source=origin.name,
            backend="pictures",
        )
    return sorted(found, key=lambda path: natural(path.name))


class Pictures(Backend):
    """Decodes with Pillow: orientation applied, CMYK, grey and palettes to RGB, 16 bits to 8, alpha blended on black.

    Colour profiles are not applied, as they are not for video.
    """

    name = "pictures"

    def decode(
        self, plan: Sequence[Interval], slots: Mapping[int, np.ndarray], report: Report, deadline: Deadline
    ) -> None:
        folder = pictures_in(self.origin)
        for interval in plan:
            if folder or len(self.index) == 1:
                for frame in interval.targets:
                    deadline.check()
                    name = str(folder[frame]) if folder else self.origin.name
                    with open_picture(folder[frame], name) if folder else opened(self.origin) as image:
                        report.decoded += 1
                        self._write(image, name, slots[frame])
                    report.filled.add(frame)
            else:
                self._play(interval, slots, report, deadline)

    def close(self) -> None:
        """Nothing is held open between calls."""

    def _play(self, interval: Interval, slots: Mapping[int, np.ndarray], report: Report, deadline: Deadline) -> None:
        """Decode an animation up to the last target; each of its frames changes the one before."""
        last = max(interval.targets)
        with opened(self.origin) as image:
            for frame in range(last + 1):
                deadline.check()
                with named_errors(self.origin.name, DecodeError, self.index.seconds(frame)):
                    image.seek(frame)
                    image.load()
                report.decoded += 1
                if frame in interval.targets:
                    self._write(image, self.origin.name, slots[frame])
                    report.filled.add(frame)

    def _write(self, image: Image.Image, name: str, slot: np.ndarray) -> None:
        with named_errors(name, DecodeError):
            pixels = rgb(image)
        native = (self.index.info.height, self.index.info.width)
        if pixels.shape[:2] != native and slot.shape[:2] == native:
            raise DecodeError(
                f"the picture is {pixels.shape[1]}x{pixels.shape[0]}, the first of the folder {native[1]}x{native[0]} "
                "(width x height): give another size=(height, width) than that to bring all to one",
                source=name,
                backend="pictures",
            )
        resize_area(pixels, slot)


def read_picture(
    path: str | Path, size: Size = None, fit: Fit = "stretch", ground: Ground = BLACK, least: int = 1
) -> np.ndarray:
    """Read one picture file without the machinery of recordings; of an animation, the first frame.

    Args:
        path: the file.
        size: None as it is, the short side, or (height, width), in pixels; resized by area.
        fit: how it comes to (height, width) where its shape is another: ``"stretch"``, ``"cover"`` (its middle fills
            all, the rest is cut off) or ``"contain"`` (all of it, before ``ground``).
        ground: red, green and blue of what lies behind transparent parts and beside a picture that is contained.
        least: pixels that its shorter side must have.

    Returns:
        uint8 RGB ``(height, width, 3)``.

    Raises:
        OpenError: if it is no picture, or not there.
        DecodeError: if its pixels cannot be read, or it is too small.
    """
    name = str(path)
    if not Path(path).is_file():
        raise OpenError("there is no such picture", source=name, backend="pictures")
    with open_picture(path, name) as image, named_errors(name, DecodeError):
        pixels = rgb(image, ground)
    if min(pixels.shape[:2]) < least:
        told = f"the picture is {pixels.shape[1]}x{pixels.shape[0]}, and the shorter side must have {least} px"
        raise DecodeError(told, source=name, backend="pictures")
    slot = np.empty((*output_size(pixels.shape[0], pixels.shape[1], size), 3), np.uint8)
    if fit == "contain" and isinstance(size, tuple | list):
        slot[...] = ground
        resize_area(pixels, shown := np.empty((*_within(pixels, slot), 3), np.uint8))
        _middle(slot, *shown.shape[:2])[...] = shown
    elif fit == "cover" and isinstance(size, tuple | list):
        resize_area(_middle(pixels, *_within(slot, pixels)), slot)
    else:
        resize_area(pixels, slot)
    return slot


def _within(pixels: np.ndarray, limits: np.ndarray) -> tuple[int, int]:
    """Return the largest height and width of the shape of ``pixels`` that fit into ``limits``."""
    (height, width), (most_rows, most_columns) = pixels.shape[:2], limits.shape[:2]
    scale = min(most_rows / height, most_columns / width)
    return max(1, min(most_rows, round(height * scale))), max(1, min(most_columns, round(width * scale)))


def _middle(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return a view of the middle of a picture."""
    top, left = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
    return pixels[top : top + height, left : left + width]


def _look(path: Path) -> tuple[str, str, int, int]:
    with open_picture(path, str(path)) as image:
        return _describe(image)


def _describe(image: Image.Image) -> tuple[str, str, int, int]:
    """Return format, mode, and height and width as displayed, from the header."""
    return (image.format or "").lower(), image.mode, *displayed_size(image)


def _milliseconds(image: Image.Image, name: str, deadline: Deadline) -> np.ndarray:
    """Return how long each frame of an animation is shown, int64 ``(frames,)``."""
    shown: list[int] = []
    with named_errors(name, ScanError):
        for frame in range(getattr(image, "n_frames", 1)):
            deadline.check()
            image.seek(frame)
            image.load()
            shown.append(round(image.info.get("duration", 0)))
    return np.array([each if each > SHORTEST else 100 for each in shown], np.int64)


def _index(
    origin: Origin,
    looks: list[tuple[str, str, int, int]],
    sizes: list[int],
    *,
    pts: np.ndarray,
    end: int,
    base: Fraction,
    one_key: bool = False,
) -> Index:
    count = len(looks)
    kind, mode, height, width = looks[0]
    others = sum(look[2:] != (height, width) for look in looks)
    keys = np.arange(1 if one_key else count, dtype=np.int32)
    durations = np.diff(pts, append=end).astype(np.int64)
    info = VideoInfo(
        stream=0,
        container="pictures",
        codec=kind,
        pixel_format=mode,
        bit_depth=16 if mode.startswith("I") else 8,
        height=height,
        width=width,
        rotation=0,
        flipped=False,
        pixel_aspect=Fraction(1),
        color_matrix="rgb",
        color_range="full",
        color_transfer="unspecified",
        frames=count,
        start=0.0,
        duration=float(end * base),
        constant_rate=bool((durations == durations[0]).all()),
        mode="pts",
        sound=None,
    )
    return Index(
        mode="pts",
        pts=pts.astype(np.int64),
        durations=durations,
        packet=np.arange(count, dtype=np.int32),
        keys=keys,
        key_frames=keys.copy(),
        seeks=pts[keys].astype(np.int64),
        droppable=np.zeros(count, bool),
        marks=pts.astype(np.int64),
        offsets=np.empty(0, np.int64),
        sizes=np.array(sizes, np.int32),
        discarded=0,
        reordered=False,
        strict=False,
        time_base=base,
        coding=None,
        info=info,
        notes=(f"{others} of {count} pictures differ in size from the first: give size=(height, width)",)
        * (others > 0),
    )
