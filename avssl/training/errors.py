"""Why a run ends before its last step."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


class TrainingError(ValueError):
    """A run that cannot start or go on: what happened, where, and what to try."""


class Stopped(KeyboardInterrupt):
    """A person or the system asked the run to stop; all that was learned is saved.

    Args:
        message: where it stopped and how to go on.
        number: the signal that asked.
    """

    def __init__(self, message: str, number: int = signal.SIGINT):
        super().__init__(message)
        self.status = 128 + number  # what a shell reports of a program that a signal ended


@contextmanager
def in_one_line() -> Iterator[None]:
    """Let what our own code refuses with a ValueError end a run in one line; errors of other code show their trace."""
    try:
        yield
    except ValueError as error:
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        ours = trace is not None and str(trace.tb_frame.f_globals.get("__name__", "")).startswith("avssl.")
        if type(error) is not ValueError or not ours:
            raise
        raise TrainingError(str(error)) from error
