"""Where decoded copies lie: in memory or in a mapped file, which all processes share.

A store is two files: pixels one behind the other, and ``rows.jsonl``, which says what lies where. A row is written when
its pixels are on the disk: what an interruption leaves is whole, and goes on where it stopped. A row is of a file as it
was, by its path, size and time of change; a changed file is another row.
"""

import json
import mmap
import os
import tempfile
import threading
import weakref
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from multiprocessing.reduction import DupFd
from pathlib import Path
from time import sleep
from typing import Any, Literal

import numpy as np
from joblib import cpu_count

from avssl.lock import Lock
from avssl.progress import Bar

Where = Literal["memory", "file"]
PIXELS, ROWS = "pixels", "rows.jsonl"
TOGETHER = 256  # items that are handed to threads at a time
PATIENCE = 0.5  # seconds between looks at whether another process has finished


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """Where the copy of an item lies.

    Args:
        key: names the item, its file as it was, and the part of it.
        offset: of its first byte.
        shape: of its pixels, uint8.
        times: how many float64 follow the pixels.
        about: what else a reader must know.
    """

    key: str
    offset: int
    shape: tuple[int, ...]
    times: int = 0
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def pixels(self) -> int:
        """Bytes of the pixels."""
        return int(np.prod(self.shape))

    @property
    def end(self) -> int:
        """The byte after the last."""
        return self.offset + self.pixels + 8 * self.times


class Store:
    """Bytes that are written once and then mapped, and the rows that say what they are.

    Args:
        folder: where its files lie, shared by all processes; None for memory, which processes that are forked or
            spawned from this one share.
    """

    def __init__(self, folder: Path | None):
        self.folder = folder
        self.rows: dict[str, Row] = {}
        self._map: mmap.mmap | None = None
        self._writing = threading.Lock()
        self._handle: int | None = None
        if folder is None:
            self._own(anonymous())

    @property
    def end(self) -> int:
        """The byte after the last copy."""
        return max((row.end for row in self.rows.values()), default=0)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let no other process write; wait until one that does has finished. The rows are then those of now."""
        if self.folder is None:
            yield
            return
        with closing(self._lock(self.folder)):
            self._handle = os.open(self.folder / PIXELS, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
            try:
                self.load()
                yield
            finally:
                os.close(self._handle)
                self._handle = None

    def _lock(self, folder: Path) -> Lock:
        lock = Lock(folder)
        if lock.holder:
            with Bar(f"waiting for decoded copies, which {lock.holder} makes", None):
                while lock.holder:
                    sleep(PATIENCE)
                    lock = Lock(folder)
        return lock

    def load(self) -> None:
        """Read the rows that are written down, but for those that were cut off, or whose pixels were."""
        if self.folder is None or not (self.folder / ROWS).exists() or not (self.folder / PIXELS).exists():
            return
        held = (self.folder / PIXELS).stat().st_size
        for line in (self.folder / ROWS).read_bytes().splitlines():
            try:
                told = json.loads(line)
                row = Row(**told | {"shape": tuple(told["shape"])})
            except (ValueError, TypeError, KeyError):
                continue
            if row.end <= held:
                self.rows[row.key] = row

    def write(self, offset: int, data: bytes | memoryview) -> None:
        """Write bytes at a place, while the store is held.

        Raises:
            OSError: if there is no room.
        """
        assert self._handle is not None
        left = memoryview(data)
        with self._writing:
            os.lseek(self._handle, offset, os.SEEK_SET)
            while len(left):
                left = left[os.write(self._handle, left) :]

    def keep(self, rows: Sequence[Row]) -> None:
        """Note copies that are written; in a file, when they are on the disk."""
        if self.folder is not None and rows:
            assert self._handle is not None
            os.fsync(self._handle)
            lines = b"".join(json.dumps(asdict(row)).encode() + b"\n" for row in rows)
            path = self.folder / ROWS
            cut = path.exists() and not path.read_bytes().endswith(b"\n")
            with open(path, "ab") as file:
                file.write(b"\n" * cut + lines)
        self.rows |= {row.key: row for row in rows}

    def read(self, row: Row) -> tuple[np.ndarray, np.ndarray]:
        """Return pixels, uint8 of the row's shape, and times, float64, neither of which is to be written to."""
        if self._map is None:
            self._map = mapped(self._handle) if self.folder is None else mapped_file(self.folder / PIXELS)
        pixels = np.frombuffer(self._map, np.uint8, row.pixels, row.offset).reshape(row.shape)
        return pixels, np.frombuffer(self._map[row.offset + row.pixels : row.end], np.float64)

    def _own(self, handle: int) -> None:
        """Keep the handle of memory open as long as this lives."""
        self._handle = handle
        weakref.finalize(self, os.close, handle)

    def __getstate__(self) -> dict[str, Any]:
        """Give another process the rows, and the memory by its handle."""
        handle = None if self._handle is None else DupFd(self._handle)
        return {"folder": self.folder, "rows": self.rows, "handle": handle}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.folder, self.rows = state["folder"], state["rows"]
        self._map, self._writing, self._handle = None, threading.Lock(), None
        if state["handle"] is not None:
            self._own(state["handle"].detach())


def anonymous() -> int:
    """Return the handle of a file in memory alone; not in /dev/shm, which is tiny in containers."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("avssl")
    with tempfile.TemporaryFile() as file:  # where there is no such thing, the system keeps in memory what it can
        return os.dup(file.fileno())


def mapped(handle: int | None) -> mmap.mmap:
    """Return all bytes of an open file, read only."""
    assert handle is not None
    return mmap.mmap(handle, 0, access=mmap.ACCESS_READ)


def mapped_file(path: Path) -> mmap.mmap:
    """Return all bytes of a file, read only."""
    with open(path, "rb") as file:
        return mapped(file.fileno())


def in_threads(work: Any, items: Sequence[Any], what: str) -> Iterator[Any]:
    """Yield what becomes of each item, in order, by as many threads as there are cores; Ctrl-C ends it soon."""
    with Bar(what, len(items)) as bar, ThreadPoolExecutor(max(1, cpu_count())) as pool:
        try:
            for start in range(0, len(items), TOGETHER):
                for done in pool.map(work, items[start : start + TOGETHER]):
                    yield done
                    bar.advance()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
