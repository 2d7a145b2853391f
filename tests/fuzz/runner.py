"""One runner for all kinds of broken input: what may come of it is a result, or an error that speaks to a person.

An input is made by chance from (seed, kind, index) alone, so that a failure is repeated by these three.
"""

import signal
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from traceback import extract_tb
from typing import Any
from zlib import crc32

import numpy as np

import avssl

try:
    import resource  # of POSIX alone
except ImportError:
    resource = None

PACKAGE = str(Path(avssl.__file__).parent)
SECONDS = 10.0
ROOM = 4 * 2**30  # bytes that one call may take beyond what there is


@dataclass(frozen=True)
class Kind:
    """A kind of input.

    Args:
        name: for the chance, and for people.
        make: makes an input from chance, in an empty folder.
        uses: what is done to each input, each by itself.
    """

    name: str
    make: Callable[[np.random.Generator, Path], Any]
    uses: Sequence[Callable[[Any], object]]


class TooSlow(BaseException):
    """A call took longer than anybody waits; no error of Python's, so that nothing on the way takes it for its own."""


def failures_of(kind: Kind, seed: int, index: int, folder: Path) -> list[str]:
    """Make one input and use it; return a line for each use that ended badly."""
    rng = np.random.default_rng([seed, crc32(kind.name.encode()), index])
    given = kind.make(rng, folder)
    found = []
    for use in kind.uses:
        complaint = judged(use, given)
        if complaint:
            found.append(f"AVSSL_FUZZ_SEED={seed} AVSSL_FUZZ_ONLY={kind.name}:{index} make fuzz: {complaint}")
    return found


def judged(use: Callable[[Any], object], given: Any) -> str | None:
    """Return what is wrong with how a call ended; None if it returned, or complained as it should."""
    try:
        with bounded(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            use(given)
    except (Exception, TooSlow) as error:
        if is_fair(error):
            return None
        last = extract_tb(error.__traceback__)[-1]
        told = " ".join(str(error).split())[:200]
        return f"{type(error).__name__}: {told} ({Path(last.filename).name}:{last.lineno})"
    return None


def is_fair(error: BaseException) -> bool:
    """Tell whether an error speaks to a person: in one line, of the project's own class, or raised by its own code."""
    if "\n" in str(error):
        return False
    if type(error).__module__.startswith("avssl."):
        return True
    if isinstance(error, OSError):
        return error.filename is not None
    return isinstance(error, ValueError) and extract_tb(error.__traceback__)[-1].filename.startswith(PACKAGE)


@contextmanager
def bounded() -> Iterator[None]:
    """Bound the time and the memory of what is done within, where the system can."""

    def stop(*_: object) -> None:
        raise TooSlow(f"took more than {SECONDS:g} s")

    before = resource and resource.getrlimit(resource.RLIMIT_AS)
    size = Path("/proc/self/statm")
    if resource and before and size.exists():
        now = int(size.read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (now + ROOM, before[1]))
    usual = signal.signal(signal.SIGALRM, stop) if hasattr(signal, "SIGALRM") else None
    try:
        if usual is not None:
            signal.setitimer(signal.ITIMER_REAL, SECONDS)
        yield
    finally:
        if usual is not None:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, usual)
        if resource and before:
            resource.setrlimit(resource.RLIMIT_AS, before)
