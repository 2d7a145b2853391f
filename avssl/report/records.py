"""What a run's folder says of itself, line by line: what is not as it should be is left out, and told."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from avssl.config import ConfigError
from avssl.config.plainness import require_plain

LONGEST = 2**22  # bytes of a line
GREATEST = 1e100  # what a chart can draw
SHOWN = 20  # complaints


class Score(BaseModel):
    """A line of ``scores.jsonl``, as `avssl.evaluation.runner.write_scores` writes it."""

    model_config = ConfigDict(strict=True)

    evaluator: str
    name: str = ""  # of older lines, what they wrote lies in a folder of that name
    title: str = ""
    time: str
    seconds: Annotated[float, Field(ge=0, lt=GREATEST)] = 0.0
    protocol: dict[str, Any] = {}
    table: list[dict[str, str | int | float | None]] = []
    notes: list[str] = []
    pictures: dict[str, str] = {}
    pages: dict[str, str] = {}

    def asked(self) -> str:
        """Return the name of what was asked: one evaluator may ask different things."""
        written = [*self.pictures.values(), *self.pages.values()]
        return self.name or next((path.partition("/")[0] for path in written if "/" in path), self.evaluator)


class Drawn(BaseModel):
    """A line of ``inputs/inputs.jsonl``, as `avssl.report.inputs.draw_inputs` writes it."""

    model_config = ConfigDict(strict=True)

    item: str
    name: str
    what: str
    picture: str


class Session(BaseModel):
    """A line of ``sessions.jsonl``, as `avssl.training.sessions` writes it."""

    model_config = ConfigDict(strict=True)

    began: str
    from_step: Annotated[int, Field(ge=0)]
    to_step: Annotated[int, Field(ge=0)]
    seconds: Annotated[float, Field(ge=0, lt=GREATEST)]
    device: str
    machine: str
    versions: str
    commit: str = ""
    data: str = ""


class Failure(BaseModel):
    """A line of ``failures.jsonl``."""

    model_config = ConfigDict(strict=True)

    path: str
    error: str


class Warned(BaseModel):
    """A line of ``warnings.jsonl``."""

    model_config = ConfigDict(strict=True)

    step: Annotated[int, Field(ge=0)]
    warning: str


def read_lines(path: Path, left_out: list[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield number and content of each whole line of JSON; a last line that was cut off is left out in silence.

    Args:
        path: the file; none of them if it is not there.
        left_out: gains a line for each that cannot be read.
    """
    try:
        file = open(path, "rb")  # noqa: SIM115 (closed by the block below)
    except FileNotFoundError:
        return
    except OSError as error:
        left_out.append(f"{path.name}: {error.strerror}")
        return
    with file:
        number = 0
        while line := file.readline(LONGEST + 1):
            number += 1
            if not line.endswith(b"\n"):
                if len(line) <= LONGEST:
                    return  # an interruption cut it off
                left_out.append(f"{path.name}, line {number}: is longer than {LONGEST} bytes")
                while line and not line.endswith(b"\n"):
                    line = file.readline(LONGEST)
                continue
            try:
                yield number, content(line)
            except (ValueError, RecursionError) as error:
                reason = str(error) if isinstance(error, ConfigError) else "is no readable JSON"
                left_out.append(f"{path.name}, line {number}: {reason}")


def content(line: bytes) -> dict[str, Any]:
    """Return what a line of JSON says.

    Raises:
        ValueError: if it is no mapping of plain values in UTF-8.
    """
    found = json.loads(line.decode("utf-8"))
    if not isinstance(found, dict):
        raise ConfigError(f"is a {type(found).__name__}, not a record")
    require_plain(found)
    return found


def numbers(path: Path, left_out: list[str]) -> Iterator[tuple[float, dict[str, float]]]:
    """Yield the step and the numbers of each record of a log; text and what a chart cannot draw are left out."""
    for number, record in read_lines(path, left_out):
        step = drawable(record.get("step"))
        if step is None:
            left_out.append(f"{path.name}, line {number}: names no step")
            continue
        found = {name: drawable(value) for name, value in record.items() if name not in ("step", "epoch")}
        odd = [name for name, value in record.items() if is_number(value) and drawable(value) is None]
        left_out += [f"{path.name}, line {number}: {name[:80]!r} is no number that can be drawn" for name in odd]
        yield step, {name: value for name, value in found.items() if value is not None}


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def drawable(value: Any) -> float | None:
    """Return a number that a chart can draw, None for anything else."""
    return float(value) if is_number(value) and abs(value) < GREATEST else None


def read_scores(path: Path, left_out: list[str]) -> list[Score]:
    """Return the last line of each thing that was asked in ``scores.jsonl``."""
    found: dict[str, Score] = {}
    for number, record in read_lines(path, left_out):
        try:
            score = Score.model_validate(record)
            datetime.fromisoformat(score.time).astimezone()
            if len({tuple(row) for row in score.table}) > 1:
                raise ValueError("rows of its table differ in their columns")
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part)[:80] for part in first["loc"])
            left_out.append(f"{path.name}, line {number}: {where}: {first['msg']}")
        except (ValueError, OverflowError) as error:
            left_out.append(f"{path.name}, line {number}: {error}")
        else:
            found[score.asked()] = score
    return list(found.values())


def read_failures(path: Path, left_out: list[str]) -> list[Failure]:
    """Return the recordings that could not be read, with their last error."""
    found: dict[str, Failure] = {}
    for number, record in read_lines(path, left_out):
        try:
            failure = Failure.model_validate(record)
        except ValidationError:
            left_out.append(f"{path.name}, line {number}: names no recording and no error")
        else:
            found[failure.path] = failure
    return list(found.values())


def read_warnings(path: Path, left_out: list[str]) -> list[str]:
    """Return what a run warned of, a line each, the latest first."""
    found: list[str] = []
    for number, record in read_lines(path, left_out):
        try:
            warned = Warned.model_validate(record)
        except ValidationError:
            left_out.append(f"{path.name}, line {number}: names no step and no warning")
        else:
            found.append(f"step {warned.step}: {warned.warning[:400].removeprefix('warning: ')}")
    return found[::-1]


def read_sessions(path: Path, left_out: list[str]) -> list[Session]:
    """Return the sessions that a run was trained in, in their order."""
    found: list[Session] = []
    for number, record in read_lines(path, left_out):
        try:
            session = Session.model_validate(record)
            datetime.fromisoformat(session.began).astimezone()
        except (ValueError, OverflowError):
            left_out.append(f"{path.name}, line {number}: names no session of a training")
        else:
            found.append(session)
    return found


def read_drawn(path: Path, left_out: list[str]) -> list[Drawn]:
    """Return the pictures of what the method sees."""
    found: list[Drawn] = []
    for number, record in read_lines(path, left_out):
        try:
            found.append(Drawn.model_validate(record))
        except ValidationError:
            left_out.append(f"{path.name}, line {number}: names no picture of an item")
    return found


def shortened(left_out: list[str]) -> list[str]:
    """Return complaints as they are shown: each in one line, and not more than anybody reads."""
    lines = [" ".join("".join(sign if sign.isprintable() else "?" for sign in line).split()) for line in left_out]
    more = len(lines) - SHOWN
    return [*lines[:SHOWN], f"and {more} more"] if more > 0 else lines
