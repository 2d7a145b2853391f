"""What the fits of a dense task found: by group, compared, and item by item."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from avssl.features.alignment import listed
from avssl.metrics.bootstrap import Difference, Resampled, item_weights, weighted_difference
from avssl.report.comparison import Group, Metric, compared, difference_notes, group_at
from avssl.report.scores import RANDOM

Weighed = Callable[[np.ndarray], np.ndarray]  # how often each picture counts (resamples, pictures) -> (resamples,)


@dataclass(frozen=True, eq=False, kw_only=True)
class Trial:
    """What one fit found.

    Args:
        row: what was scored: ``"trained"``, ``"random"``, ...
        tuning: ``"frozen"``, ``"fine-tuned"``, or empty for a row without an encoder.
        seed: of the fit, counted from 0.
        found: arrays by name.
    """

    row: str
    tuning: str
    seed: int
    found: Mapping[str, np.ndarray]


Groups = Mapping[Group, Sequence[Trial]]  # by tuning and row, one trial per seed


def grouped(trials: Iterable[Trial]) -> dict[Group, list[Trial]]:
    """Return the trials of each tuning and row, frozen ones first, by seed."""
    found: dict[Group, list[Trial]] = {}
    for trial in sorted(trials, key=lambda trial: trial.seed):
        found.setdefault(group_at(trial.row, encoder=trial.tuning), []).append(trial)
    order = ["", "frozen", "fine-tuned"]
    return {group: found[group] for group in sorted(found, key=lambda group: order.index(group["encoder"]))}


def differences(
    groups: Groups, weighed: Callable[[Trial], Weighed], group_of: np.ndarray, against: str = RANDOM
) -> dict[Group, Difference]:
    """Return each row's difference from the row ``against`` with the same tuning.

    The bootstrap draws seeds and groups of test pictures (frames of one video are not independent) with replacement.

    Args:
        groups: see `grouped`.
        weighed: makes of a trial what scores it when pictures count several times.
        group_of: name or number of the group of each test picture, ``(pictures,)``.
        against: what the others are compared with.
    """
    pictures = item_weights(group_of)
    once = np.ones((1, len(group_of)))
    cached: dict[int, Resampled] = {}

    def scored(trial: Trial) -> Resampled:
        if id(trial) not in cached:
            score = weighed(trial)
            cached[id(trial)] = float(score(once)[0]), score(pictures)
        return cached[id(trial)]

    return {
        group: weighted_difference([scored(one) for one in ours], [scored(one) for one in theirs])
        for group, ours, theirs in compared(groups, against)
    }


def notes(found: Mapping[Group, Difference], metric: Metric) -> Iterator[str]:
    """Yield the differences and how they were taken."""
    yield from difference_notes(found, metric)
    yield (
        "± in the table: deviation over seeds. In a difference: standard error over seeds, the same pictures and steps "
        "for both; the interval is a bootstrap over seeds and groups of test pictures."
    )


def item_rows(
    trials: Iterable[Trial], paths: Sequence[str], values: Callable[[Trial], Mapping[str, np.ndarray]]
) -> list[dict[str, Any]]:
    """Return one row per trial and test picture.

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
