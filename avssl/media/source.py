"""Where a recording's bytes are: a path, the bytes themselves, a file object, or an opener."""

import hashlib
import io
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from avssl.files import FileError, entries_of
from avssl.media.borrowed import Borrowed, brief
from avssl.media.errors import MediaError, OpenError, ReadError

Source = str | Path | bytes | IO[bytes] | Callable[[], IO[bytes]]  # the opener may be fsspec's ``OpenFile.open``

# How fine files' times of change are, in ns: a second change within a tick does not show. Some disks know seconds.
TICK, COARSE_TICK = 20_000_000, 2_000_000_000
_STREAMS = {  # what is read once and in order; opening it may wait for ever
    "a named pipe": stat.S_ISFIFO,
    "a socket": stat.S_ISSOCK,
    "a character device": stat.S_ISCHR,
    "a block device": stat.S_ISBLK,
}
_PICTURES = (b"GIF87a", b"GIF89a", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"MM\0*")


class Origin:
    """A source behind one door: it has a name, opens as a file any number of times, and pickles if it can.

    Args:
        source: a path (or folder of pictures), bytes, a seekable binary file, or a callable that opens one.

    Raises:
        OpenError: if a path is missing or empty, or the source is of another kind.
    """

    path: Path | None = None
    data: bytes | None = None
    pinned: tuple[int, int] | None = None  # the stamp of what was scanned

    def __init__(self, source: Source):
        self.source = source
        if isinstance(source, str | os.PathLike):
            self.path = Path(source)
            self.name = str(source)
            if not self.name:
                raise OpenError("the path is an empty string", source=repr(source))
            self._check_path(self.path)
        elif isinstance(source, bytes | bytearray | memoryview):
            self.data = bytes(source)
            self.name = f"<{len(self.data)} bytes>"
            if not self.data:
                raise OpenError("the recording is empty (0 bytes)", source=self.name)
        elif hasattr(source, "read") and hasattr(source, "seek"):
            self.name = str(getattr(source, "name", None) or repr(source))
        elif callable(source):
            self.name = str(getattr(source, "path", None) or getattr(source, "__self__", source))
        else:
            raise OpenError(
                f"a source is a path, bytes, a seekable binary file or a callable that opens one; "
                f"got {type(source).__name__}",
                source=repr(source)[:80],
            )

    def _check_path(self, path: Path) -> None:
        try:
            found = path.stat()
        except FileNotFoundError:
            what = "this link leads to no file" if path.is_symlink() else "there is no such file"
            raise OpenError(f"{what}; check the path", source=self.name) from None
        except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
            raise OpenError(f"cannot be reached: {error}", source=self.name) from error
        for kind, test in _STREAMS.items():
            if test(found.st_mode):
                raise OpenError(f"this is {kind}; write what it gives to a file and read that", source=self.name)
        if stat.S_ISREG(found.st_mode) and found.st_size == 0:
            raise OpenError("the file is empty (0 bytes)", source=self.name)

    @property
    def lent(self) -> bool:
        """Whether the source is an open file of the caller's, which we neither close nor open twice."""
        return self.path is None and self.data is None and not callable(self.source)

    def open(self) -> Any:
        """Return a binary file at its start; the caller's own file if it gave one."""
        if self.path is not None:
            return self._open_path(self.path)
        if self.data is not None:
            return io.BytesIO(self.data)
        file: Any = self.source
        if callable(self.source):
            try:
                file = self.source()
            except MediaError:
                raise
            except Exception as error:  # whatever another library raises
                raise OpenError(f"its opener failed: {brief(error)}", source=self.name) from error
        if not hasattr(file, "read") or not hasattr(file, "seek"):
            raise OpenError(f"the opener returned {type(file).__name__}, not a seekable binary file", source=self.name)
        try:
            return Borrowed(file, self.name, self.lent)
        except OpenError:
            if not self.lent and hasattr(file, "close"):
                file.close()
            raise

    def _open_path(self, path: Path) -> Any:
        try:
            file = io.FileIO(path)
        except IsADirectoryError:
            raise OpenError("this is a folder; give one of its files", source=self.name) from None
        except (FileNotFoundError, PermissionError) as error:
            raise OpenError(f"cannot be opened: {error.strerror}", source=self.name) from error
        try:
            self._check(os.fstat(file.fileno()))
        except BaseException:
            file.close()
            raise
        return file

    def stamp(self) -> tuple[int, int] | None:
        """Return size in bytes and time of change in ns of a file on disk; None for everything else."""
        if self.path is None or self.path.is_dir():
            return None
        return _stamp(self.path.stat())

    def pin(self) -> None:
        """Hold the file on disk to what it is now: it is about to be scanned, and the scan is of this file alone."""
        self.pinned = self.stamp()

    def check(self) -> None:
        """Raise if the file on disk is no longer what was scanned.

        Raises:
            ReadError: if its size or time of change is another.
        """
        if self.pinned is not None and self.path is not None:
            self._check(self.path.stat())

    def _check(self, found: os.stat_result) -> None:
        if self.pinned is not None and _stamp(found) != self.pinned:
            raise ReadError(
                f"the file changed after it was scanned ({self.pinned[0]} bytes then, {found.st_size} now); wait until "
                "it is written, and open it anew",
                source=self.name,
            )

    def fingerprint(self) -> str | None:
        """Return what names this very content for a cache: path, size and time of change; None if nothing does.

        A file that was written this moment is given the time of a tick, so that any further change shows.
        """
        if self.path is None:
            return None
        if self.path.is_dir():
            try:
                files = entries_of(self.path)
            except FileError:  # it cannot be listed
                return None
        else:
            files, age = [self.path], time.time_ns() - self.path.stat().st_mtime_ns
            if 0 <= age < TICK:
                time.sleep((TICK - age) / 1e9)
        parts = [str(self.path.resolve())]
        try:
            for file in files:
                size, changed = _stamp(file.stat())
                if changed % 10**9 == 0 and 0 <= time.time_ns() - changed < COARSE_TICK:
                    return None
                parts.append(f"{file.name}:{size}:{changed}")
        except OSError:  # a link in a folder to nowhere
            return None
        return hashlib.blake2b(os.fsencode("\n".join(parts)), digest_size=16).hexdigest()

    def pictures(self) -> bool:
        """Tell whether this is a picture, a folder of them or an animation (GIF, WebP), by its first bytes."""
        if self.path is not None and self.path.is_dir():
            return True
        file = self.open()
        try:
            head = file.read(64)
        finally:
            file.close()
        if head[:3] == b"\xff\xd8\xff" and self.name.lower().endswith((".mjpeg", ".mjpg")):
            return False  # a raw stream of JPEG pictures
        animated_png = head[:4] == b"\x89PNG" and b"acTL" in head
        return (head.startswith(_PICTURES) and not animated_png) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")

    def __getstate__(self):
        if self.lent:
            raise TypeError(
                f"{self.name}: an open file cannot be sent to another process; "
                "give open_video a path, bytes, or a callable that opens the file"
            )
        return self.__dict__

    def __repr__(self) -> str:
        return f"Origin({self.name})"


def _stamp(found: os.stat_result) -> tuple[int, int]:
    return found.st_size, found.st_mtime_ns
