"""File objects of other people, made safe for FFmpeg: what they raise is told in one line, and no failure is an end."""

import io
from typing import Any

from avssl.media.errors import OpenError, ReadError


def brief(error: BaseException) -> str:
    """Return an error's kind and the first line of what it says."""
    text = str(error).strip().partition("\n")[0][:200]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


class Borrowed(io.RawIOBase):
    """A seekable binary file of any library.

    Args:
        file: the object; it is put at its start.
        name: the recording's name, for errors.
        lent: whether it is the caller's, so that closing leaves it open.

    Raises:
        OpenError: if it cannot seek, or is empty.
    """

    def __init__(self, file: Any, name: str, lent: bool):
        self.name, self._file, self._lent = name, file, lent
        advice = "copy the recording to a disk, or give its bytes"
        try:
            seekable = getattr(file, "seekable", None)
            if seekable is not None and not seekable():
                raise OpenError(f"{type(file).__name__} cannot seek, as a pipe or a stream; {advice}", source=name)
            file.seek(0, io.SEEK_END)
            self._size = file.tell()
            file.seek(0)
        except OpenError:
            raise
        except Exception as error:  # whatever another library raises
            raise OpenError(f"{type(file).__name__} cannot seek ({brief(error)}); {advice}", source=name) from error
        if not self._size:
            raise OpenError("the recording is empty (0 bytes)", source=name)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """Return at most ``size`` bytes; none at the true end alone.

        Raises:
            ReadError: if they do not come.
        """
        if size is None or size < 0:
            return self.readall()
        try:
            data = self._file.read(size)
            early = size > 0 and not data and self._file.tell() < self._size
        except Exception as error:  # whatever another library raises
            raise ReadError(f"its file failed to read: {brief(error)}", source=self.name) from error
        if isinstance(data, str):
            raise ReadError('its file gives text, not bytes; open it with mode "rb"', source=self.name)
        if early or data is None:
            raise ReadError(f"its file gave nothing before its end, at {self._size} bytes", source=self.name)
        if len(data) > size:  # FFmpeg's memory holds no more
            raise ReadError(f"its file gave {len(data)} bytes where {size} were asked for", source=self.name)
        return bytes(data)

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        try:
            if whence == io.SEEK_SET and offset > self._size:  # as damaged files ask; nothing is there either way
                self._file.seek(self._size)
                return offset
            self._file.seek(offset, whence)
            return self._file.tell()
        except Exception as error:  # whatever another library raises
            raise ReadError(f"its file failed to seek: {brief(error)}", source=self.name) from error

    def tell(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        if not self.closed and not self._lent:
            self._file.close()
        super().close()
