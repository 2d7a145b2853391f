"""Where a recording's bytes are: a path, the bytes themselves, a file object, or an opener."""

import hashlib
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from avssl.media.errors import OpenError
from avssl.text import EXACT

Source = str | Path | bytes | IO[bytes] | Callable[[], IO[bytes]]  # the opener may be fsspec's ``OpenFile.open``

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

    def __init__(self, source: Source):
        self.source = source
        if isinstance(source, str | os.PathLike):
            self.path = Path(source)
            self.name = str(source)
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
            raise OpenError("there is no such file; check the path", source=self.name) from None
        except (OSError, ValueError) as error:  # ValueError: a name that no file can have
            raise OpenError(f"cannot be reached: {error}", source=self.name) from error
        if path.is_file() and found.st_size == 0:
            raise OpenError("the file is empty (0 bytes)", source=self.name)

    @property
    def lent(self) -> bool:
        """Whether the source is an open file of the caller's, which we neither close nor open twice."""
        return self.path is None and self.data is None and not callable(self.source)

    def open(self) -> Any:
        """Return a binary file at its start; the caller's own file if it gave one."""
        if self.path is not None:
            return open(self.path, "rb", buffering=0)
        if self.data is not None:
            return io.BytesIO(self.data)
        file: Any = self.source() if callable(self.source) else self.source
        if not hasattr(file, "read") or not hasattr(file, "seek"):
            raise OpenError(f"the opener returned {type(file).__name__}, not a seekable binary file", source=self.name)
        file.seek(0)
        return file

    def fingerprint(self) -> str | None:
        """Return what names this very content for a cache: path, size and time of change; None if nothing does."""
        if self.path is None:
            return None
        parts = [str(self.path.resolve())]
        files = sorted(self.path.iterdir()) if self.path.is_dir() else [self.path]
        for file in files:
            found = file.stat()
            parts.append(f"{file.name}:{found.st_size}:{found.st_mtime_ns}")
        return hashlib.blake2b("\n".join(parts).encode(errors=EXACT), digest_size=16).hexdigest()

    def pictures(self) -> bool:
        """Tell whether this is a picture, a folder of them or an animation (GIF, WebP), by its first bytes."""
        if self.path is not None and self.path.is_dir():
            return True
        file = self.open()
        try:
            head = file.read(64)
        finally:
            if self.lent:
                file.seek(0)
            else:
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
