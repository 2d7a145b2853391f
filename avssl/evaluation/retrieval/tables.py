"""The longer tables of a retrieval, for CSV files: one row per query, per answer, per class."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from avssl.evaluation.retrieval.results import Retrieved, members
from avssl.evaluation.retrieval.scoring import FIRST
from avssl.features.extraction import Rows

LISTED = 5  # answers of each query


def items(retrieved: Retrieved) -> Iterator[dict[str, Any]]:
    """Yield one row per query: the rank of its first right answer, and scores.

    The rank is blank if no right answer is among those looked at. Of several initialisations the first one counts.
    """
    asked = bool(retrieved.question.total.any())
    ranks = {row: first_ranks(retrieved, row) for row in retrieved.found}
    names = [name for name in retrieved.main if not name.startswith("R@")]
    for query in range(len(retrieved.ours)):
        line = about(retrieved.ours, query)
        if asked:
            line["right in the gallery"] = int(retrieved.question.total[query])
        for row, found in retrieved.found.items():
            if asked:
                rank = ranks[row][query]
                line[f"{row}/{FIRST}"] = int(rank) if np.isfinite(rank) else ""
            for name in names:
                value = found.scores[name][0, query]
                line[f"{row}/{name}"] = round(float(value), 4) if np.isfinite(value) else ""
        yield line


def first_ranks(retrieved: Retrieved, row: str) -> np.ndarray:
    """Return the rank of each query's first right answer, ``(queries,)``; not finite where none was seen."""
    scores = retrieved.found[row].scores
    if FIRST in scores:
        return scores[FIRST][0]
    right = retrieved.right(row)
    return np.where(right.any(1), right.argmax(1) + 1.0, np.nan)


def neighbours(retrieved: Retrieved) -> Iterator[dict[str, Any]]:
    """Yield one row per answer among the first of each query."""
    asked = bool(retrieved.question.total.any())
    rights = {row: retrieved.right(row) for row in retrieved.found}
    for query in range(len(retrieved.ours)):
        which = {"query": query, "query path": retrieved.ours.path[query]}
        for row, found in retrieved.found.items():
            for rank, place in enumerate(found.answers.index[query, :LISTED]):
                line = which | {"row": row, "rank": rank + 1} | about(retrieved.theirs, place)
                if asked:
                    line["right"] = int(rights[row][query, rank])
                line["similarity"] = round(float(found.answers.similarity[query, rank]), 6)
                if found.far is not None:
                    line["pose distance"] = round(float(found.far[query, rank]), 4)
                yield line


def classes(retrieved: Retrieved) -> list[dict[str, Any]]:
    """Return one row per class of queries: R@k at the first k, and average precision."""
    ours, names = retrieved.ours, [name for name in retrieved.main if not name.startswith("pose")]
    rows = []
    for label in range(len(ours.classes)) if ours.classes else np.unique(ours.label[ours.label >= 0]).tolist():
        mine = members(ours, label)
        line: dict[str, Any] = {"class": ours.classes[label] if ours.classes else str(label)}
        line["queries"] = int(mine.sum())
        for row, found in retrieved.found.items():
            for name in names:
                values = found.scores[name][:, mine]
                line[f"{row}/{name}"] = round(float(np.nanmean(values)), 4) if np.isfinite(values).any() else ""
        rows.append(line)
    return rows


def about(rows: Rows, row: int) -> dict[str, Any]:
    """Return what a row of features is."""
    line: dict[str, Any] = {"path": rows.path[row], "clip": int(rows.clip[row])}
    line |= {"start": round(float(rows.start[row]), 6), "class": called(rows, row)}
    return line if rows.box is None else line | {"box": " ".join(map(str, rows.box[row]))}


def called(rows: Rows, row: int) -> str:
    """Return the names of a row's classes; nothing where it has none."""
    if rows.labels is not None:
        labels = np.flatnonzero(rows.labels[row] > 0).tolist()
    else:
        labels = [int(rows.label[row])] if rows.label[row] >= 0 else []
    return ", ".join(rows.classes[label] if rows.classes else str(label) for label in labels)
