"""Compare runs by the same evaluations, in one table; what is not trained yet is trained first."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table as Printed

from avssl.config import ConfigError, Trust, build, plan, read, trusting
from avssl.config.finding import find
from avssl.evaluation.base import Evaluator, MethodEvaluator
from avssl.evaluation.suite.question import Question
from avssl.evaluation.suite.table import (
    Answers,
    Column,
    draw,
    headed,
    table_of,
    to_markdown,
    to_page,
    write_csv,
    written,
)
from avssl.features.device import find_device
from avssl.features.subject import find_subject
from avssl.screen import print_table
from avssl.text import printable
from avssl.training.export import ENCODER, FILE

PAGE, MARKDOWN, CSV, PICTURE = "page.html", "table.md", "table.csv", "table.png"


def compare(
    questions: Sequence[Question],
    runs: Mapping[str, Sequence[str]] | None = None,
    configs: Mapping[str, str] | None = None,
    seeds: Sequence[int] = (0, 1, 2),
    settings: Sequence[str] = (),
    title: str = "What is each of them good for?",
    out: str | Path = "runs/compare",
    device: str = "auto",
    trust: Trust = (),
    export: str = ENCODER,
) -> dict[str, dict[str, Any]]:
    """Ask the same of all runs, and write one table: means and standard errors over seeds, and the floors.

    Questions are asked of encoders or of whole methods, as their evaluators are. Where an evaluator declares that it
    cannot ask an encoder or a method of some kind, the row has a dash, and a note says why; any other failure is one.

    ``out`` gains ``table.md``, ``table.csv``, ``table.png`` and ``page.html``, and ``kept``: an answer is computed
    once, floors once for all runs, so a comparison that was cut off, or that grows by a row, goes on.

    Args:
        questions: what to ask, and the columns.
        runs: from the name of a row to folders of its runs, one for each seed.
        configs: further rows: from a name to a training config, which is trained once for each seed under
            ``<out>/runs``; what is trained there is not trained again.
        seeds: of those trainings; they are also the seeds of their data where it has one.
        settings: overrides of all training configs, such as ``"workers=1"``.
        title: of the page.
        out: folder of results.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.
        trust: packages whose classes the runs may name and so run.
        export: which of the runs' encoders, by the name of its file.

    Returns:
        The table: from row and heading to the values in the column's scale.

    Raises:
        ConfigError: if there is nothing to compare, a run is not there, or a column names no number.
    """
    if not questions or not (runs or configs):
        raise ConfigError("compare needs questions, and runs or configs to ask them of")
    out, device, console = Path(out), find_device(device), Console()
    columns = columns_of(questions)
    evaluators = [question.evaluator() for question in questions]
    folders = {row: list(own) for row, own in (runs or {}).items()}
    for row, config in (configs or {}).items():
        if row in folders:
            raise ConfigError(f"{row} is among runs and configs; give one of them another name")
        folders[row] = [str(trained(row, config, seed, settings, out)) for seed in seeds]
    for row, own in folders.items():
        if not own:
            raise ConfigError(f"runs.{row}: no folder; give one for each seed")
    with trusting(trust):
        found, refused = answers_of(folders, questions, evaluators, out / "kept", device, trust, export)
    table = table_of(found, columns)
    write(out, title, table, columns, folders, refused)
    show(table, columns, console)
    console.print(printable(f"Written: {out / MARKDOWN}, {out / CSV}, {out / PAGE}"))
    return {row: {heading: cell.values for heading, cell in cells.items()} for row, cells in table.items()}


def answers_of(
    folders: Mapping[str, Sequence[str]],
    questions: Sequence[Question],
    evaluators: Sequence[Evaluator | MethodEvaluator],
    kept: Path,
    device: str,
    trust: Trust,
    export: str,
) -> tuple[dict[str, list[Answers]], dict[str, str]]:
    """Return the answers of all runs, by row; and why some cannot be asked, by row and headings."""
    found: dict[str, list[Answers]] = {row: [] for row in folders}
    refused: dict[str, str] = {}
    for row, own in folders.items():
        for folder in own:
            subject = find_subject(folder, trust=trust, export=export)
            answers: Answers = {}
            for question, evaluator in zip(questions, evaluators, strict=True):
                print(printable(f"{row}: {question.config} of {folder}"))
                numbers = question.ask(evaluator, subject, kept, device)
                if isinstance(numbers, str):
                    refused[f"{row}, {', '.join(question.columns)}"] = numbers
                    continue
                for name, heading, value in question.found(numbers):
                    answers.setdefault(name, {})[heading] = value
            found[row].append(answers)
    return found, refused


def columns_of(questions: Sequence[Question]) -> list[Column]:
    """Return all columns in order.

    Raises:
        ConfigError: if two have the same heading.
    """
    columns = [
        Column(heading=heading, scale=one.scale, digits=one.digits, less=one.less)
        for one in questions
        for heading in one.columns
    ]
    names = [one.heading for one in columns]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigError(f"columns: {twice!r} is there twice; give each a heading of its own")
    return columns


def trained(row: str, config: str, seed: int, settings: Sequence[str], out: Path) -> Path:
    """Return the folder of a run of a config, trained now or before; one that was cut off goes on."""
    folder = out / "runs" / f"{row.replace('/', '_').replace(' ', '_')}_{seed}"
    if not (folder / FILE).exists():
        found = read(find(config), [*settings, f"seed={seed}"])
        found["out"] = str(folder)
        if isinstance(found.get("data"), dict) and "seed" in found["data"]:
            found["data"]["seed"] = seed
        build(plan("avssl.training", "train", found), seed)
    return folder


def write(
    out: Path,
    title: str,
    table: Mapping[str, Mapping[str, Any]],
    columns: Sequence[Column],
    folders: Mapping[str, Sequence[str]],
    refused: Mapping[str, str],
) -> None:
    """Write the table in all forms, and under it why there are dashes in it."""
    out.mkdir(parents=True, exist_ok=True)
    counts = sorted({len(own) for own in folders.values()})
    over = " or ".join(map(str, counts))
    notes = [
        f"Means over {over} runs a row, ± their standard error. Bold: better than random weights of the same network "
        "by more than two standard errors of the difference over runs. Rows without an error are one value each; "
        "those of random weights are means over starts.",
        *(f"– in {cells}: {reason}." for cells, reason in refused.items()),
    ]
    (out / MARKDOWN).write_text(printable(to_markdown(table, columns, notes)), encoding="utf-8")
    write_csv(out / CSV, table, columns)
    draw(table, columns, list(folders)).save(out / PICTURE)
    links = {row: [page for one in own if (page := report_of(one, out))] for row, own in folders.items()}
    (out / PAGE).write_text(printable(to_page(title, table, columns, links, notes)), encoding="utf-8")


def report_of(run: str, out: Path) -> str | None:
    """Return where the page of a run is, seen from the folder of the table; None if it has none."""
    page = Path(run) / "report.html"
    return Path(os.path.relpath(page, out)).as_posix() if page.exists() else None


def show(table: Mapping[str, Mapping[str, Any]], columns: Sequence[Column], console: Console) -> None:
    """Print the table."""
    printed = Printed(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    printed.add_column("row", no_wrap=True)
    for one in columns:
        printed.add_column(headed(one), justify="right")
    for row, cells in table.items():
        texts = [written(cells.get(one.heading), one) for one in columns]
        marks = [bool(cell and cell.above) for one in columns for cell in [cells.get(one.heading)]]
        printed.add_row(row, *(f"[bold]{t}[/]" if mark else t for t, mark in zip(texts, marks, strict=True)))
    print_table(console, printed)
