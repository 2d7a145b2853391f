"""The log of a run as charts: which curves belong together, and which chance level and floors go with them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from avssl.report.records import numbers
from avssl.training.journal import LOG

Points = list[tuple[float, float]]  # (step, value)
SIDES = {"": "batches", "train": "training", "held_out": "held-out"}
MEASURED = ("training", "held-out")
ASKED = ("loss", "accuracy", "balanced_accuracy", "auc")  # what a method's own question is answered by
MONITORED = ("knn_accuracy", "linear_accuracy")
RANKS = ("spread", "rank", "rankme")
TAUGHT = ("batch_accuracy", "label_accuracy")  # what is taught in training, where measures ask something else
FIRST = (*ASKED, *TAUGHT, *MONITORED, *RANKS)  # what a person looks for first
GUESSED = ("accuracy", "balanced_accuracy")  # what a measure called ``chance`` is the chance of
CHANCE = {"auc": 0.5, "balanced_accuracy": 0.5}
FLOOR = "pixel_"  # what plain pixels reach stands beside what the network reaches
GUESS = "_chance"  # and what a guess reaches, where it depends on the data
MOST = 200  # charts
NAMES = {
    "auc": "AUC",
    "lr": "learning rate",
    "batch_accuracy": "accuracy within the batch",
    "label_accuracy": "accuracy of labels taught",
    "knn_accuracy": "accuracy of nearest neighbours",
    "linear_accuracy": "accuracy of a linear probe",
    "spread": "spread of embeddings",
    "rank": "rank of embeddings",
    "rankme": "RankMe of features",
}
ABOUT = {
    "batch_accuracy": "How often the sound that belongs to a picture, or the picture that belongs to a sound, is the "
    "most similar one of the batch. Measures of whole data ask whether pairs belong together: there a guess is "
    "right half of the time.",
    "label_accuracy": "How often each modality names the cluster that it is taught. Measures of whole data ask "
    "whether pairs belong together: there a guess is right half of the time.",
    "knn_accuracy": "How many test items their nearest training items name right, by the features of that step.",
    "linear_accuracy": "How many test items a linear classifier names right, fitted anew on features of that step.",
    "spread": "How far apart embeddings of items point: about 1 where they point everywhere, 0 where all are one. A "
    "fall to near 0 is a collapse, which the loss need not show.",
    "rank": "How many directions embeddings of items take up, from 1 to their length. A fall to a few says that most "
    "of the embedding lies idle: a collapse of dimensions, which the loss need not show.",
    "rankme": "How many directions features of items take up, at most their dimensions or the items, whichever are "
    "fewer. Of runs of one method, those of a higher rank tend to serve other tasks better.",
}


@dataclass(eq=False)
class Line:
    """One curve of a ``side``: ``points`` are (step, value); ``dashed`` for floors, ``faint`` for lesser ones."""

    name: str
    side: str
    points: Points = field(default_factory=list)
    dashed: bool = False
    faint: bool = False


@dataclass(eq=False)
class Chart:
    """Curves of one quantity, of a ``task`` where a method has several; ``chance`` is drawn as a level."""

    quantity: str
    task: str = ""
    lines: dict[str, Line] = field(default_factory=dict)
    chance: float | None = None

    @property
    def name(self) -> str:
        return "/".join(filter(None, (self.task, self.quantity)))

    @property
    def title(self) -> str:
        quantity = NAMES.get(self.quantity, self.quantity.replace("_", " "))
        return f"{self.task}: {quantity}" if self.task else quantity

    @property
    def about(self) -> str:
        """A sentence on what its curves mean; empty where the title says it."""
        return ABOUT.get(self.quantity, "")

    @property
    def comes_first(self) -> bool:
        """Whether a person looks for it: the known quantities, and what else was measured and changed or has floors."""
        own = [line for line in self.lines.values() if line.side in MEASURED]
        changes = len({value for line in own for _, value in line.points}) > 1
        return self.quantity in FIRST or bool(own and (changes or self.has_floors))

    @property
    def has_floors(self) -> bool:
        return self.chance is not None or any(line.dashed for line in self.lines.values())


def read_charts(run: Path, left_out: list[str] | None = None, floors: Mapping[str, str] | None = None) -> list[Chart]:
    """Return the charts of ``run/log.jsonl``, the most asked for first; none if there is no log.

    A line holds ``step`` and numbers: means over batches under plain names such as ``loss``, measures of a data set
    under ``train/loss`` or ``held_out/auc``, of a task among several under ``held_out/Rotation/loss``. What cannot be
    read or drawn is left out, and told in ``left_out``.

    Args:
        run: the folder.
        left_out: gains a line for what is left out.
        floors: by measure, which one it is a floor of, as `avssl.methods.Method` declares.
    """
    found: dict[tuple[str, str, str], Points] = {}
    left_out = [] if left_out is None else left_out
    for step, record in numbers(run / LOG, left_out):
        for name, value in record.items():
            found.setdefault(parts_of(name), []).append((step, value))
    charts = chart_all(found, floors or {})
    if len(charts) > MOST:
        left_out.append(f"{LOG}: {len(charts) - MOST} of {len(charts)} curves")
    return charts[:MOST]


def parts_of(name: str) -> tuple[str, str, str]:
    """Return the side, the task and the quantity that a number in the log is of.

    Examples:
        >>> parts_of("loss"), parts_of("held_out/Rotation/loss"), parts_of("films/knn_accuracy")
        (('', '', 'loss'), ('held_out', 'Rotation', 'loss'), ('films', '', 'knn_accuracy'))
    """
    before, _, quantity = name.rpartition("/")
    side, _, task = before.partition("/")
    return side, task, quantity


def chart_all(found: Mapping[tuple[str, str, str], Points], floors: Mapping[str, str]) -> list[Chart]:
    """Return charts of all numbers, each with its floors and its chance."""
    tasks = {task for _, task, _ in found if task}
    charts: dict[tuple[str, str], Chart] = {}
    placed = [  # what a batch gives of a task has no side before it
        (("", side, quantity) if side in tasks else (side, task, quantity), points)
        for (side, task, quantity), points in found.items()
    ]
    known = {(task, quantity) for (_, task, quantity), _ in placed}
    levels: dict[str, dict[str, Points]] = {}
    for (prefix, task, quantity), points in placed:
        if quantity == "chance" and any((task, guessed) in known for guessed in GUESSED):
            levels.setdefault(task, {})[SIDES.get(prefix, prefix)] = points
            continue
        about, beside, faint = floor_of(quantity, [one for own, one in known if own == task], floors)
        chart = charts.setdefault((task, about), Chart(about, task, chance=CHANCE.get(about)))
        side = SIDES.get(prefix, prefix)
        label = f"{side}, {beside}" if beside else side
        faint = faint or (bool(beside) and any(one.dashed and one.side == side for one in chart.lines.values()))
        chart.lines[label] = Line(label, side, points, dashed=bool(beside), faint=faint)
    for (task, quantity), chart in charts.items():
        if quantity in GUESSED and task in levels:
            add_chance(chart, levels[task])
        chart.lines = dict(sorted(chart.lines.items(), key=lambda named: named[1].dashed))  # floors come last
    return sorted(charts.values(), key=lambda chart: (bool(chart.task), place(chart.quantity), chart.name))


def add_chance(chart: Chart, levels: Mapping[str, Points]) -> None:
    """Draw the chance that was logged: as one level, or as lines where it differs between sides or steps."""
    values = {value for points in levels.values() for _, value in points}
    if len(values) == 1:
        (chart.chance,) = values
        return
    for side, points in levels.items():
        chart.lines[f"{side}, chance"] = Line(f"{side}, chance", side, points, dashed=True)


def floor_of(quantity: str, known: Iterable[str], floors: Mapping[str, str]) -> tuple[str, str, bool]:
    """Return which quantity a number stands beside (itself, if none), as what floor, and whether that is a lesser one.

    Args:
        quantity: what the number is of.
        known: all quantities there are.
        floors: which are floors of which.

    Examples:
        >>> known = ["auc", "loss", "knn_accuracy"]
        >>> [floor_of(name, known, {"copy_loss": "loss"}) for name in ("auc", "pixel_auc", "knn_accuracy_chance")]
        [('auc', '', False), ('auc', 'pixels', False), ('knn_accuracy', 'chance', False)]
        >>> floor_of("pixel_auc_plain", known, {}), floor_of("copy_loss", known, {"copy_loss": "loss"})
        (('auc', 'plain pixels', True), ('loss', 'copy', False))
    """
    of = floors.get(quantity)
    if quantity.startswith(FLOOR):  # the longest name that fits: pixel_accuracy_plain is of accuracy
        fitting = [one for one in known if f"{quantity}_".startswith(f"{FLOOR}{one}_")]
        of = max(fitting, key=len, default=of)
    elif quantity.endswith(GUESS):
        of = quantity.removesuffix(GUESS)
    if of is None or of not in known:
        return quantity, "", False
    before, _, after = quantity.partition(of)
    first, kind = before.strip("_"), after.strip("_").replace("_", " ")
    words = [kind, "pixels" if before == FLOOR else first.replace("_", " ")]
    return of, " ".join(filter(None, words)) or quantity.replace("_", " "), before == FLOOR and bool(kind)


def place(quantity: str) -> int:
    return FIRST.index(quantity) if quantity in FIRST else len(FIRST)
