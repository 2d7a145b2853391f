"""Rows compared over several runs: numbers, table, differences and their notes, all from one form of scores.

A *row* is what was scored (trained, random, pixels, ...), a *group* a row at one place of the table (a probe, a layer,
a number of labels), a *run* one seed, draw of labels or initialisation of a group.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from avssl.metrics.bootstrap import Difference, paired_difference
from avssl.report.scores import RANDOM, TRAINED

T = TypeVar("T")
Values = Mapping[str, np.ndarray]  # by metric, one value per run


@dataclass(frozen=True, kw_only=True)
class Group:
    """A row at one place of a table.

    Args:
        row: ``"trained"``, ``"random"``, ...
        place: pairs of a column and its text, such as ``("layer", "conv5")``; empty text where a row has no such thing.
        prefix: stands before the place in names of numbers alone.
    """

    row: str
    place: tuple[tuple[str, str], ...] = ()
    prefix: str = ""

    def __getitem__(self, column: str) -> str:
        return dict(self.place)[column]

    @property
    def cells(self) -> dict[str, str]:
        """The first cells of the group's line: its place, then its row."""
        return {column: text or ("" if number else "none") for number, (column, text) in enumerate(self.place)} | {
            "row": self.row
        }

    def path(self, metric: str) -> str:
        """Return the name of a number of the group, such as ``"trained/linear/all/conv5/accuracy"``."""
        return "/".join(filter(None, (self.row, self.prefix, *(text for _, text in self.place), metric)))

    def beside(self, row: str) -> "Group":
        """Return another row at the same place."""
        return replace(self, row=row)

    def __str__(self) -> str:
        texts = (f"{text} labels" if column == "labels" else text for column, text in self.place)
        return ", ".join(filter(None, (self.row, *texts)))


def group_at(row: str, /, *, prefix: str = "", **place: str) -> Group:
    """Return a row at a place of the table.

    Examples:
        >>> group = group_at("trained", head="ridge", labels="50")
        >>> group.path("pck"), str(group), group.cells
        ('trained/ridge/50/pck', 'trained, ridge, 50 labels', {'head': 'ridge', 'labels': '50', 'row': 'trained'})
    """
    return Group(row=row, place=tuple(place.items()), prefix=prefix)


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A score and how it is written.

    Args:
        name: in ``numbers``.
        column: over its column.
        scale: what it is written in: 100 for percent, 1 as it is.
        form: format of the scaled value.
        unit: after a difference.
        spread: write the deviation over runs in the table.
    """

    name: str
    column: str
    scale: float = 1.0
    form: str = ".1f"
    unit: str = ""
    spread: bool = False


def percent(name: str, column: str | None = None, spread: bool = True) -> Metric:
    """Return a share in [0, 1] that is written in percent."""
    return Metric(name=name, column=column or name, scale=100, unit="points", spread=spread)


def by_metric(runs: Sequence[Mapping[str, float]]) -> dict[str, np.ndarray]:
    """Return the scores of several runs, each by metric, as arrays over runs."""
    return {name: np.array([run[name] for run in runs]) for name in runs[0]}


def numbers_of(scores: Mapping[Group, Values]) -> dict[str, float]:
    """Return means over runs by name, such as ``trained/frozen/miou``."""
    return {group.path(name): float(values.mean()) for group, own in scores.items() for name, values in own.items()}


def table_of(scores: Mapping[Group, Values], metrics: Sequence[Metric]) -> tuple[dict[str, str], ...]:
    """Return the rows that a person reads, one per group; empty where a group lacks a metric."""
    return tuple(
        group.cells
        | {one.column: format_metric(values[one.name], one) if one.name in values else "" for one in metrics}
        for group, values in scores.items()
    )


def compared(groups: Mapping[Group, T], against: str = RANDOM) -> Iterator[tuple[Group, T, T]]:
    """Yield each group with its own content and with that of the row ``against`` at the same place, where it is."""
    for group, own in groups.items():
        other = groups.get(group.beside(against))
        if group.row != against and other is not None:
            yield group, own, other


def item_difference(ours: np.ndarray, theirs: np.ndarray, group: np.ndarray) -> Difference:
    """Return the paired difference of scores of items; a row of fewer runs is repeated beside one of more.

    Args:
        ours: score of each item, NaN where it does not count, ``(runs, items, columns)``.
        theirs: the same for the other row.
        group: name or number of the group of each item, ``(items,)``; of another length where scores are of classes:
            then each stands for itself.
    """
    runs, items = max(len(ours), len(theirs)), ours.shape[1]
    ours, theirs = (np.resize(side, (runs, *side.shape[1:])) for side in (ours, theirs))
    return paired_difference(ours, theirs, group if len(group) == items else np.arange(items))


def difference_numbers(found: Mapping[Group, Difference], metric: str, against: str = RANDOM) -> dict[str, float]:
    """Return differences by name, such as ``trained-random/frozen/miou/low``."""
    numbers = {}
    for group, one in found.items():
        name = group.beside(f"{group.row}-{against}").path(metric)
        numbers |= {name: one.mean, f"{name}/error": one.error, f"{name}/low": one.low, f"{name}/high": one.high}
    return numbers


def difference_notes(found: Mapping[Group, Difference], metric: Metric, against: str = RANDOM) -> Iterator[str]:
    """Yield a sentence for each difference, those of the trained encoder first."""
    for group, one in sorted(found.items(), key=lambda each: each[0].row != TRAINED):
        yield f"{group.beside(f'{group.row} − {against}')}: {format_difference(one, metric)} of {metric.column}"


def difference_rows(found: Mapping[Group, Difference], metric: str) -> list[dict[str, Any]]:
    """Return one row per difference, for a CSV file."""
    rows = [
        group.cells
        | {"measure": metric}
        | {name: round(getattr(one, name), 5) for name in ("mean", "error", "low", "high")}
        for group, one in found.items()
    ]
    return rows or [{"row": "none"}]


def format_metric(values: np.ndarray, metric: Metric) -> str:
    """Return the mean over runs as text.

    Examples:
        >>> format_metric(np.array([0.4, 0.6]), percent("accuracy"))
        '50.0 ± 14.1'
    """
    return format_mean(values, metric.scale, metric.form, metric.spread)


def format_mean(values: np.ndarray, scale: float = 100, form: str = ".1f", spread: bool = True) -> str:
    """Return a mean, by default in percent, and with ``spread`` the deviation if there are several values."""
    deviation = f" ± {scale * values.std(ddof=1):{form}}" if spread and len(values) > 1 else ""
    return f"{scale * values.mean():{form}}{deviation}"


def format_percent(share: float) -> str:
    """Return a share in percent, without the sign."""
    return f"{100 * share:.1f}"


def format_difference(one: Difference, metric: Metric) -> str:
    """Return a difference as text: mean, standard error where there are several runs, interval and unit."""
    mean, error, low, high = (metric.scale * value for value in (one.mean, one.error, one.low, one.high))
    doubt = f" ± {error:{metric.form}}" if one.draws > 1 else ""  # a single run does not tell its error
    return f"{mean:+{metric.form}}{doubt} (95 % {low:+{metric.form}} to {high:+{metric.form}}) {metric.unit}".rstrip()
