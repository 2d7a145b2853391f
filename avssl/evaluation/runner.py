"""Run an evaluator on a run and put what it found into the run's folder."""

import csv
import math
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from avssl.config import ConfigError, Trust, trusting
from avssl.evaluation.asking import ask
from avssl.evaluation.base import Evaluator, MethodEvaluator
from avssl.evaluation.suggestions import suggestions
from avssl.features.device import find_device
from avssl.features.runs import find_run, fresh_methods
from avssl.features.sharing import from_environment
from avssl.features.subject import find_subject
from avssl.nets import Encoder
from avssl.progress import Bar
from avssl.report import write_report
from avssl.report.scores import TRAINED, Scores, lines
from avssl.screen import print_table
from avssl.text import printable, to_json
from avssl.training.export import ENCODER, load_method
from avssl.version import __version__

SCORES = "scores.jsonl"


def evaluate(
    evaluator: Evaluator | MethodEvaluator,
    run: str | Path | None = None,
    weights: str | Path | None = None,
    encoder: Encoder | None = None,
    out: str | Path | None = None,
    runs: str | Path = "runs",
    device: str = "auto",
    trust: Trust = (),
    export: str = ENCODER,
) -> Scores:
    """Score the encoder of a run, or weights from elsewhere; print one table, and write the results into the folder.

    The folder gains ``scores.jsonl`` (one line per evaluation: numbers, protocol, table, notes), CSV tables and
    pictures under the evaluator's name, and its ``report.html`` anew. What was computed is kept there too, under
    ``kept``: an interrupted evaluation goes on where it stopped.

    Args:
        evaluator: what to ask; one that asks whole methods takes a run alone, see `evaluate_method`.
        run: folder of the run; None for the one that was written last.
        weights: score these instead: a ``.safetensors`` or ``.pth`` with torchvision's keys, or an export of ours.
        encoder: the architecture of ``weights``, or of a run whose settings do not tell it; None for that of the run,
            or the one that an export names.
        out: folder that the results of ``weights`` go to; None for ``<runs>/<name of the file>``.
        runs: where runs lie.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.
        trust: packages whose classes the run may name and so run, see `avssl.load_encoder`.
        export: which of the run's encoders, by the name of its file, such as ``projected`` of SimCLR; results of
            another than ``encoder`` go to ``<run>/<export>``.

    Raises:
        ConfigError: if there is no such run, it has no weights, or weights do not fit the encoder.
    """
    if isinstance(evaluator, MethodEvaluator):
        if (weights, encoder, out, export) != (None, None, None, ENCODER):
            raise ConfigError(f"{type(evaluator).__name__} asks the whole method of a run: give run=FOLDER, no weights")
        return evaluate_method(evaluator, run, runs, device, trust)
    device = find_device(device)
    subject = find_subject(run, weights, encoder, out, runs, trust, export)
    what = str(subject.folder if weights is None else weights)
    with trusting(trust):  # further rows are runs and files too
        return score_and_write(evaluator, what, subject.folder, lambda cache: ask(evaluator, subject, cache, device))


def evaluate_method(
    evaluator: MethodEvaluator,
    run: str | Path | None = None,
    runs: str | Path = "runs",
    device: str = "auto",
    trust: Trust = (),
) -> Scores:
    """Score the whole method of a run, as `evaluate` scores its encoder.

    Args:
        evaluator: what to ask.
        run: folder of the run; None for the one that was written last.
        runs: where runs lie.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.
        trust: packages whose classes the run may name and so run, see `avssl.load_encoder`.

    Raises:
        ConfigError: if there is no such run, or its method cannot be asked this.
        TrainingError: if the run has no checkpoint.
    """
    device, folder = find_device(device), find_run(run, runs)
    method, fresh = load_method(folder, trust=trust), fresh_methods(folder, trust)
    return score_and_write(
        evaluator, str(folder), folder, lambda cache: evaluator(method, fresh=fresh, folder=cache, device=device)
    )


def score_and_write(
    evaluator: Evaluator | MethodEvaluator, what: str, folder: Path, asked: Callable[[Path], Scores]
) -> Scores:
    """Ask, print one table, and write the results into the folder."""
    console = Console()
    console.print(f"{type(evaluator).__name__} of {what}")
    started = time.monotonic()
    with Bar(type(evaluator).__name__, None, getattr(evaluator, "quiet", False) or from_environment().rank > 0):
        scores = asked(folder / evaluator.name / "kept")
    if from_environment().rank:
        return scores  # processes share the work; the first one writes
    show(scores, console)
    write_scores(scores, evaluator, folder, time.monotonic() - started)
    page = write_report(folder, suggested=suggestions(folder))
    console.print(f"Written: {folder / SCORES}, {folder / evaluator.name}, {page}")
    return scores


def show(scores: Scores, console: Console) -> None:
    """Print the table, the notes and the protocol."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column, cell in scores.table[0].items():
        table.add_column(column, justify="right" if cell[:1].isdigit() else "left")
    for number, line in enumerate(lines(scores.table)):
        if number and line.starts:
            table.add_section()
        table.add_row(*line.cells.values(), style="bold" if line.cells.get("row") == TRAINED else None)
    console.print(f"\n{scores.title}", style="bold")
    print_table(console, table)
    for note in scores.notes:
        console.print(f"• {note}")
    plain = {name: value for name, value in scores.protocol.items() if not isinstance(value, Mapping) and value != []}
    console.print("Protocol: " + "; ".join(f"{name}: {value}" for name, value in plain.items()), style="dim")


def write_scores(scores: Scores, evaluator: Evaluator | MethodEvaluator, run: Path, seconds: float) -> None:
    """Write tables and pictures under ``run/<evaluator>`` and add a line to ``run/scores.jsonl``."""
    folder = run / evaluator.name
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in scores.tables.items():
        write_csv(folder / f"{name}.csv", rows)
    for name, picture in scores.pictures.items():
        picture.save(folder / f"{name}.png")
    for name, page in scores.pages.items():
        (folder / f"{name}.html").write_text(printable(page), encoding="utf-8")
    record = {
        "evaluator": type(evaluator).__name__,
        "name": evaluator.name,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds, 1),
        "version": __version__,
        "title": scores.title,
        "numbers": {name: value if math.isfinite(value) else None for name, value in scores.numbers.items()},
        "protocol": scores.protocol,
        "table": scores.table,
        "notes": scores.notes,
        "tables": {name: f"{evaluator.name}/{name}.csv" for name in scores.tables},
        "pictures": {name: f"{evaluator.name}/{name}.png" for name in scores.pictures},
        "pages": {name: f"{evaluator.name}/{name}.html" for name in scores.pages},
    }
    line = to_json(record)
    with open(run / SCORES, "a", encoding="utf-8") as file:
        file.write(line + "\n")


def write_csv(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows of equal columns; the first row names them."""
    rows = list(rows)
    with open(path, "w", newline="", encoding="utf-8", errors="backslashreplace") as file:  # for people
        writer = csv.DictWriter(file, list(rows[0]) if rows else [], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
