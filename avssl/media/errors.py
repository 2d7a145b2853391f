"""What can go wrong with a recording: every error names its source, stage, backend and position, and pickles."""

from avssl.text import printable


class MediaError(ValueError):
    """A recording that cannot be read as asked.

    Args:
        message: what came, what is needed, what to do.
        source: the recording, as a person would name it.
        stage: ``"open"``, ``"read"``, ``"scan"``, ``"plan"``, ``"decode"`` or ``"sound"``.
        backend: ``"pyav"``, ``"decord"``, ``"torchcodec"`` or ``"pictures"``; None before one was chosen.
        position: where in the recording, in seconds; None when unknown.
        details: further facts of the subclass, as keywords (they become attributes).
    """

    stage = "open"

    def __init__(
        self,
        message: str,
        *,
        source: str = "",
        stage: str | None = None,
        backend: str | None = None,
        position: float | None = None,
        **details: object,
    ):
        self.message, self.source, self.backend, self.position = message, source, backend, position
        self.stage = stage or type(self).stage
        self.details = details
        for name, value in details.items():
            setattr(self, name, value)
        super().__init__(message)

    def __str__(self) -> str:
        where = "" if self.position is None else f" at {self.position:.3f} s"
        by = "" if self.backend is None else f", {self.backend}"
        return printable(f"{self.source or 'recording'}{where}: {self.message} ({self.stage}{by})")

    def __reduce__(self):
        known = {"source": self.source, "stage": self.stage, "backend": self.backend, "position": self.position}
        return _rebuild, (type(self), self.message, known | self.details)


def _rebuild(kind: type[MediaError], message: str, keywords: dict) -> MediaError:
    return kind(message, **keywords)


class OpenError(MediaError):
    """The source cannot be opened, is not a recording, or has no stream of the kind asked for."""


class ReadError(MediaError):
    """The bytes did not come, or are no longer those that were scanned; the recording itself may be whole."""

    stage = "read"


class ScanError(MediaError):
    """The packets of the recording cannot be listed."""

    stage = "scan"


class DecodeError(MediaError):
    """A frame that the scan promised cannot be decoded; ``decoded_until`` is the last good time in seconds."""

    stage = "decode"
    decoded_until: float | None = None


class TooShort(MediaError):
    """The recording has fewer frames than asked for: ``needed``, ``have``."""

    stage = "plan"
    needed: int = 0
    have: int = 0


class BackendUnavailable(MediaError):
    """The backend is not installed; the message holds the pip line."""


class BackendUnsuitable(MediaError):
    """The scan shows that the backend would return wrong frames for this file; ``reason`` says why."""

    stage = "scan"
    reason: str = ""


class DecodeTimeout(MediaError):
    """Decoding took longer than allowed; ``limit`` is in seconds."""

    stage = "decode"
    limit: float = 0.0
