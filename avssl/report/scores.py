"""What evaluators found: numbers with their protocol, a table for a person, and the names of its rows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

from PIL.Image import Image

TRAINED, RANDOM, PIXELS, HOG, LOG_MEL = "trained", "random", "pixels", "hog", "log-mel"  # rows that evaluators have
CHANCE = "chance"


@dataclass(frozen=True, eq=False, kw_only=True)
class Scores:
    """What an evaluator found.

    Args:
        title: one line on what was asked.
        numbers: every score by name, in the units of the metric (shares in [0, 1], not percent).
        protocol: all that a number depends on, as plain values: data, sizes, normaliser, threshold, heads.
        table: the rows that a person reads, each from column to text; all rows have the same columns.
        notes: sentences under the table: chance levels, differences and their intervals, what was skipped.
        tables: longer tables by name, one CSV file each; rows from column to value.
        pictures: pictures by name.
        pages: HTML pages by name, each whole in itself.
    """

    title: str
    numbers: Mapping[str, float]
    protocol: Mapping[str, Any]
    table: tuple[Mapping[str, str], ...]
    notes: tuple[str, ...] = ()
    tables: Mapping[str, Iterable[Mapping[str, Any]]] = field(default_factory=dict)
    pictures: Mapping[str, Image] = field(default_factory=dict)
    pages: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Line:
    """A row of a table as it is shown: ``cells``, and whether a group ``starts`` with it."""

    cells: Mapping[str, str]
    starts: bool


def lines(table: Sequence[Mapping[str, str]]) -> list[Line]:
    """Return a table's rows to show: the columns before ``row`` make groups and are written once per group.

    Examples:
        >>> table = [{"labels": "50", "row": "random"}, {"labels": "50", "row": "trained"}]
        >>> [(line.cells, line.starts) for line in lines(table)]
        [({'labels': '50', 'row': 'random'}, True), ({'labels': '', 'row': 'trained'}, False)]
    """
    shown = []
    for number, row in enumerate(table):
        before = table[number - 1] if number else {}
        leading = list(takewhile(lambda column: column != "row", row))
        same = list(takewhile(lambda column, row=row, before=before: row[column] == before.get(column), leading))
        starts = number == 0 or same != leading
        shown.append(Line({**row, **dict.fromkeys(same, "")}, starts))
    return shown
