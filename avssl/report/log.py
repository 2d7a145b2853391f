"""The log of a run as charts: which curves belong together, and which chance level goes with them."""

from dataclasses import dataclass, field
from pathlib import Path

from avssl.report.records import numbers
from avssl.training.journal import LOG

SIDES = {"": "batches", "train": "training", "held_out": "held-out"}
ASKED = ("loss", "balanced_accuracy", "auc")  # what a method's own question is answered by
MONITORED = ("knn_accuracy", "linear_accuracy")
RANKS = ("spread", "rank", "rankme")
FIRST = (*ASKED, *MONITORED, *RANKS)  # what a person looks for first
CHANCE = {"auc": 0.5, "balanced_accuracy": 0.5}
FLOOR = "pixel_"  # what plain pixels reach stands beside what the network reaches
GUESS = "_chance"  # and what a guess reaches, where it depends on the data
MOST = 200  # charts
NAMES = {
    "auc": "AUC",
    "lr": "learning rate",
    "knn_accuracy": "accuracy of nearest neighbours",
    "linear_accuracy": "accuracy of a linear probe",
    "spread": "spread of embeddings",
    "rank": "rank of embeddings",
    "rankme": "RankMe of features",
}
ABOUT = {
    "knn_accuracy": "How many test items their nearest training items name right, by the features of that step.",
    "linear_accuracy": "How many test items a linear classifier names right, fitted anew on features of that step.",
    "spread": "How far apart embeddings of items point: about 1 where they point everywhere, 0 where all are one. A "
    "fall to near 0 is a collapse, which the loss need not show.",
    "rank": "How many directions embeddings of items take up, from 1 to their length. A fall to a few says that most of "
    "the embedding lies idle: a collapse of dimensions, which the loss need not show.",
    "rankme": "How many directions features of items take up, at most their dimensions or the items, whichever are "
    "fewer. Of runs of one method, those of a higher rank tend to serve other tasks better.",
}


@dataclass(eq=False)
class Line:
    """One curve of a ``side``: ``points`` are (step, value); ``dashed`` for floors, ``faint`` for lesser ones."""

    name: str
    side: str
    points: list[tuple[float, float]] = field(default_factory=list)
    dashed: bool = False
    faint: bool = False


@dataclass(eq=False)
class Chart:
    """Curves of one quantity; ``chance`` is drawn as a level."""

    name: str
    lines: dict[str, Line] = field(default_factory=dict)
    chance: float | None = None

    @property
    def title(self) -> str:
        return NAMES.get(self.name, self.name.replace("_", " "))

    @property
    def about(self) -> str:
        """A sentence on what its curves mean; empty where the title says it."""
        return ABOUT.get(self.name, "")


def read_charts(run: Path, left_out: list[str] | None = None) -> list[Chart]:
    """Return the charts of ``run/log.jsonl``, the most asked for first; none if there is no log.

    A line holds ``step`` and numbers: means over batches under plain names such as ``loss``, measures of a data set
    under ``train/loss`` or ``held_out/auc``. What cannot be read or drawn is left out, and told in ``left_out``.
    """
    charts: dict[str, Chart] = {}
    left_out = [] if left_out is None else left_out
    for step, found in numbers(run / LOG, left_out):
        for name, value in found.items():
            add(charts, name, step, value)
    if len(charts) > MOST:
        left_out.append(f"{LOG}: {len(charts) - MOST} of {len(charts)} curves")
        charts = dict(sorted(charts.items(), key=lambda named: (place(named[0]), named[0]))[:MOST])
    for chart in charts.values():  # floors after what stands on them
        chart.lines = dict(sorted(chart.lines.items(), key=lambda named: named[1].dashed))
    return sorted(charts.values(), key=lambda chart: (place(chart.name), chart.name))


def add(charts: dict[str, Chart], name: str, step: float, value: float) -> None:
    """Put one number into the chart it belongs to."""
    prefix, _, quantity = name.rpartition("/")
    about, beside, faint = floor_of(quantity)
    chart = charts.setdefault(about, Chart(about, chance=CHANCE.get(about)))
    side = SIDES.get(prefix, prefix)
    label = f"{side}, {beside}" if beside else side
    line = chart.lines.setdefault(label, Line(label, side, dashed=bool(beside), faint=faint))
    line.points.append((step, value))


def floor_of(quantity: str) -> tuple[str, str, bool]:
    """Return which quantity a number stands beside (itself, if none), as what floor, and whether that is a lesser one.

    Examples:
        >>> floor_of("auc"), floor_of("pixel_auc"), floor_of("knn_accuracy_chance")
        (('auc', '', False), ('auc', 'pixels', False), ('knn_accuracy', 'chance', False))
        >>> floor_of("pixel_auc_plain")  # before the views
        ('auc', 'plain pixels', True)
    """
    for known in ASKED:
        if quantity.startswith(FLOOR + known):
            kind = quantity.removeprefix(FLOOR + known).replace("_", " ").strip()
            return known, f"{kind} pixels".strip(), bool(kind)
    if quantity.endswith(GUESS) and quantity.removesuffix(GUESS) in MONITORED:
        return quantity.removesuffix(GUESS), "chance", False
    return quantity, "", False


def place(name: str) -> int:
    return FIRST.index(name) if name in FIRST else len(FIRST)
