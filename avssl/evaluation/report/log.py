"""The log of a run as charts: which curves belong together, and which chance level goes with them."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from avssl.training.journal import LOG, read

SIDES = {"train": "training", "training": "training", "heldout": "held-out", "held_out": "held-out", "test": "held-out"}
FIRST = ("loss", "balanced_accuracy", "auc")  # what a person looks for first
CHANCE = {"auc": 0.5, "balanced_accuracy": 0.5}
FLOOR = "pixel_"  # what plain pixels reach stands beside what the network reaches
NAMES = {"auc": "AUC", "lr": "learning rate"}


@dataclass(eq=False)
class Line:
    """One curve: ``points`` are (step, value); ``dashed`` for floors."""

    name: str
    points: list[tuple[float, float]] = field(default_factory=list)
    dashed: bool = False


@dataclass(eq=False)
class Chart:
    """Curves of one quantity; ``chance`` is drawn as a level."""

    name: str
    lines: dict[str, Line] = field(default_factory=dict)
    chance: float | None = None

    @property
    def title(self) -> str:
        return NAMES.get(self.name, self.name.replace("_", " "))


def read_charts(run: Path) -> list[Chart]:
    """Return the charts of ``run/log.jsonl``, the most asked for first; none if there is no log.

    A line holds ``step`` and numbers, under names such as ``train/loss``, ``heldout/auc`` or plain ``loss``, or one
    level deeper (``{"step": 5, "heldout": {"auc": 0.9}}``).
    """
    charts: dict[str, Chart] = {}
    for record in read(run / LOG):
        for name, value in flat(record).items():
            add(charts, name, record, value)
    return sorted(charts.values(), key=lambda chart: (place(chart.name), chart.name))


def flat(record: dict[str, Any]) -> dict[str, float]:
    """Return the numbers of a record, inner ones as ``outer/inner``."""
    found = {}
    for name, value in record.items():
        if isinstance(value, dict):
            found |= {f"{name}/{inner}": number for inner, number in flat(value).items()}
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found[name] = value
    return found


def add(charts: dict[str, Chart], name: str, record: dict[str, Any], value: float) -> None:
    """Put one number into the chart it belongs to."""
    prefix, _, quantity = name.rpartition("/")
    if name in ("step", "epoch") or "step" not in record:
        return
    side = SIDES.get(prefix or str(record.get("split", "")), prefix)
    floor = next((known for known in FIRST if quantity.startswith(FLOOR + known)), None)
    chart = charts.setdefault(floor or quantity, Chart(floor or quantity, chance=CHANCE.get(floor or quantity)))
    label = side if floor is None else f"{side} {quantity.replace(f'_{floor}', '').replace('_', ', ')}".strip()
    line = chart.lines.setdefault(label, Line(label or "training", dashed=floor is not None))
    if value == value and abs(value) != float("inf"):
        line.points.append((float(record["step"]), float(value)))


def place(name: str) -> int:
    return FIRST.index(name) if name in FIRST else len(FIRST)
