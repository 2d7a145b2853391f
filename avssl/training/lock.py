"""One run at a time in a folder: a lock that the system holds for a living process, and for no dead one."""

import os
import socket
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

try:
    import fcntl
except ImportError:  # where the system has no such locks, nothing is held
    fcntl = None

from lightning_fabric import Fabric

from avssl.training.appending import reason
from avssl.training.errors import TrainingError

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
            say(f"{folder}: its file system has no locks ({reason(error)}); a second run in it would not be noticed")
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


def hold(fabric: Fabric, folder: Path) -> ExitStack:
    """Let the first of all processes hold a folder until what is returned is closed.

    Raises:
        TrainingError: in every process, if another run holds it.
        OSError: in the first, if the folder cannot be written to.
    """
    ends, holder = ExitStack(), ""
    if fabric.is_global_zero:
        lock = ends.enter_context(closing(Lock(folder)))
        holder = lock.holder
    holder = fabric.broadcast(holder)
    if holder:
        raise TrainingError(
            f"{folder} is being written by another run ({holder}); wait until it ends, stop it, or give another out="
        )
    return ends
