"""Fits that do not depend on each other: several at a time on CPUs, each with one thread and kept when it is done."""

import pickle
import sys
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Literal, TypeVar

import torch
from joblib import cpu_count
from pydantic import Field

from avssl.config import ConfigError
from avssl.pool import pool
from avssl.progress import Bar
from avssl.training.threads import computing_with

Workers = Annotated[int, Field(ge=0)] | Literal["auto"]
Result = TypeVar("Result")
SHORT = 15.0  # seconds of work that no processes are started for: they take some of them to start
MEMORY = 4 << 30  # bytes that all processes together may hold of what fits need
Works = Mapping[int, Callable[[], Any]]  # by number
_works: Works | None = None  # of a process: what it may be asked for


@dataclass(frozen=True, eq=False, kw_only=True)
class Job(Generic[Result]):
    """A fit, or what is scored without one.

    Args:
        about: words for it.
        work: does it, in any process; fixes its own chance.
        kept: returns what was found before, or None.
        keep: keeps what was found.
        trains: whether it trains a network: it then has one thread on a CPU, so that what it finds does not depend on
            how many cores there are, and may be done beside others.
    """

    about: str
    work: Callable[[], Result]
    kept: Callable[[], Result | None]
    keep: Callable[[Result], None]
    trains: bool = True


def do_all(
    jobs: Sequence[Job[Result]],
    what: str,
    workers: Workers = "auto",
    device: torch.device | str = "cpu",
    quiet: bool = False,
) -> list[Result]:
    """Do all that is not kept, keep each as it comes, and return what was found in the order of the jobs.

    Args:
        jobs: none needs what another finds.
        what: words for all of them, before the first begins.
        workers: processes that train networks on a CPU; 0 for this one alone. ``"auto"`` takes one a core, where what
            is left would take longer than `SHORT` at the pace of what was done here. What is found is the same bit for
            bit. On a GPU, and with networks that cannot be sent to another process, there is this process alone.
        device: where networks run.
        quiet: show no progress.

    Raises:
        ConfigError: if a process died.
    """
    found: dict[int, Result] = {}
    with Bar(what, len(jobs), quiet) as bar:
        left = []
        for number, job in enumerate(jobs):
            result = job.kept()
            if result is None:
                if job.trains:
                    left.append(number)
                    continue
                bar.describe(job.about)
                result = job.work()
                job.keep(result)
            found[number] = result
            bar.advance()
        with closing(_train([jobs[number] for number in left], bar, workers, device)) as trained:
            for place, result in trained:
                jobs[left[place]].keep(result)
                found[left[place]] = result
                bar.advance()
    return [found[number] for number in range(len(jobs))]


def _train(
    jobs: Sequence[Job[Result]], bar: Bar, workers: Workers, device: torch.device | str
) -> Generator[tuple[int, Result], None, None]:
    """Yield each job's number and what it found, as they come."""
    on_cpu = torch.device(device).type == "cpu"
    processes = 0 if not on_cpu else cpu_count() if workers == "auto" else workers
    done, taken = 0, 0.0
    while done < len(jobs):
        if _worth(processes, workers == "auto", done, taken, len(jobs) - done):
            left = {number: jobs[number] for number in range(done, len(jobs))}
            sent = packed({number: job.work for number, job in left.items()})
            if sent is not None:
                yield from _beside(left, sent, processes, bar)
                return
            processes = 0
        bar.describe(jobs[done].about)
        started = time.monotonic()
        yield done, _with_one_thread(jobs[done].work) if on_cpu else jobs[done].work()
        taken += time.monotonic() - started
        done += 1


def _worth(processes: int, auto: bool, done: int, taken: float, left: int) -> bool:
    """Tell whether what is left is worth starting processes for."""
    return processes > 1 and taken * left > SHORT * done if auto else processes > 0


def packed(works: Works) -> bytes | None:
    """Return work as what another process can do, or None where that is not possible.

    Tensors are sent as what they hold: PyTorch's own way keeps a file open for each of them, and needs shared memory.
    """
    try:
        return pickle.dumps(works)
    except Exception:  # whatever somebody's network raises that cannot be sent: it is trained in this process
        return None


def _beside(jobs: Mapping[int, Job[Result]], sent: bytes, processes: int, bar: Bar) -> Iterator[tuple[int, Result]]:
    """Yield what processes found, as they come."""
    processes = max(1, min(processes, len(jobs), MEMORY // len(sent)))
    loaded = sorted(name for name in sys.modules if name.startswith("avssl."))
    try:
        with pool(processes, preload=loaded, begin=_receive, given=[sent]) as workers:
            running = {workers.submit(_do, number): number for number in jobs}
            bar.describe(jobs[min(jobs)].about)
            for future in as_completed(running):
                number, result = running.pop(future), future.result()
                yield number, _with_one_thread(jobs[number].work) if result is None else result
                if running:
                    bar.describe(jobs[min(running.values())].about)
    except BrokenProcessPool:
        raise ConfigError(
            "a process that trained a network was ended from outside, perhaps for want of memory; what was finished is "
            "kept: run it again, or with evaluator.workers=0"
        ) from None


def _with_one_thread(work: Callable[[], Result]) -> Result:
    with computing_with(1):
        return work()


def _receive(sent: bytes) -> None:
    """Take the work that this process may be asked for."""
    global _works
    try:
        _works = pickle.loads(sent)  # what this very program wrote a moment ago
    except Exception:  # a class that is found in the asking process alone, which then does the work
        _works = None


def _do(number: int) -> Any:
    return None if _works is None else _with_one_thread(_works[number])
