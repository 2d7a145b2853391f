"""The scan: list a recording's packets once, decide what can be trusted, and keep the result on disk."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np

from avssl.media.base import NO_TIME, Deadline, Index, SoundInfo
from avssl.media.errors import ReadError, ScanError
from avssl.media.scan_cache import fetch, store
from avssl.media.source import Origin
from avssl.media.walk import TIMED, Walk, reading, walk


def scan(origin: Origin, stream: str | int = "best", deadline: Deadline | None = None) -> Index:
    """Return the index of a recording, from the cache if it was scanned before.

    Args:
        origin: the recording; from now on it is held to what it is now.
        stream: ``"best"``, or the number of a stream in the container.
        deadline: when to give up.

    Raises:
        DecodeTimeout: if the deadline has passed.
        OpenError: if it is not a video.
        ReadError: if its bytes do not come, or change meanwhile.
        ScanError: if it holds no frame.
    """
    with reading(origin):
        origin.pin()
        name = origin.fingerprint()
        known = None if name is None else fetch(name, stream)
        if known is not None:
            return known
        index = scan_now(origin, stream, deadline)
        origin.check()
        if name is not None and origin.fingerprint() != name:  # folders have no other check
            raise ReadError("it changed while it was scanned; wait until it is written", source=origin.name)
    if name is not None:
        store(name, stream, index)
    return index


def remember(origin: Origin, stream: str | int, index: Index) -> None:
    """Keep an index on disk, in place of an earlier one of the same recording."""
    with reading(origin):
        name = origin.fingerprint()
        origin.check()  # the name is that of the file which was scanned
    if name is not None:
        store(name, stream, index)


def scan_now(
    origin: Origin, stream: str | int = "best", deadline: Deadline | None = None, *, count: bool = False
) -> Index:
    """Scan without looking at the cache.

    Args:
        origin: the recording.
        stream: as for `scan`.
        deadline: as for `scan`.
        count: decode the whole recording to learn its frames, whatever the container promises; for recordings whose
            packets turned out to lie.
    """
    if origin.pictures():
        from avssl.media.pictures import scan_pictures

        return scan_pictures(origin, deadline)
    found = walk(origin, stream, deadline, count=count or None)
    reason = "its presentation times turned out wrong" if count else _distrust(found)
    if reason and not found.complete:
        found = walk(origin, stream, deadline, count=True)
    return _by_order(found, reason, origin) if reason else _by_time(found, origin)


def _distrust(found: Walk) -> str:
    """Return why presentation times cannot be trusted, or an empty string."""
    if not TIMED & set(found.container.split(",")):
        return f"{found.container} holds no presentation times"
    if any(row.marks.packed for row in found.rows):
        return "packets hold several pictures"
    shown = [row for row in found.rows if not (row.discard or row.marks.hidden)]
    times = [row.pts for row in shown]
    if None in times:
        return "some frames have no presentation time"
    if len(set(times)) < len(times):
        return "some frames share a presentation time"
    decoding = [row.dts for row in found.rows if row.dts is not None]
    if any(later < sooner for sooner, later in pairwise(decoding)):
        return "decoding times run backwards"
    return ""


def _by_time(found: Walk, origin: Origin) -> Index:
    """Return the index of a recording whose presentation times are trusted."""
    missing = found.undecodable()
    shown = [
        place for place, row in enumerate(found.rows) if not (row.discard or row.marks.hidden) and place not in missing
    ]
    notes = [f"{len(missing)} frames before the first key frame cannot be decoded"] if missing else []
    if not shown:
        raise ScanError("no packet of the video stream is shown", source=origin.name)
    if leaning := found.leaning():
        notes.append(f"{leaning} key frames lean on pictures before them, so decoding starts elsewhere")
    pts = np.array([found.rows[place].pts for place in shown], np.int64)
    order = np.argsort(pts, kind="stable")
    pts, packet = pts[order], np.array(shown, np.int32)[order]
    marks = np.array([NO_TIME if row.pts is None else row.pts for row in found.rows], np.int64)
    keys = [place for place in found.fresh() if marks[place] != NO_TIME]
    key_frames = np.searchsorted(pts, marks[keys]) if keys else np.empty(0)
    return _index(found, "pts", pts, packet, keys, key_frames, marks, notes)


def _by_order(found: Walk, reason: str, origin: Origin) -> Index:
    """Return the index of a recording whose frames were counted by decoding it."""
    if not found.shown:
        raise ScanError("no frame of the video stream can be decoded", source=origin.name)
    notes = [f"frames were counted by decoding: {reason}"]
    if found.refused:
        notes.append(f"the decoder calls {len(found.refused)} packets damaged")
    rows = found.counted()
    packed = any(row.marks.packed for row in found.rows)
    known = not packed and None not in rows and len(set(rows)) == len(rows)
    if not known:
        rows = found.shown
        notes.append("the decoder does not tell which packet a frame came from: every read starts at the beginning")
    place_of = {row: place for place, row in enumerate(rows)} if known else {}
    keys = [key for key in found.fresh() if key in place_of]
    key_frames = [place_of[key] for key in keys]
    pts = _times_by_order(found, rows if known else [None] * len(rows))
    packet = np.array(rows if known else [], np.int32)
    return _index(found, "ordinal", pts, packet, keys, np.array(key_frames), np.empty(0), notes)


def _times_by_order(found: Walk, rows: list) -> np.ndarray:
    """Return presentation times for frames in decoded order: the container's where they rise, else evenly spaced."""
    if None not in rows:
        times = [found.rows[row].pts for row in rows]
        if None not in times and all(sooner < later for sooner, later in pairwise(times)):
            return np.array(times, np.int64)
        # decoding times are the slots of display, shifted by the decoder's delay, when every packet is one frame
        slots = sorted(row.dts for row in found.rows if row.dts is not None)
        if len(slots) == len(rows) == len(found.rows) == len(set(slots)):
            return np.array(slots, np.int64)
    base, step = found.time_base, 1 / (found.rate * found.time_base) if found.rate else Fraction(1)
    if found.rate and step < 1:  # the container's clock is too coarse to tell frames apart
        found.time_base, step = 1 / found.rate, Fraction(1)
    first = round((_first_time(found) or 0) * base / found.time_base)
    return np.array([first + round(place * step) for place in range(len(rows))], np.int64)


def _first_time(found: Walk) -> int | None:
    """Return when the first frame is shown, for sound to go by; by its decoding time where that alone is stored."""
    row = found.rows[found.shown[0] or 0]
    return row.dts if row.pts is None else row.pts


def _index(found: Walk, mode, pts, packet, keys, key_frames, marks, notes) -> Index:
    key_rows, key_frames = _rising(np.array(keys, np.int32), np.asarray(key_frames, np.int32))
    furthest = np.maximum.accumulate(packet) if len(packet) else packet
    before = key_frames > 0
    reordered = bool(len(packet) and (furthest[key_frames[before] - 1] > key_rows[before]).any())
    durations = _durations(found, pts, packet)
    start = float(int(pts[0]) * found.time_base)
    duration = float(int(pts[-1] + durations[-1] - pts[0]) * found.time_base)
    even = len(pts) < 3 or bool(np.abs(pts - np.linspace(pts[0], pts[-1], len(pts))).max() <= 1)
    info = replace(
        found.info,
        frames=len(pts),
        start=start,
        duration=duration,
        constant_rate=even,
        mode=mode,
        sound=_sound(found, start),
    )
    top = max((row.marks.layer for row in found.rows), default=0)
    if info.color_transfer in ("smpte2084", "arib-std-b67"):
        notes = [*notes, f"high dynamic range ({info.color_transfer}) is converted without tone mapping"]
    offsets = [row.offset for row in found.rows]
    return Index(
        mode=mode,
        pts=pts,
        durations=durations,
        packet=packet,
        keys=key_rows,
        key_frames=key_frames,
        droppable=np.array([row.marks.droppable and row.marks.layer == top for row in found.rows], bool),
        marks=np.asarray(marks, np.int64),
        seeks=np.array([_seek_time(found, key) for key in key_rows], np.int64),
        offsets=np.array([] if None in offsets else offsets, np.int64),
        strict=all(found.rows[key].marks.closed for key in key_rows),
        sizes=np.array([row.size for row in found.rows], np.int32),
        damaged=len(found.refused) if found.complete else 0,
        sound_restarts=found.sound_restarts,
        discarded=sum(row.discard or row.marks.hidden for row in found.rows),
        reordered=reordered,
        time_base=found.time_base,
        coding=found.coding,
        info=info,
        notes=(
            *found.notes,
            *notes,
            *(
                ["a clock starts again, as where files are joined: nothing is heard from there on"]
                * found.sound_restarts
            ),
        ),
    )


def _seek_time(found: Walk, key: int) -> int:
    """Return the time to seek to for a key packet: MP4 looks for what is shown, the others for what is decoded."""
    row = found.rows[key]
    times = [time for time in (row.pts, row.dts) if time is not None]
    if row.pts is not None and "mov" in found.container:
        return row.pts
    return min(times, default=0)


def _rising(rows: np.ndarray, frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Drop key packets that serve no frame later than those before them do, so that both tables rise."""
    if not len(rows):
        return rows, frames
    good = frames >= np.maximum.accumulate(frames)
    return rows[good], frames[good]


def _durations(found: Walk, pts: np.ndarray, packet: np.ndarray) -> np.ndarray:
    steps = np.diff(pts)
    last = found.rows[packet[-1]].duration if len(packet) else 0
    if not last or last <= 0:
        last = int(np.median(steps)) if len(steps) else round(1 / (found.rate * found.time_base)) if found.rate else 1
    return np.append(steps, max(last, 1)).astype(np.int64)


def _sound(found: Walk, start: float) -> SoundInfo | None:
    """Return the sound's span on the video's clock; None if there is no packet of sound."""
    if found.sound is None or found.sound_span is None:
        return None
    low, high = found.sound_span
    return replace(found.sound, start=float(low) - start, end=float(high) - start)
