"""Ctrl-C and the system's polite request to end: asked once, a run ends after its step; asked twice, at once."""

import os
import signal
import threading
from types import FrameType, TracebackType


class StopSignals:
    """Notes SIGINT and SIGTERM while a ``with`` block runs.

    Attributes:
        number: the signal that came; 0 while none has.
    """

    def __init__(self):
        self.number = 0
        self._before: dict[int, object] = {}

    def __enter__(self) -> "StopSignals":
        if threading.current_thread() is threading.main_thread():  # only there Python hands signals out
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._note)
        return self

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.number = number
        self._restore()  # the next signal does what it always did

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # pyright: ignore[reportArgumentType]
        self._before = {}

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None):
        self._restore()


def leave_signals_alone(_worker: int = 0) -> None:
    """Take a loading process out of the training process's group.

    What asks that group to end (Ctrl-C, the program ``timeout``, a shell) then asks the training process alone, which
    saves and ends its loaders itself.
    """
    os.setpgrp()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
