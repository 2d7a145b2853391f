"""What the backends of other libraries share: when they may be trusted, and how their answers are checked."""

import re
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from avssl.media.base import Backend, Deadline, Index, Interval, Report
from avssl.media.errors import BackendUnavailable, BackendUnsuitable
from avssl.media.pyav import PyAV
from avssl.media.source import Origin
from avssl.media.walk import opened

CHUNK_BYTES = 64 << 20  # native-size pixels that a library may hold at once


def unavailable(name: str, package: str, error: BaseException, source: str) -> BackendUnavailable:
    """Return the error for a library that is missing or does not load, with what it said and the pip line."""
    return BackendUnavailable(
        f"{name} cannot be loaded ({type(error).__name__}: {first_line(error)}); "
        f'run `pip install "{package}"`, or use backend="pyav", which is always there',
        source=source,
        backend=name,
    )


def refusal(backend: Backend, reason: str) -> BackendUnsuitable:
    """Return the error for a recording that the backend would read wrongly."""
    return BackendUnsuitable(
        f'{backend.name} would return wrong frames: {reason}; use backend="auto"',
        source=backend.origin.name,
        backend=backend.name,
        reason=reason,
    )


def hand_over(
    backend: Backend,
    error: Exception,
    plan: Sequence[Interval],
    slots: Mapping[int, np.ndarray],
    report: Report,
    deadline: Deadline,
) -> None:
    """Let PyAV read what a library failed on: it alone tells which frames are good and where the damage begins.

    Raises:
        DecodeError: if the data is damaged for PyAV too.
    """
    report.notes.append(f"{backend.name} gave up ({first_line(error)}); pyav read on")
    reference = PyAV(backend.origin, backend.index, threads=backend.threads)
    try:
        reference.decode(plan, slots, report, deadline)
    finally:
        reference.close()


def first_line(error: BaseException) -> str:
    """Return what an error says, without the places and traces in C++ that the libraries put around it."""
    line = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    line = re.sub(r"^(\[[\d:]+\] )?\S+\.(cc|cpp|h):\d+: (Check failed: )?(\[[^\]]*\] ?)?", "", line)
    return line if len(line) <= 200 else line[:197] + "..."


def why_unsafe(index: Index, library: str, containers: frozenset[str]) -> str | None:
    """Return what in the scan would make a library that trusts the container return wrong frames; None if nothing."""
    info = index.info
    if index.coding is None:
        return f"{library} reads no pictures"
    if index.mode != "pts":
        return (
            f"{info.container} stores no usable presentation times, so frames must be counted; {library} guesses them"
        )
    if index.discarded:
        return f"{index.discarded} packets are decoded but never shown (an edit list); {library} miscounts them"
    if not containers & set(info.container.split(",")):
        return f"{library} is not known to land on the right frame after seeking in {info.container}"
    if info.flipped:
        return f"the picture is mirrored for display, which {library} ignores"
    if index.notes:
        return f"the scan found something odd: {index.notes[0]}"
    return None


def wrong_clock(index: Index, times: np.ndarray, tolerance: float) -> str | None:
    """Return how a library's table of frame times, in seconds from its first, differs from the scan; None if not."""
    if len(times) != len(index):
        return f"counts {len(times)} frames where the scan shows {len(index)}"
    difference = np.abs(times - index.times())
    if difference.max() > tolerance:
        frame = int(difference.argmax())
        return f"puts frame {frame} at {times[frame]:.4f} s; it is shown at {index.seconds(frame):.4f} s"
    return None


def several_videos(origin: Origin) -> bool:
    """Tell whether the recording has more than one video stream, cover pictures included."""
    with opened(origin) as container:
        return len(container.streams.video) > 1


def contents(origin: Origin) -> bytes:
    """Return all bytes of a recording, for a library that reads paths or bytes alone."""
    if origin.data is not None:
        return origin.data
    file = origin.open()
    try:
        return file.read()
    finally:
        file.close()


def in_chunks(plan: Sequence[Interval], index: Index) -> Iterator[list[int]]:
    """Yield the planned frames, sorted and unique, in lists whose native pixels fit into memory."""
    targets = sorted({target for interval in plan for target in interval.targets})
    many = max(1, CHUNK_BYTES // (index.info.height * index.info.width * 3))
    for start in range(0, len(targets), many):
        yield targets[start : start + many]
