"""Why a run ends before its last step."""

import signal


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
