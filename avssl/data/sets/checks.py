"""Check the files of a data set, several at once, and keep each verdict, so that a stopped run goes on."""

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict
from functools import partial
from pathlib import Path

from avssl.data.sets.base import Media
from avssl.data.sets.inspection import Depth, Verdict, inspect, state_of
from avssl.pool import pool

JOURNAL = ".avssl-checks.jsonl"
TOGETHER = 8  # files that a process checks between two words with us
PRELOAD = ["avssl.data.sets.inspection"]
CRASHED = Verdict(kind="undecodable", about="the decoder crashed on it")
Look = Callable[[Path], Verdict]


class Journal:
    """Files that were found good, on disk, a line each, added as they come; a line that was cut short does no harm.

    Files with something wrong are looked at anew by every run: what was wrong may have been put right elsewhere.

    Args:
        path: the file.
        depth: how deep this run looks; who decoded a file has opened it too.
    """

    def __init__(self, path: Path, depth: Depth):
        self.depth = depth
        self.good: dict[str, tuple[str, Verdict]] = {}
        path.touch()
        line = b"\n"
        with open(path, "rb") as lines:
            for line in lines:
                try:
                    entry = json.loads(line)
                    known = entry["verdict"].keys() == Verdict.__dataclass_fields__.keys()  # else of an older version
                    if known and (depth == "open" or entry["depth"] == "decode"):
                        self.good[entry["path"]] = entry["state"], Verdict(**entry["verdict"])
                except (ValueError, KeyError, TypeError, AttributeError):
                    continue  # the line that was being written when the machine stopped
        self._file = open(path, "ab", buffering=0)  # noqa: SIM115 (until __exit__); what is written is out at once
        if not line.endswith(b"\n"):
            self._file.write(b"\n")

    def get(self, path: str, state: str) -> Verdict | None:
        """Return the verdict on a file that was good and has not changed since."""
        was, verdict = self.good.get(path, ("", None))
        return verdict if was == state else None

    def add(self, path: str, state: str, verdict: Verdict) -> None:
        """Keep the verdict on a good file; it is there after this returns, whatever becomes of this process."""
        line = {"path": path, "state": state, "depth": self.depth, "verdict": asdict(verdict)}
        self._file.write(json.dumps(line).encode() + b"\n")

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *_) -> None:
        self._file.close()


def check_files(
    root: Path,
    paths: Sequence[str],
    media: Media,
    depth: Depth,
    journal: Path,
    workers: int,
    on_checked: Callable[[int], None] = lambda count: None,
) -> dict[str, Verdict]:
    """Return the verdict on each file, by path.

    Args:
        root: what the paths are relative to.
        paths: each once.
        media: what the files are.
        depth: how deep to look, see `avssl.data.sets.inspection.inspect`.
        journal: where it is kept which files were opened or decoded.
        workers: processes that look; 0 for this one.
        on_checked: told how many more are done.
    """
    verdicts: dict[str, Verdict] = {}
    if depth == "none":
        return verdicts
    check = partial(inspect, media=media, depth=depth)
    if depth == "exists":
        for path in paths:
            verdicts[path] = check(root / path)
            on_checked(1)
        return verdicts
    with Journal(journal, depth) as kept:
        states = {path: state_of(root / path) for path in paths}
        verdicts = {path: verdict for path in paths if (verdict := kept.get(path, states[path])) is not None}
        on_checked(len(verdicts))
        names = {root / path: path for path in paths if path not in verdicts}
        for path, verdict in look_at_all(list(names), check, workers):
            name = names[path]
            verdicts[name] = verdict
            if verdict.kind is None:
                kept.add(name, states[name], verdict)
            on_checked(1)
    return verdicts


def look_at_all(paths: Sequence[Path], check: Look, workers: int) -> Iterator[tuple[Path, Verdict]]:
    """Yield each file with its verdict, as they come; a file that kills its process is found and named."""
    if workers == 0:
        yield from ((path, check(path)) for path in paths)
        return
    left = list(paths)
    while left:
        seen: set[Path] = set()
        try:
            with pool(workers, PRELOAD) as processes:
                for path, verdict in _spread(processes, left, check, 2 * workers):
                    seen.add(path)
                    yield path, verdict
        except BrokenProcessPool:
            left = [path for path in left if path not in seen]
            for path in left[: 2 * workers * TOGETHER]:  # the culprit is among those that were being looked at
                yield path, _look_alone(path, check)
            left = left[2 * workers * TOGETHER :]
        else:
            return


def _spread(
    processes: ProcessPoolExecutor, paths: Sequence[Path], check: Look, ahead: int
) -> Iterator[tuple[Path, Verdict]]:
    """Hand out files in small batches, ``ahead`` of them at a time."""
    batches = iter([paths[start : start + TOGETHER] for start in range(0, len(paths), TOGETHER)])
    running: set[Future] = set()
    while True:
        for batch in batches:
            running.add(processes.submit(_look_at_batch, batch, check))
            if len(running) == ahead:
                break
        if not running:
            return
        done, running = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            yield from future.result()


def _look_at_batch(paths: Sequence[Path], check: Look) -> list[tuple[Path, Verdict]]:
    return [(path, check(path)) for path in paths]


def _look_alone(path: Path, check: Look) -> Verdict:
    """Look at a file in a process of its own, which it may kill."""
    try:
        with pool(1, PRELOAD) as process:
            return process.submit(check, path).result()
    except BrokenProcessPool:
        return CRASHED
