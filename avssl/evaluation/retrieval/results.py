"""What retrieval found, row by row: scores, pose distances, differences from random weights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from avssl.evaluation.keypoints.skeletons import Skeleton
from avssl.evaluation.retrieval.poses import compare_poses, mean_of
from avssl.evaluation.retrieval.question import Question
from avssl.evaluation.retrieval.scoring import FIRST, Ranked, chance
from avssl.features.extraction import Rows
from avssl.features.search import Answers
from avssl.metrics.bootstrap import Difference
from avssl.report.comparison import (
    Group,
    Values,
    by_metric,
    compared,
    difference_numbers,
    group_at,
    item_difference,
    numbers_of,
)
from avssl.report.scores import LOG_MEL, PIXELS

CHANCE, ORACLE = "chance", "oracle"
POSE = "pose distance"
CHEAP = (PIXELS, LOG_MEL)  # rows whose answers a person would get without a network
MEDIAN = "median rank"  # over queries, of the first right answer


def pose_name(k: int) -> str:
    """Return what the mean pose distance of the ``k`` nearest is called."""
    return f"{POSE}@{k}/torso"


def shared_name(row: str, k: int) -> str:
    """Return what the share of the ``k`` first answers that a cheap row gives too is called."""
    return f"as {row}@{k}"


@dataclass(frozen=True, eq=False, kw_only=True)
class Found:
    """What one row of the table found.

    Args:
        scores: of each query by measure, ``(initialisations, queries)``, NaN where a query does not count.
        answers: of the first initialisation.
        far: their pose distances, ``(queries, k)``; None without key points.
    """

    scores: Mapping[str, np.ndarray]
    answers: Answers
    far: np.ndarray | None = None

    def means(self) -> dict[str, np.ndarray]:
        """Return each measure over the queries that count, ``(initialisations,)``."""
        known = {name: values for name, values in self.scores.items() if np.isfinite(values).any()}
        means = {name: np.nanmean(values, axis=1) for name, values in known.items() if name != FIRST}
        return means | ({MEDIAN: np.nanmedian(known[FIRST], axis=1)} if FIRST in known else {})


@dataclass(frozen=True, eq=False, kw_only=True)
class Retrieved:
    """All that was found.

    Args:
        found: row by row.
        levels: what a random order scores, by measure.
        best: what an oracle scores, by measure: the nearest poses there are.
        question: what was asked.
        ks: numbers of answers that count, in order.
        ours: the queries.
        theirs: the gallery.
        unit: what a row is called.
    """

    found: Mapping[str, Found]
    levels: Mapping[str, float]
    question: Question
    ks: Sequence[int]
    ours: Rows
    theirs: Rows
    unit: str
    best: Mapping[str, float] = field(default_factory=dict)

    @property
    def tells(self) -> bool:
        """Whether anything tells what is right: labels, groups, or poses."""
        return bool(self.question.total.any() or self.best)

    @property
    def headline(self) -> dict[str, str]:
        """The measures of the table: from a column to the full name."""
        shown = 5 if 5 in self.ks else self.ks[0]
        alone = self.question.total.max() <= 1  # where one row is right, its rank says more than gains
        columns = {name: name for name in (*(f"R@{k}" for k in self.ks), MEDIAN if alone else f"nDCG@{self.ks[-1]}")}
        columns |= {"mAP": "mAP", f"pose@{shown}": pose_name(shown)}
        columns |= {name: name for row in CHEAP for name in [shared_name(row, k) for k in self.ks]}
        return {column: name for column, name in columns.items() if name in self.levels}

    @property
    def main(self) -> list[str]:
        """The measures whose differences from random are given."""
        shown = (f"R@{self.ks[0]}", "mAP", *map(pose_name, self.ks))
        return [name for name in self.headline.values() if name in shown]

    def numbers(self) -> dict[str, float]:
        """Return every score by row and measure."""
        numbers = numbers_of(self.scores)
        for row in (*self.found, ORACLE):
            for k in self.ks:
                value = numbers.get(f"{row}/{pose_name(k)}")
                if value is not None:
                    numbers[f"{row}/share of the way from chance to oracle@{k}"] = self.way(value, pose_name(k))
        for name, found in self.differences.items():
            numbers |= difference_numbers(found, name)
        return numbers

    @property
    def scores(self) -> dict[Group, Values]:
        """Every measure of every row, one value per initialisation: chance first, the oracle last."""
        scores: dict[Group, Values] = {group_at(CHANCE): by_metric([self.levels])}
        scores |= {group_at(row): found.means() for row, found in self.found.items()}
        return scores | ({group_at(ORACLE): by_metric([self.best])} if self.best else {})

    def way(self, value: float, name: str) -> float:
        """Return the share of the way from chance to the oracle that a pose distance has gone."""
        chance, oracle = self.levels[name], self.best[name]
        return (chance - value) / (chance - oracle) if chance > oracle else float("nan")

    @cached_property
    def differences(self) -> dict[str, dict[Group, Difference]]:
        """Each main measure's paired differences from random, over initialisations and groups of queries."""
        groups = {group_at(row): found for row, found in self.found.items()}
        return {
            name: {
                group: item_difference(ours.scores[name][..., None], theirs.scores[name][..., None], self.ours.group)
                for group, ours, theirs in compared(groups)
                if name in theirs.scores
            }
            for name in self.main
        }

    def right(self, row: str) -> np.ndarray:
        """Return which of a row's answers, those of its first initialisation, are right, bool ``(queries, k)``."""
        return self.question.worth(self.found[row].answers.index) > 0


def collect(
    ranked: Mapping[str, Sequence[Ranked]],
    question: Question,
    ks: Sequence[int],
    sides: tuple[Rows, Rows],
    unit: str,
    skeleton: Skeleton | None = None,
) -> Retrieved:
    """Return all that was found, beside chance; with the poses of the answers where there is a ``skeleton``.

    Args:
        ranked: what each row found, initialisation by initialisation.
        question: what was asked.
        ks: numbers of answers that count, in order.
        sides: queries and gallery.
        unit: what a row is called.
        skeleton: of the rows' key points.
    """
    scores = {
        row: {name: np.stack([one.scores[name] for one in several]) for name in several[0].scores}
        for row, several in ranked.items()
    }
    whole = any(FIRST in several for several in scores.values())
    levels = chance(question, ks, whole) if question.total.any() else {}
    best: dict[str, float] = {}
    far: dict[str, np.ndarray] = {}
    if skeleton is not None and sides[0].keypoints is not None and sides[1].keypoints is not None:
        found = {(row, i): one.answers.index for row, several in ranked.items() for i, one in enumerate(several)}
        poses = compare_poses(sides[0].keypoints, sides[1].keypoints, skeleton, found, question.excluded)
        for k in ks if np.isfinite(poses.chance).any() else ():
            levels[pose_name(k)] = float(np.nanmean(poses.chance))
            best[pose_name(k)] = float(np.nanmean(mean_of(poses.oracle[:, :k])))
            for row, several in ranked.items():
                each = [mean_of(poses.found[row, number][:, :k]) for number in range(len(several))]
                scores[row][pose_name(k)] = np.stack(each)
        far = {row: poses.found[row, 0] for row in ranked} if best else {}
    cheap = next((row for row in CHEAP if row in ranked), None)
    if not levels and cheap is not None:  # nothing tells what is right
        for k in ks:
            levels[shared_name(cheap, k)] = float(np.mean(k / question.size))
            for row, several in ranked.items():
                each = [alike(one.answers.index, ranked[cheap][0].answers.index, k) for one in several]
                scores[row][shared_name(cheap, k)] = np.stack(each)
    rows = {
        row: Found(scores=scores[row], answers=several[0].answers, far=far.get(row)) for row, several in ranked.items()
    }
    return Retrieved(
        found=rows,
        levels=levels,
        best=best,
        question=question,
        ks=ks,
        ours=sides[0],
        theirs=sides[1],
        unit=unit,
    )


def alike(index: np.ndarray, others: np.ndarray, k: int) -> np.ndarray:
    """Return the share of each query's ``k`` first answers that are among others' ``k`` first, ``(queries,)``.

    Examples:
        >>> alike(np.array([[3, 1, 2]]), np.array([[1, 4, 3]]), 2)
        array([0.5])
    """
    return (index[:, :k, None] == others[:, None, :k]).any(2).mean(1)


def members(rows: Rows, label: int) -> np.ndarray:
    """Return which rows are of a class, bool ``(rows,)``."""
    return rows.label == label if rows.labels is None else rows.labels[:, label] > 0
