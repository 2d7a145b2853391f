"""A file on disk as FFmpeg reads it: in functions of C alone, so that Ctrl-C is not lost inside a call of FFmpeg's."""

import ctypes
import sys
from functools import cache, partial
from io import FileIO
from typing import Any


class PlainFile:
    """An open file for `av.open`.

    FFmpeg seeks to impossible places in damaged files and takes a no for an answer; Python would raise, and PyAV would
    hand that on as a failure of the file. A read that fails does raise.
    """

    def __init__(self, file: FileIO):
        self.name, self.read, self.tell = str(file.name), file.read, file.tell
        self.seek = file.seek if sys.platform == "win32" else partial(_lseek(), file.fileno())


@cache
def _lseek() -> Any:
    """Return the C library's own seek, which answers -1 where it cannot."""
    library: Any = ctypes.CDLL(None)
    seek = getattr(library, "lseek64", None) or library.lseek  # on 32 bits the plain one reaches 2 GiB
    seek.argtypes, seek.restype = (ctypes.c_int, ctypes.c_int64, ctypes.c_int), ctypes.c_int64
    return seek
