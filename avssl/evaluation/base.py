"""The contract of evaluators: an encoder goes in, scores come out that name the protocol they were taken with."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any

from PIL.Image import Image

from avssl.methods import Method
from avssl.nets import Encoder

Fresh = Callable[[int], Encoder]  # a seed -> an encoder of the same architecture with initial weights
FreshMethod = Callable[[int], Method]  # a seed -> a method of the same settings with initial weights


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
    """Return a table's rows to show: the columns before ``row`` make groups and are told once a group.

    Examples:
        >>> table = [{"labels": "50", "row": "random"}, {"labels": "50", "row": "trained"}]
        >>> [(line.cells, line.starts) for line in lines(table)]
        [({'labels': '50', 'row': 'random'}, True), ({'labels': '', 'row': 'trained'}, False)]
    """
    shown = []
    for number, row in enumerate(table):
        before = table[number - 1] if number else {}
        leading = list(takewhile(lambda column: column != "row", row))
        told = list(takewhile(lambda column, row=row, before=before: row[column] == before.get(column), leading))
        starts = number == 0 or told != leading
        shown.append(Line({**row, **dict.fromkeys(told, "")}, starts))
    return shown


class Evaluator(ABC):
    """Asks what an encoder knows; it always asks a random initialisation of the same architecture too.

    Attributes:
        name: the folder in the run that the results go to.
    """

    name: str

    @abstractmethod
    def __call__(
        self, encoder: Encoder, fresh: Fresh | None = None, folder: Path | None = None, device: str = "cpu"
    ) -> Scores:
        """Return the scores of an encoder.

        Args:
            encoder: what is judged; its weights are not changed.
            fresh: makes encoders of the same architecture with initial weights; None re-initialises copies, see
                `avssl.evaluation.rows.reinitialised`.
            folder: where what is computed may be kept, so that an interrupted evaluation goes on; None keeps nothing.
            device: where networks run.
        """


class MethodEvaluator(ABC):
    """Asks what a whole method can do, heads and all, where an encoder alone cannot be asked.

    Attributes:
        name: the folder in the run that the results go to.
    """

    name: str

    @abstractmethod
    def __call__(self, method: Method, fresh: FreshMethod, folder: Path | None = None, device: str = "cpu") -> Scores:
        """Return the scores of a method; those of initial weights stand beside them.

        Args:
            method: what is judged; its weights are not changed.
            fresh: makes methods of the same settings with initial weights.
            folder: where what is computed may be kept; None keeps nothing.
            device: where networks run.

        Raises:
            ConfigError: if the method cannot be asked this, see `avssl.methods.sound.base`.
        """
