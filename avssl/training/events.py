"""TensorBoard's events, written by the step itself: no thread of another's that a full disk could end."""

import os
import socket
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

from avssl.training.appending import Appended


class Events:
    """Scalars for TensorBoard, a file for each start of a run.

    Args:
        folder: where.
        purge: step from which what an earlier start wrote no longer counts.
        say: is told when there is no room.
    """

    def __init__(self, folder: Path, purge: int, say: Callable[[str], None]):
        # Slow to import, and made when it is.
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog  # pyright: ignore[reportAttributeAccessIssue]
        from tensorboard.compat.proto.summary_pb2 import Summary  # pyright: ignore[reportAttributeAccessIssue]
        from tensorboard.summary.writer.record_writer import RecordWriter

        self._event, self._summary, self._writer = Event, Summary, RecordWriter
        folder.mkdir(parents=True, exist_ok=True)
        name = f"events.out.tfevents.{time.time_ns()}.{socket.gethostname()}.{os.getpid()}"
        self._file = Appended(folder / name, say)
        self._add(file_version="brain.Event:2")
        self._add(step=purge, session_log=SessionLog(status=SessionLog.START))

    def write(self, step: int, scalars: dict[str, float]) -> None:
        """Add the scalars of a step."""
        values = [self._summary.Value(tag=name, simple_value=value) for name, value in scalars.items()]
        self._add(step=step, summary=self._summary(value=values))

    def _add(self, **about: Any) -> None:
        record = BytesIO()
        self._writer(record).write(self._event(wall_time=time.time(), **about).SerializeToString())
        self._file.add(record.getvalue())

    def close(self) -> None:
        """Write what waits."""
        self._file.close()
