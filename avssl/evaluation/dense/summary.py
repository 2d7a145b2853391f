"""From the trials of a dense task to numbers, a table, differences and notes."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from avssl.evaluation.alignment import listed
from avssl.evaluation.dense.contest import Trial
from avssl.evaluation.paired import Difference
from avssl.evaluation.rows import RANDOM, TRAINED
from avssl.sampling import rng_for

Weighed = Callable[[np.ndarray], np.ndarray]  # how often each picture counts (resamples, pictures) -> (resamples,)
RESAMPLES = 1000


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A score and how it is shown.

    Args:
        name: in ``numbers``.
        column: over its column.
        scale: what it is shown in: 100 for percent, 1 as it is.
        unit: after a difference.
    """

    name: str
    column: str
    scale: float = 1.0
    unit: str = ""


Groups = Mapping[tuple[str, str], Sequence[Trial]]  # (tuning, row) -> a trial a seed


def grouped(trials: Iterable[Trial]) -> dict[tuple[str, str], list[Trial]]:
    """Return the trials of each tuning and row, frozen ones first, by seed."""
    found: dict[tuple[str, str], list[Trial]] = {}
    for trial in sorted(trials, key=lambda trial: trial.seed):
        found.setdefault((trial.tuning, trial.row), []).append(trial)
    order = ["", "frozen", "fine-tuned"]
    return {group: found[group] for group in sorted(found, key=lambda group: order.index(group[0]))}


def numbers_of(scores: Mapping[tuple[str, str], Sequence[Mapping[str, float]]]) -> dict[str, float]:
    """Return means over seeds by name, such as ``trained/frozen/miou``."""
    return {
        "/".join(filter(None, (row, tuning, name))): float(np.mean([one[name] for one in each]))
        for (tuning, row), each in scores.items()
        for name in each[0]
    }


def table_of(
    scores: Mapping[tuple[str, str], Sequence[Mapping[str, float]]], metrics: Sequence[Metric]
) -> tuple[dict[str, str], ...]:
    """Return the rows that a person reads; the first metric with its deviation over seeds."""
    rows = []
    for (tuning, row), each in scores.items():
        cells = {"encoder": tuning or "none", "row": row}
        for place, metric in enumerate(metrics):
            values = metric.scale * np.array([one[metric.name] for one in each])
            spread = f" ± {values.std(ddof=1):.1f}" if place == 0 and len(values) > 1 else ""
            cells[metric.column] = f"{values.mean():.1f}{spread}"
        rows.append(cells)
    return tuple(rows)


def differences(
    groups: Groups, weighed: Callable[[Trial], Weighed], group_of: np.ndarray, against: str = RANDOM
) -> dict[tuple[str, str], Difference]:
    """Return each row's difference from the row ``against`` with the same tuning.

    The bootstrap draws seeds and groups of test pictures (frames of one video are not independent) with replacement.

    Args:
        groups: see `grouped`.
        weighed: makes of a trial what scores it when pictures count several times.
        group_of: which group each test picture belongs to, whole numbers ``(pictures,)``.
        against: what the others are compared with.
    """
    names, place = np.unique(group_of, return_inverse=True)
    rng = rng_for(0, epoch=0, sample=0)
    pictures = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=RESAMPLES)[:, place]
    once = np.ones((1, len(place)))
    cached: dict[int, tuple[float, np.ndarray]] = {}

    def scored(trial: Trial) -> tuple[float, np.ndarray]:
        if id(trial) not in cached:
            score = weighed(trial)
            cached[id(trial)] = float(score(once)[0]), score(pictures)
        return cached[id(trial)]

    found = {}
    for (tuning, row), ours in groups.items():
        theirs = groups.get((tuning, against))
        if row == against or theirs is None:
            continue
        pairs = [(scored(one), scored(other)) for one, other in zip(ours, theirs, strict=True)]
        each = np.array([one[0] - other[0] for one, other in pairs])
        resampled = np.stack([one[1] - other[1] for one, other in pairs], 1)
        seeds = rng_for(0, epoch=0, sample=1).multinomial(len(each), np.full(len(each), 1 / len(each)), size=RESAMPLES)
        low, high = np.nanpercentile((resampled * seeds).sum(1) / len(each), [2.5, 97.5])
        error = each.std(ddof=1) / np.sqrt(len(each)) if len(each) > 1 else float("nan")
        found[tuning, row] = Difference(
            mean=float(each.mean()), error=float(error), low=float(low), high=float(high), draws=len(each)
        )
    return found


def difference_numbers(
    found: Mapping[tuple[str, str], Difference], metric: Metric, against: str = RANDOM
) -> dict[str, float]:
    """Return differences by name, such as ``trained-random/frozen/miou/low``."""
    numbers = {}
    for (tuning, row), one in found.items():
        name = f"{row}-{against}/{tuning}/{metric.name}"
        numbers |= {name: one.mean, f"{name}/error": one.error, f"{name}/low": one.low, f"{name}/high": one.high}
    return numbers


def difference_notes(
    found: Mapping[tuple[str, str], Difference], metric: Metric, against: str = RANDOM
) -> Iterable[str]:
    """Say each difference, those of the trained encoder first, and how it was taken."""
    for (tuning, row), one in sorted(found.items(), key=lambda each: each[0][1] != TRAINED):
        mean, error, low, high = (metric.scale * value for value in (one.mean, one.error, one.low, one.high))
        doubt = f" ± {error:.1f}" if one.draws > 1 else ""
        interval = f"(95 % {low:+.1f} to {high:+.1f})"
        yield f"{row} − {against}, {tuning}: {mean:+.1f}{doubt} {interval} {metric.unit} of {metric.column}"
    yield (
        "± in the table: deviation over seeds. In a difference: standard error over seeds, the same pictures and steps "
        "for both; the interval is a bootstrap over seeds and groups of test pictures."
    )


def item_rows(
    trials: Iterable[Trial], paths: Sequence[str], values: Callable[[Trial], Mapping[str, np.ndarray]]
) -> list[dict[str, Any]]:
    """Return a row for each trial and test picture.

    Args:
        trials: what was found.
        paths: of the test pictures.
        values: columns of a trial, each ``(pictures,)``.
    """
    rows = []
    for trial in trials:
        columns = values(trial)
        about = {"row": trial.row, "encoder": trial.tuning, "seed": trial.seed}
        for place, path in enumerate(paths):
            own = {name: round(float(column[place]), 4) for name, column in columns.items()}
            rows.append(about | {"path": path} | own)
    return rows


def class_notes(ours: np.ndarray, theirs: np.ndarray, classes: Sequence[str], what: str) -> list[str]:
    """Return a line for the classes that only the test shows, and one for those that only training shows.

    Args:
        ours: which classes training shows, bool ``(classes,)``.
        theirs: which the test shows.
        classes: their names.
        what: a thing of a class, such as ``"object"``.
    """
    never, idle = (
        [classes[kind] for kind in np.flatnonzero(some).tolist()] for some in (theirs & ~ours, ours & ~theirs)
    )
    notes = []
    if never:
        notes.append(
            f"{len(never)} classes of the test have no training {what} ({listed(never)}): nothing is learned "
            "of them, and they count in the mean."
        )
    return notes + ([f"{len(idle)} classes of training have no test {what}: {listed(idle)}."] if idle else [])
