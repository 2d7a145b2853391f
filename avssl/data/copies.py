"""Decoded copies of recordings: planned, seen to fit, made once by all cores, and found again."""

import os
import stat
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from avssl.cache import cache_folder
from avssl.config import ConfigError
from avssl.data.recordings import Recording
from avssl.data.room import GIGABYTE, SHARE, free_disk, free_memory
from avssl.data.store import Row, Store, Where, in_threads
from avssl.media.scan_cache import libraries
from avssl.media.source import Origin
from avssl.text import EXACT, to_json

EVERY = 256  # copies between two rounds of writing down which are whole
VERSION = 1  # raise it when copies, or what is read of files, change: older ones are then not found
Copy = tuple[np.ndarray, np.ndarray, dict[str, Any]]  # pixels, times of frames, and what else is known


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What the copy of a recording will hold: pixels of a shape, times of frames, and what else a reader must know."""

    shape: tuple[int, ...]
    times: np.ndarray
    about: dict[str, Any]


class Maker(ABC):
    """Decodes recordings for good.

    Attributes:
        recipe: all that alters the pixels, beside the file.
    """

    recipe: dict[str, Any]

    @abstractmethod
    def plan(self, recording: Recording) -> Plan:
        """Return what a copy will hold; little is decoded for it.

        Raises:
            ValueError: if the recording cannot be read.
        """

    @abstractmethod
    def decode(self, recording: Recording, plan: Plan) -> Iterator[np.ndarray]:
        """Yield the pixels in pieces, one behind the other.

        Raises:
            ValueError: if they cannot be decoded.
        """


class Copies:
    """The copies of a data set's recordings.

    Args:
        where: ``"memory"`` or ``"file"``.
        gigabytes: that they may take; None for `SHARE` of what is free.
        recordings: in order.
        maker: decodes them.

    Raises:
        ConfigError: if they do not fit, or find no room.
    """

    def __init__(self, where: Where, gigabytes: float | None, recordings: Sequence[Recording], maker: Maker):
        self.where: Where = where
        self.gigabytes, self.recordings = gigabytes, list(recordings)
        self.stamps = [stamp_of(recording.path) for recording in self.recordings]
        keys = [
            None if stamp is None else key_of(one, stamp) for one, stamp in zip(recordings, self.stamps, strict=True)
        ]
        self.store = Store(folder_of(self.recordings, maker) if where == "file" else None)
        self.store.load()
        try:
            if self._missing(keys):
                with self.store.held():  # another process may have made them by now
                    self._make(self._missing(keys), keys, maker)
        except OSError as error:
            why = error.strerror or str(error)
            raise ConfigError(f"cache={where}: decoded copies cannot be written ({why}); {self._ways()}") from error
        self.rows = [None if key is None else self.store.rows.get(key) for key in keys]

    def of(self, index: int) -> Copy | None:
        """Return pixels, times and what else is known of a recording; None without a copy of the file as it is now."""
        row = self.rows[index]
        if row is None or stamp_of(self.recordings[index].path) != self.stamps[index]:
            return None
        return *self.store.read(row), row.about

    def told(self) -> str:
        """Return in a line what is read from copies."""
        kept = [row for row in self.rows if row is not None]
        size = sum(row.end - row.offset for row in kept) / GIGABYTE
        place = "memory" if self.store.folder is None else str(self.store.folder)
        rest = len(self.rows) - len(kept)
        others = f"; without a whole copy, and read from the file each time: {rest}" if rest else ""
        told = f"{len(kept)} of {len(self.rows)} recordings stay decoded, {size:.2f} GB in {place}"
        return f"cache={self.where}: {told}{others}"

    def _missing(self, keys: Sequence[str | None]) -> list[int]:
        return [place for place, key in enumerate(keys) if key is not None and key not in self.store.rows]

    def _make(self, missing: Sequence[int], keys: Sequence[str | None], maker: Maker) -> None:
        """Plan all that is missing, see whether it fits, and decode it."""

        def plan(place: int) -> Plan | None:
            recording = self.recordings[place]
            try:  # a file that was just written is given a moment, so that a further change shows
                return None if Origin(recording.path).fingerprint() is None else maker.plan(recording)
            except ValueError:
                return None

        plans = list(in_threads(plan, missing, "planning decoded copies"))
        offset, jobs = self.store.end, list[tuple[int, Plan, Row]]()
        for place, made in zip(missing, plans, strict=True):
            if made is None:
                continue
            offset += -offset % 64
            key = keys[place]
            assert key is not None
            row = Row(key=key, offset=offset, shape=made.shape, times=len(made.times), about=made.about)
            jobs.append((place, made, row))
            offset = row.end
        self._check([self.store.rows[key] for key in set(keys) if key in self.store.rows], [row for *_, row in jobs])

        def decode(job: tuple[int, Plan, Row]) -> Row | None:
            place, made, row = job
            at = row.offset
            try:
                for piece in maker.decode(self.recordings[place], made):
                    self.store.write(at, np.ascontiguousarray(piece).reshape(-1).data)
                    at += piece.size
            except ValueError:
                return None
            if at != row.offset + row.pixels or stamp_of(self.recordings[place].path) != self.stamps[place]:
                return None
            self.store.write(at, made.times.tobytes())
            return row

        done: list[Row] = []
        try:
            for row in in_threads(decode, jobs, f"decoding once, for cache={self.where}"):
                done += [] if row is None else [row]
                if len(done) >= EVERY:
                    self.store.keep(done)
                    done = []
        finally:
            self.store.keep(done)

    def _check(self, kept: Sequence[Row], new: Sequence[Row]) -> None:
        """Complain if copies do not fit."""
        added = sum(row.end - row.offset for row in new)
        needed = added + sum(row.end - row.offset for row in kept)
        folder = self.store.folder
        free = SHARE * (free_memory() if folder is None else free_disk(folder))
        room, why = (
            free,
            f"there is room for {free / GIGABYTE:.3g} GB {'in memory' if folder is None else f'in {folder}'}",
        )
        if self.gigabytes is not None:
            room, why = self.gigabytes * GIGABYTE, f"cache_gb={self.gigabytes:g}"
        if (needed if self.gigabytes is not None else added) > room:
            count = len(kept) + len(new)
            told = f"{count} recordings decoded at this size take {needed / GIGABYTE:.3g} GB, and {why}"
            raise ConfigError(f"cache={self.where}: {told}; {self._ways()}")

    def _ways(self) -> str:
        other = "cache=file" if self.where == "memory" else "AVSSL_CACHE on a disk with room"
        larger = ", a larger cache_gb" if self.gigabytes is not None else ""
        return f"set a smaller size, {other}{larger}, or cache=null, which decodes each time"


def stamp_of(path: Path) -> str | None:
    """Return what tells that a file is still the same: size and time of change, of a folder those of its files."""
    try:
        found = path.stat()
    except OSError:
        return None
    if stat.S_ISDIR(found.st_mode):
        return Origin(path).fingerprint()
    return f"{found.st_size}:{found.st_mtime_ns}"


def key_of(recording: Recording, stamp: str) -> str:
    """Return the name of a recording's copy: of the file as it is, and the part of it."""
    known = f"{recording.path.absolute()}\0{stamp}\0{recording.start}\0{recording.end}"
    return blake2b(known.encode(errors=EXACT), digest_size=16).hexdigest()


def folder_of(recordings: Sequence[Recording], maker: Maker) -> Path:
    """Return the folder of a recipe's copies, named after the folder that all recordings share."""
    shared = os.path.commonpath([recording.path.absolute().parent for recording in recordings])
    known = to_json([shared, maker.recipe, libraries(), VERSION])
    digest = blake2b(known.encode(), digest_size=8).hexdigest()
    return cache_folder("decoded", f"{Path(shared).name or 'root'}-{digest}")
