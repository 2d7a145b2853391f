"""What a run writes down: ``log.jsonl`` (the truth), ``log.csv``, TensorBoard's events, bad recordings, warnings."""

import csv
import json
import math
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from avssl.cache import whole
from avssl.text import printable
from avssl.training.appending import Appended, reason
from avssl.training.errors import TrainingError
from avssl.training.events import Events

LOG, FAILURES, WARNINGS, SESSIONS = "log.jsonl", "failures.jsonl", "warnings.jsonl", "sessions.jsonl"


class Journal:
    """Writes records of a run, each with the ``step`` it belongs to; a full disk costs none while the run lasts.

    Args:
        folder: the run.
        step: the step that the run goes on from; later records, of a run that was cut off, are dropped. None for a
            run that begins: all are.
        active: False in all processes but the first, which then write nothing but bad recordings.
        tensorboard: write events too.
        say: is told, in one line, what cannot be written.

    Raises:
        OSError: if the folder cannot be written to.
    """

    def __init__(
        self,
        folder: Path,
        step: int | None,
        active: bool = True,
        tensorboard: bool = True,
        say: Callable[[str], None] = print,
    ):
        self.folder, self.active, self.say, self.events = folder, active, say, None
        self.log, self.failures = Appended(folder / LOG, say), Appended(folder / FAILURES, say)
        self.warnings = Appended(folder / WARNINGS, say)
        self.sessions = Appended(folder / SESSIONS, say)
        if active:
            for name in (LOG, FAILURES, WARNINGS):
                rewind(folder / name, -1 if step is None else step)
            if tensorboard:
                if printable(folder) != str(folder):
                    told = "TensorBoard writes to no folder whose name is not UTF-8; name another, or tensorboard=false"
                    raise TrainingError(f"{folder}: {told}")
                self.events = Events(folder / "tensorboard", 0 if step is None else step + 1, say)

    def close(self) -> None:
        """Flush and end."""
        self.flush()
        self.log.close()
        self.failures.close()
        self.warnings.close()
        if self.events is not None:
            self.events.close()

    def write(self, step: int, scalars: dict[str, float]) -> None:
        """Add a record."""
        if not self.active:
            return
        known = {name: value if math.isfinite(value) else None for name, value in scalars.items()}  # JSON has no NaN
        self.log.add(line_of({"step": step} | known))
        if self.events is not None:
            self.events.write(step, scalars)

    def fail(self, step: int, failures: Iterable[dict[str, str]]) -> None:
        """Write down recordings that could not be read; every process does."""
        for failure in failures:
            self.failures.add(line_of({"step": step} | failure))

    def warn(self, step: int, line: str) -> None:
        """Write down a line that a method warned with."""
        if self.active:
            self.warnings.add(line_of({"step": step, "warning": line}))

    def end(self, session: dict[str, Any]) -> None:
        """Write down what is to be said of a session."""
        if self.active:
            self.sessions.add(line_of(session))
            self.sessions.close()

    def flush(self) -> None:
        """Force the log to the disk and make ``log.csv`` of it."""
        self.log.flush()
        self.failures.flush()
        self.warnings.flush()
        if not self.active or not (self.folder / LOG).exists():
            return
        try:
            with open(self.folder / LOG) as file:
                os.fsync(file.fileno())
            table(read(self.folder / LOG), self.folder / "log.csv")
        except OSError as error:
            self.say(f"{self.folder / 'log.csv'} cannot be written ({reason(error)}); {LOG} holds the same")


def line_of(record: dict[str, Any]) -> bytes:
    return (json.dumps(record) + "\n").encode()


def read(path: Path) -> list[dict[str, Any]]:
    """Return the whole records of a file, none if there is no file; a line that was cut off is left out."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]  # what follows the last line's end was cut off
    return [json.loads(line) for line in lines]


def rewind(path: Path, step: int) -> None:
    """Drop the records after a step."""
    if path.exists():
        kept = [record for record in read(path) if record["step"] <= step]
        with whole(path) as part, open(part, "w", newline="", encoding="utf-8") as file:
            file.write("".join(json.dumps(record) + "\n" for record in kept))


def table(records: list[dict[str, Any]], path: Path) -> None:
    """Write records as CSV, one row a step, one column a name."""
    rows: dict[int, dict[str, Any]] = {}
    for record in records:
        rows.setdefault(record["step"], {}).update(record)
    columns = list(dict.fromkeys(name for row in rows.values() for name in row))
    with whole(path) as part, open(part, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows[step] for step in sorted(rows))


class Tally:
    """Means of scalars since the last record; part of a checkpoint, so that a cut changes no record."""

    def __init__(self):
        self.sums: dict[str, float] = {}
        self.counts: dict[str, int] = {}

    def add(self, scalars: dict[str, float]) -> None:
        for name, value in scalars.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
            self.counts[name] = self.counts.get(name, 0) + 1

    def take(self) -> dict[str, float]:
        """Return the means and begin anew."""
        means = {name: total / self.counts[name] for name, total in self.sums.items()}
        self.sums, self.counts = {}, {}
        return means

    def state_dict(self) -> dict[str, Any]:
        return {"sums": self.sums, "counts": self.counts}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.sums, self.counts = state["sums"], state["counts"]
