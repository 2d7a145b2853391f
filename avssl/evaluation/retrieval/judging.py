"""Which answers are right, and how good an order of answers is: from rows of features to scores."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from avssl.config import ConfigError
from avssl.evaluation.extraction import Rows
from avssl.evaluation.metrics import ranking
from avssl.evaluation.retrieval.search import Answers

Relevant = Literal["label", "group", "pair"]
Exclude = Literal["group", "item", "none"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Question:
    """What is asked: which gallery rows are right for each query, and which may not answer.

    Args:
        query: names of the queries; a gallery row of the same name is right.
        gallery: names of the gallery rows.
        excluded: names of queries and gallery rows of which equal ones may not answer; None excludes none.
        total: right gallery rows that may answer each query, ``(queries,)``.
        size: gallery rows that may answer each query, ``(queries,)``.
    """

    query: np.ndarray
    gallery: np.ndarray
    excluded: tuple[np.ndarray, np.ndarray] | None
    total: np.ndarray
    size: np.ndarray

    def right(self, answers: Answers) -> np.ndarray:
        """Return which answers are right, bool ``(queries, k)``."""
        return np.asarray(self.gallery[answers.index] == self.query[:, None])


def ask(queries: Rows, gallery: Rows, relevant: Relevant, exclude: Exclude) -> Question:
    """Return the question that two sets of rows pose.

    Args:
        queries: rows that ask.
        gallery: rows that answer.
        relevant: right is a row of the same ``"label"`` (class), of the same ``"group"``, or the one that stands at the
            query's place (``"pair"``: two embeddings of the same items).
        exclude: rows of the query's own ``"group"`` (the path where there are no groups) or ``"item"`` may not answer.

    Raises:
        ConfigError: if there are no labels, or no query has anything to find.
    """
    names = {
        "label": lambda rows: rows.label,
        "group": lambda rows: rows.group,
        "pair": lambda rows: np.arange(len(rows)),
    }
    if relevant == "label" and (queries.label.max() < 0 or gallery.label.max() < 0):
        raise ConfigError("relevant: label needs classes; these data have none: use relevant: group, or label them")
    if relevant == "pair" and len(queries) != len(gallery):
        raise ConfigError(
            f"relevant: pair needs rows one to one; got {len(queries)} queries and {len(gallery)} answers"
        )
    if relevant == exclude == "group":
        raise ConfigError("relevant: group and exclude: group leave nothing to find; use exclude: item")
    query, answer = names[relevant](queries), names[relevant](gallery)
    excluded = None
    if exclude == "group":
        excluded = (queries.group, gallery.group)
    elif exclude == "item":
        excluded = (np.char.add(queries.path, _item(queries)), np.char.add(gallery.path, _item(gallery)))
    total, size = count_right(query, answer, excluded)
    try:
        ranking.answerable(total)
    except ValueError as error:
        raise ConfigError(f"relevant: {relevant}, exclude: {exclude}: {error}") from error
    return Question(query=query, gallery=answer, excluded=excluded, total=total, size=size)


def _item(rows: Rows) -> np.ndarray:
    return np.char.add(" item ", rows.item.astype(str))


def count_right(
    query: np.ndarray, gallery: np.ndarray, excluded: tuple[np.ndarray, np.ndarray] | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return how many gallery rows are right for each query and may answer, and how many may answer."""
    total = _equal(query, gallery)
    size = np.full(len(query), len(gallery))
    if excluded is not None:
        both = [np.array([f"{name}\0{own}" for name, own in zip(side, out, strict=True)]) for side, out in
                zip((query, gallery), excluded, strict=True)]  # fmt: skip
        total, size = total - _equal(*both), size - _equal(*excluded)
    return total, size


def _equal(ones: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return how many of ``others`` equal each of ``ones``."""
    names, counts = np.unique(others, return_counts=True)
    known = dict(zip(names.tolist(), counts.tolist(), strict=True))
    return np.array([known.get(one, 0) for one in ones.tolist()])


def score(right: np.ndarray, question: Question, ks: Sequence[int], whole: bool) -> dict[str, np.ndarray]:
    """Return each measure for each query that has something to find; NaN for the others.

    Args:
        right: which answers are right, ``(queries, ranks)``.
        question: what was asked.
        ks: numbers of answers that count.
        whole: the answers are the whole gallery, best first: average precision can be told.
    """
    kept = question.total > 0
    found: dict[str, np.ndarray] = {}

    def put(name: str, values: np.ndarray) -> None:
        found[name] = np.full(len(kept), np.nan)
        found[name][kept] = values

    for k in ks:
        put(f"R@{k}", ranking.hits_at(right[kept], k))
    most = max(ks)
    put(f"precision@{most}", ranking.precision_at(right[kept], most))
    ideal = np.arange(most)[None] < question.total[kept][:, None]
    put(f"nDCG@{most}", ranking.ndcg_at(right[kept].astype(float), ideal.astype(float), most))
    if whole:
        put("mAP", ranking.average_precision(right[kept], question.total[kept]))
    return found


def chance(question: Question, ks: Sequence[int], whole: bool) -> dict[str, float]:
    """Return what a random order would score."""
    kept = question.total > 0
    total, size = question.total[kept], question.size[kept]
    levels = {f"R@{k}": float(ranking.chance_of_a_hit(total, size, k).mean()) for k in ks}
    most = max(ks)
    levels[f"precision@{most}"] = float((total / size).mean())
    discount = 1 / np.log2(np.arange(2, most + 2))
    ideal = np.array([discount[: min(most, right)].sum() for right in total])
    levels[f"nDCG@{most}"] = float((total / size * discount.sum() / ideal).mean())
    if whole:
        levels["mAP"] = float(ranking.chance_average_precision(total, size).mean())
    return levels
