"""One process at a time in a folder: a lock that the system holds for a living process, and for no dead one."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

try:
    import fcntl
except ImportError:  # where the system has no such locks, nothing is held
    fcntl = None

FILE = ".lock"


class Lock:
    """Holds a folder for this process until it is closed, or the process ends however.

    The lock is POSIX's (``fcntl``), not ``flock``'s: loading processes, which are forked, do not hold it on when the
    training process is killed. The file stays: whoever took it away could take another's.

    Args:
        folder: to hold.
        say: is told, in one line, where the folder's file system has no locks.

    Attributes:
        holder: who holds the folder; nothing if this process now does.

    Raises:
        OSError: if the folder cannot be written to.
    """

    def __init__(self, folder: Path, say: Callable[[str], None] = print):
        self.holder, self._handle = "", None
        if fcntl is None:
            return
        handle = os.open(folder / FILE, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            self.holder = os.read(handle, 1000).decode(errors="replace").strip() or "another process"
            os.close(handle)
        except OSError as error:
            why = error.strerror or str(error)
            say(f"{folder}: its file system has no locks ({why}); a second process in it would not be noticed")
            os.close(handle)
        else:
            os.ftruncate(handle, 0)
            os.write(handle, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
            self._handle = handle

    def close(self) -> None:
        """Let the folder go."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
