"""Retrieval between two folders of features, such as pictures and the sounds that belong to them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from avssl.config import ConfigError
from avssl.evaluation.feature_files import read_features
from avssl.evaluation.metrics import ranking
from avssl.evaluation.retrieval.judging import Exclude, Relevant, ask, chance, score
from avssl.evaluation.retrieval.search import Centre, Engine, Similarity, search


def compare_features(
    queries: str | Path,
    gallery: str | Path | None = None,
    queries_layer: str | None = None,
    gallery_layer: str | None = None,
    relevant: Literal["pair", "label", "group"] = "pair",
    exclude: Literal["none", "item", "group"] = "none",
    ks: Sequence[int] = (1, 5, 10),
    similarity: Similarity = "cosine",
    centre: Centre = "none",
    engine: Engine = "auto",
) -> dict[str, dict[str, float]]:
    """Print how well one set of features finds another, both ways, beside chance.

    Both folders hold ``index.parquet`` and ``.npy`` files, as ``tools/extract.py`` writes them, or as anybody's program
    does: an index with a column ``path`` is enough. Features of two modalities must live in one space.

    Args:
        queries: folder, or one of its ``.npy`` files.
        gallery: the other; None for the queries' own.
        queries_layer: which file, where the folder holds several.
        gallery_layer: likewise.
        relevant: ``"pair"``: row i belongs to row i; or the same ``"label"`` or ``"group"``.
        exclude: rows of the query's own ``"item"`` or ``"group"`` may not answer; ``"none"`` across modalities.
        ks: answers that count.
        similarity: ``"cosine"``, ``"dot"`` or ``"euclidean"``.
        centre: take out the ``"gallery"``'s mean, each side's ``"own"``, or ``"none"``.
        engine: ``"torch"``, ``"faiss"`` or ``"auto"``.

    Returns:
        Scores by direction, and those of chance.

    Raises:
        ConfigError: if features are missing, do not fit together, or are not finite.
    """
    ours, rows = read_features(queries, queries_layer)
    theirs, others = (ours, rows) if gallery is None else read_features(gallery, gallery_layer)
    for features, name in ((ours, queries), (theirs, gallery)):
        odd = np.flatnonzero(~np.isfinite(features.reshape(len(features), -1)).all(1))
        if len(odd):
            raise ConfigError(f"{name}: {len(odd)} of {len(features)} rows are not finite (first: row {odd[0]})")
    directions = {"queries → gallery": (ours, theirs, rows, others)}
    if gallery is not None:
        directions["gallery → queries"] = (theirs, ours, others, rows)
    found: dict[str, dict[str, float]] = {}
    kinds: tuple[Relevant, Exclude] = (relevant, exclude)
    for name, (one, other, asking, answering) in directions.items():
        question = ask(asking, answering, *kinds)
        most = int(question.size.min())
        if max(ks) > most:
            raise ConfigError(f"ks: {max(ks)} answers are asked for, but a query has only {most} rows that may answer")
        answers = search(one, other, most, question.excluded, similarity, centre, engine)
        right = question.right(answers)
        each = score(right, question, sorted(set(ks)), whole=True)
        found[name] = {measure: float(np.nanmean(values)) for measure, values in each.items()}
        found[name]["median rank"] = ranking.median_rank(right[question.total > 0])
        found[f"chance, {name}"] = chance(question, sorted(set(ks)), whole=True)
    _show(found)
    return found


def _show(found: dict[str, dict[str, float]]) -> None:
    table = Table(box=SIMPLE_HEAD)
    names = next(iter(found.values()))
    for name in ("", *names):
        table.add_column(name, justify="left" if not name else "right")
    for row, scores in found.items():
        cells = [f"{scores[name]:g}" if name == "median rank" and name in scores else
                 f"{100 * scores[name]:.1f}" if name in scores else "" for name in names]  # fmt: skip
        table.add_row(row, *cells)
    Console().print(table)
