"""How good orders of answers are: search, the scores of each query, and what chance gives."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from avssl.evaluation.retrieval.question import Question
from avssl.features.search import Answers, Space
from avssl.metrics import ranking

FIRST = "first rank"  # of the first right answer


@dataclass(frozen=True, eq=False)
class Ranked:
    """The first ``answers``, and the ``scores`` of each query by measure, ``(queries,)``, NaN where none is right."""

    answers: Answers
    scores: dict[str, np.ndarray]


def rank(space: Space, question: Question, ks: Sequence[int], whole: bool) -> Ranked:
    """Search, and score what is found.

    Args:
        space: queries and gallery.
        question: what is right.
        ks: numbers of answers that count, in order.
        whole: rank the whole gallery, a piece at a time, for average precision and the rank of the first right answer.
    """
    parts = []
    for rows, answers in space.orders() if whole else space.answers(ks[-1]):
        scores = score(question.worth(answers.index, rows), question, rows, ks, whole)
        parts.append((answers.index[:, : ks[-1]].copy(), answers.similarity[:, : ks[-1]].copy(), scores))
    index, similarity, scores = zip(*parts, strict=True)
    joined = {name: np.concatenate([one[name] for one in scores]) for name in scores[0]}
    return Ranked(Answers(np.concatenate(index), np.concatenate(similarity)), joined)


def score(worth: np.ndarray, question: Question, rows: slice, ks: Sequence[int], whole: bool) -> dict[str, np.ndarray]:
    """Return each measure for each of some queries; NaN where nothing is right.

    Args:
        worth: of the answers in their order, ``(queries, ranks)``.
        question: what was asked.
        rows: the queries.
        ks: numbers of answers that count.
        whole: the answers are the whole gallery.
    """
    findable = question.total[rows] > 0
    total, ideal, worth = question.total[rows][findable], question.ideal[rows][findable], worth[findable]
    right = worth > 0
    found = {}
    for k in ks:
        found[f"R@{k}"] = ranking.hits_at(right, k)
        found[f"recall@{k}"] = ranking.recall_at(right, total, k)
        found[f"precision@{k}"] = ranking.precision_at(right, k)
        found[f"nDCG@{k}"] = ranking.ndcg_at(worth, ideal, k)
        found[f"mAP@{k}"] = ranking.average_precision(right, total, k)
    if whole:
        found["mAP"] = ranking.average_precision(right, total)
        found[FIRST] = ranking.first_rank(right)
    scores = {name: np.full(len(findable), np.nan) for name in found}
    for name, values in found.items():
        scores[name][findable] = values
    return scores


def chance(question: Question, ks: Sequence[int], whole: bool) -> dict[str, float]:
    """Return what a random order would score: the exact expectation, and for the median rank the exact median."""
    findable = question.total > 0
    total, size, ideal = question.total[findable], question.size[findable], question.ideal[findable]
    levels = {}
    for k in ks:
        levels[f"R@{k}"] = ranking.chance_of_a_hit(total, size, k).mean()
        levels[f"recall@{k}"] = ranking.chance_recall(size, k).mean()
        levels[f"precision@{k}"] = ranking.chance_precision(total, size).mean()
        levels[f"nDCG@{k}"] = ranking.chance_ndcg(question.mean[findable], ideal, k).mean()
        levels[f"mAP@{k}"] = ranking.chance_average_precision(total, size, k).mean()
    if whole:
        levels["mAP"] = ranking.chance_average_precision(total, size).mean()
        levels["median rank"] = ranking.chance_median_rank(total, size)
    return {name: float(level) for name, level in levels.items()}
