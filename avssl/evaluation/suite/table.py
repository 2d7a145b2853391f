"""The table of a suite: means over seeds with their errors, floors under them, as text, CSV, picture and page."""

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure
from PIL import Image

from avssl.report.figures import MORE_COLORS, ROW_COLORS, rendered
from avssl.report.markdown import markdown_table
from avssl.report.scores import RANDOM, TRAINED


@dataclass(frozen=True, kw_only=True)
class Column:
    """How a column is written."""

    heading: str
    scale: float
    digits: int
    less: bool


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A row's values in a column: one for each run, or one for a floor.

    Args:
        values: in the column's scale.
        above: better than random weights by more than two standard errors of the difference over runs; None where that
            cannot be told.
    """

    values: tuple[float, ...]
    above: bool | None = None

    @property
    def mean(self) -> float:
        return float(np.mean(self.values))

    @property
    def error(self) -> float | None:
        """The standard error over runs; None of a single one."""
        return float(np.std(self.values, ddof=1) / math.sqrt(len(self.values))) if len(self.values) > 1 else None


Answers = dict[str, dict[str, float]]  # of one run: by row (trained, random, ...), by heading
Table = Mapping[str, Mapping[str, Cell]]  # by row, by heading; a row may lack headings


def table_of(found: Mapping[str, Sequence[Answers]], columns: Sequence[Column]) -> dict[str, dict[str, Cell]]:
    """Return the rows of runs, each compared with random weights of its own network, and then the floors.

    A floor that differs between runs, as random weights do where networks differ, has a row for each of its values.

    Args:
        found: by the name of a row, what was answered for each of its runs.
        columns: all headings, with their scale and direction.
    """
    table: dict[str, dict[str, Cell]] = {row: {} for row in found}
    for one in columns:
        sign = -one.scale if one.less else one.scale
        for row, runs in found.items():
            values = np.array([run[TRAINED][one.heading] for run in runs if one.heading in run.get(TRAINED, {})])
            if not len(values):
                continue
            chance = [run.get(RANDOM, {}).get(one.heading) for run in runs]
            gain = Cell(values=tuple(sign * (values - np.array(chance)))) if None not in chance else None
            above = None if gain is None or gain.error is None else gain.mean > 2 * gain.error
            table[row][one.heading] = Cell(values=tuple(one.scale * values), above=above)
    return table | floors_of(found, columns)


def floors_of(found: Mapping[str, Sequence[Answers]], columns: Sequence[Column]) -> dict[str, dict[str, Cell]]:
    """Return the rows of floors by name; rows of runs whose floor is the same share its row."""
    common: dict[str, dict[str, Cell]] = {}
    apart: dict[str, dict[str, dict[str, Cell]]] = {}  # by floor, by row of runs, by heading
    for row, runs in found.items():
        for run in runs:
            for name in run.keys() - {TRAINED}:
                for one in columns:
                    if one.heading in run[name]:
                        cell = Cell(values=(one.scale * run[name][one.heading],))
                        known = common.setdefault(name, {}).setdefault(one.heading, cell)
                        if not alike(known, cell):
                            apart.setdefault(name, {}).setdefault(row, {})[one.heading] = cell
    floors: dict[str, dict[str, Cell]] = {}
    for name in sorted(common):
        floors[name] = common[name]
        shared: list[tuple[list[str], dict[str, Cell]]] = []
        for row, cells in apart.get(name, {}).items():
            same = next((rows for rows, known in shared if same_cells(known, cells)), None)
            if same is None:
                shared.append(([row], cells))
            else:
                same.append(row)
        floors |= {f"{name} of {', '.join(rows)}": cells for rows, cells in shared}
    return floors


def same_cells(one: Mapping[str, Cell], other: Mapping[str, Cell]) -> bool:
    return one.keys() == other.keys() and all(alike(one[heading], other[heading]) for heading in one)


def alike(one: Cell, other: Cell) -> bool:
    return math.isclose(one.mean, other.mean, rel_tol=1e-9)


def written(cell: Cell | None, column: Column) -> str:
    """Return a cell as text.

    Examples:
        >>> column = Column(heading="kNN", scale=100, digits=1, less=False)
        >>> written(Cell(values=(80.0, 82.0)), column), written(Cell(values=(70.0,)), column), written(None, column)
        ('81.0 ± 1.0', '70.0', '–')
    """
    if cell is None:
        return "–"
    error = "" if cell.error is None else f" ± {cell.error:.{column.digits}f}"
    return f"{cell.mean:.{column.digits}f}{error}"


def headed(column: Column) -> str:
    return f"{column.heading} (less is better)" if column.less else column.heading


def to_markdown(table: Table, columns: Sequence[Column], notes: Sequence[str]) -> str:
    """Return the table in Markdown, what beats random weights in bold, and the notes under it."""
    lines = []
    for row, cells in table.items():
        texts = []
        for one in columns:
            cell = cells.get(one.heading)
            text = written(cell, one)
            texts.append(f"**{text}**" if cell is not None and cell.above else text)
        lines.append([row, *texts])
    return "\n".join([*markdown_table(["row", *map(headed, columns)], lines), "", *notes, ""])


def write_csv(path: Path, table: Table, columns: Sequence[Column]) -> None:
    """Write one line for each cell, with the value of every run."""
    with open(path, "w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["row", "column", "mean", "error", "runs", "above_random", "values"])
        for row, cells in table.items():
            for one in columns:
                cell = cells.get(one.heading)
                if cell is not None:
                    error = "" if cell.error is None else f"{cell.error:.6g}"
                    above = "" if cell.above is None else cell.above
                    values = " ".join(f"{value:.6g}" for value in cell.values)
                    writer.writerow([row, one.heading, f"{cell.mean:.6g}", error, len(cell.values), above, values])


def draw(table: Table, columns: Sequence[Column], runs: Sequence[str]) -> Image.Image:
    """Draw a panel for each column: a dot for each run of a row, and a line for each floor."""
    floors = [row for row in table if row not in runs]
    extra = iter(MORE_COLORS * (1 + len(floors)))
    colors = {row: ROW_COLORS.get(row) or next(extra) for row in floors}
    wide = 1.2 + 2.4 * len(columns)
    figure = Figure(figsize=(wide, 1.3 + 0.32 * len(runs)), dpi=110, layout="constrained")
    panels = figure.subplots(1, len(columns), squeeze=False, sharey=True)[0]
    for panel, one in zip(panels, columns, strict=True):
        for number, row in enumerate(runs):
            cell = table.get(row, {}).get(one.heading)
            if cell is not None:
                panel.plot(cell.values, [number] * len(cell.values), "o", color="#2a6fdb", alpha=0.7, markersize=5)
        for row in floors:
            cell = table[row].get(one.heading)
            if cell is not None:
                panel.axvline(cell.mean, color=colors[row], linewidth=1.4, label=row)
        panel.set_title(f"{one.heading} {'←' if one.less else '→'}", fontsize=9)
        panel.set_yticks(range(len(runs)), runs, fontsize=9)
        panel.tick_params(axis="x", labelsize=8)
        panel.grid(axis="y", alpha=0.25)
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].invert_yaxis()
    known = {label: line for panel in panels for line, label in zip(*panel.get_legend_handles_labels(), strict=True)}
    figure.legend(known.values(), known.keys(), loc="outside lower center", ncols=max(1, len(known)), fontsize=8)
    return rendered(figure)


def to_page(
    title: str, table: Table, columns: Sequence[Column], links: Mapping[str, Sequence[str]], notes: Sequence[str]
) -> str:
    """Return the page: the picture ``table.png`` beside it, the table with shades within each column, links to runs."""
    rows = []
    for row, cells in table.items():
        shown = []
        for one in columns:
            cell = cells.get(one.heading)
            means = [other[one.heading].mean for other in table.values() if one.heading in other]
            low, high = min(means, default=0.0), max(means, default=0.0)
            share = 0.5 if cell is None or high == low else (cell.mean - low) / (high - low)
            shade = 0 if cell is None else round(45 * (1 - share if one.less else share))
            shown.append({"text": written(cell, one), "shade": shade, "above": bool(cell and cell.above)})
        rows.append({"name": row, "cells": shown, "links": links.get(row, [])})
    loader = PackageLoader("avssl.evaluation.suite", ".")
    template = Environment(loader=loader, autoescape=True, undefined=StrictUndefined).get_template("page.html")
    return template.render(title=title, headings=[headed(one) for one in columns], rows=rows, notes=notes)
