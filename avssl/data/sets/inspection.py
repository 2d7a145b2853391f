"""Open or decode one file of a data set, and say what is wrong with it."""

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from avssl.data.known_bad import may_pass
from avssl.data.sets.base import Kind, Media
from avssl.media import MediaError, Sound, open_sound, open_video
from avssl.media.pictures import opened, read_picture
from avssl.media.source import Origin

Depth = Literal["none", "exists", "open", "decode"]
SIZE = (32, 32)  # pixels that decoded frames are kept at: what counts is that they can be had
FRAMES = 4096  # decoded by one call, 12 MB at that size
SECONDS = 10.0  # of sound decoded by one call
PATIENCE = 600.0  # seconds that one call may take


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What was found out about a file.

    Args:
        kind: ``"missing"``, ``"undecodable"``, or None where nothing is wrong.
        about: what is wrong.
        frames: how many it has; None if that was not asked, or it has none.
        seconds: how long it lasts; None likewise.
        sound: whether a video has a sound track; None of others.
        level: of its loudest second of sound, in dB of full scale, ``-inf`` for digital silence; None if unheard.
        lasts: whether the same bytes will be found wrong again: not where a drive or a right was missing.
    """

    kind: Kind | None = None
    about: str = ""
    frames: int | None = None
    seconds: float | None = None
    sound: bool | None = None
    level: float | None = None
    lasts: bool = True


def inspect(path: Path, media: Media, depth: Depth) -> Verdict:
    """Return the verdict on a file, or on a folder of pictures; it never raises.

    Args:
        path: the file.
        media: what it is.
        depth: ``"exists"``: it is there and not empty; ``"open"``: its header is right and its first frame decodes
            (of a picture, the header alone); ``"decode"``: all of it decodes, the sound of a video too.
    """
    try:
        if not path.exists():
            return Verdict(kind="missing", about="is not there")
        if path.is_file() and not path.stat().st_size:
            return Verdict(kind="undecodable", about="an empty file")
        return LOOKS[media](path, depth == "decode") if depth in ("open", "decode") else Verdict()
    except (MediaError, OSError) as error:
        about = error.message if isinstance(error, MediaError) else str(error)
        return Verdict(kind="undecodable", about=" ".join(about.split()), lasts=not may_pass(error))
    except Exception as error:  # one odd file of thousands must not end the run; what it was is told
        return Verdict(kind="undecodable", about=f"{type(error).__name__}: {' '.join(str(error).split())}", lasts=False)


def _look_at_video(path: Path, whole: bool) -> Verdict:
    with open_video(path, size=SIZE, timeout=PATIENCE) as video:
        count, info = len(video), video.info
        for start in range(0, count if whole else 1, FRAMES):
            video.frames(np.arange(start, min(start + FRAMES, count if whole else 1)))
        level = None
        if whole and info.sound is not None:
            level = _listen(video.sound, info.sound.start, info.sound.end, info.sound.rate)
        return Verdict(frames=count, seconds=video.timeline.end, sound=info.sound is not None, level=level)


def _look_at_picture(path: Path, whole: bool) -> Verdict:
    if whole:
        read_picture(path)
    else:
        with opened(Origin(path)):
            pass
    return Verdict()


def _look_at_sound(path: Path, whole: bool) -> Verdict:
    with open_sound(path, timeout=PATIENCE) as sound:
        info = sound.info
        level = _listen(sound.sound, info.start, info.end if whole else min(info.end, info.start + 0.1), info.rate)
        return Verdict(seconds=info.end - info.start, level=level if whole else None)


def _listen(sound: Callable[..., Sound], start: float, end: float, rate: int) -> float:
    """Decode sound from ``start`` to ``end``, both in seconds, and return the level of its loudest second in dB."""
    power = 0.0
    for first in np.arange(start, end, SECONDS):
        last = min(first + SECONDS, end)
        if (last - first) * rate >= 1:
            samples = sound(np.array([[first, last]]), rate, None).data[0].double().square().mean(0).numpy()
            power = max(power, *(float(second.mean()) for second in np.split(samples, range(rate, len(samples), rate))))
    return 10 * math.log10(power) if power > 0 else -math.inf


LOOKS: dict[Media, Callable[[Path, bool], Verdict]] = {
    "video": _look_at_video,
    "frames": _look_at_video,
    "picture": _look_at_picture,
    "sound": _look_at_sound,
}


def state_of(path: Path) -> str:
    """Return what tells that a file, or a folder's files, are still the same: number, size and time of writing."""
    try:
        files = [entry.stat() for entry in os.scandir(path)] if path.is_dir() else [path.stat()]
    except OSError:
        return "cannot be seen"
    return f"{len(files)} {sum(file.st_size for file in files)} {max((file.st_mtime_ns for file in files), default=0)}"
