"""Files that grow record by record, and survive a disk that is full for a while."""

import os
from collections.abc import Callable
from pathlib import Path


def reason(error: OSError) -> str:
    """Return why something could not be written, such as ``No space left on device``."""
    return error.strerror or str(error)


class Appended:
    """Appends records to a file, each whole or not at all; those that find no room wait and are written with the next.

    Args:
        path: the file.
        say: is told, in one line, when a record finds no room, and when all are written after all.
    """

    def __init__(self, path: Path, say: Callable[[str], None]):
        self.path, self.say = path, say
        self.waiting: list[bytes] = []
        self.failing = False

    def add(self, record: bytes) -> None:
        """Write a record, after those that wait."""
        self.waiting.append(record)
        self.flush()

    def flush(self) -> None:
        """Write what waits."""
        if not self.waiting:
            return
        try:
            append(self.path, b"".join(self.waiting))
        except OSError as error:
            if not self.failing:
                self.say(f"{self.path} cannot be written to ({reason(error)}); its records wait until it can")
            self.failing = True
            return
        if self.failing:
            self.say(f"{self.path}: {len(self.waiting)} records that waited are written")
        self.waiting, self.failing = [], False

    def close(self) -> None:
        """Write what waits, or say that it is lost."""
        self.flush()
        if self.waiting:
            self.say(f"{self.path}: {len(self.waiting)} records could not be written and are lost")


def append(path: Path, record: bytes) -> None:
    """Append bytes to a file; where there is no room for all of them the file stays as it was.

    Raises:
        OSError: if there is none.
    """
    with open(path, "ab", buffering=0) as file:
        size = file.tell()
        left = memoryview(record)
        try:
            while left:
                left = left[file.write(left) :]
        except OSError:
            os.truncate(path, size)  # a part of a record would spoil the next
            raise
