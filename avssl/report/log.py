"""The log of a run as charts: which curves belong together, and which chance level goes with them."""

from dataclasses import dataclass, field
from pathlib import Path

from avssl.report.records import numbers
from avssl.training.journal import LOG

SIDES = {"": "batches", "train": "training", "held_out": "held-out"}
FIRST = ("loss", "balanced_accuracy", "auc")  # what a person looks for first
CHANCE = {"auc": 0.5, "balanced_accuracy": 0.5}
FLOOR = "pixel_"  # what plain pixels reach stands beside what the network reaches
MOST = 200  # charts
NAMES = {"auc": "AUC", "lr": "learning rate"}


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
    floor = next((known for known in FIRST if quantity.startswith(FLOOR + known)), None)
    chart = charts.setdefault(floor or quantity, Chart(floor or quantity, chance=CHANCE.get(floor or quantity)))
    side = SIDES.get(prefix, prefix)
    kind = "" if floor is None else quantity.removeprefix(FLOOR + floor).replace("_", " ")  # " plain": before the views
    label = side if floor is None else f"{side},{kind} pixels"
    line = chart.lines.setdefault(label, Line(label, side, dashed=floor is not None, faint=bool(kind)))
    line.points.append((step, value))


def place(name: str) -> int:
    return FIRST.index(name) if name in FIRST else len(FIRST)
