"""Retrieval between two sets of features in files, such as pictures and the sounds that belong to them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console

from avssl.cache import whole
from avssl.config import ConfigError
from avssl.evaluation.retrieval.question import Exclude, Relevant, ask, place_of
from avssl.evaluation.retrieval.results import Retrieved, collect
from avssl.evaluation.retrieval.scoring import rank
from avssl.evaluation.retrieval.summary import notes, table
from avssl.evaluation.retrieval.tables import items, neighbours
from avssl.evaluation.runner import show, write_csv
from avssl.features.extraction import Rows
from avssl.features.files import read_features
from avssl.features.search import Centre, Similarity, Space
from avssl.report.scores import Scores
from avssl.text import to_json

FEATURES = "features"  # the row of the table


def compare_features(
    queries: str | Path,
    gallery: str | Path | None = None,
    queries_layer: str | None = None,
    gallery_layer: str | None = None,
    relevant: Relevant = "pair",
    exclude: Exclude = "none",
    ks: Sequence[int] = (1, 5, 10),
    similarity: Similarity = "cosine",
    centre: Centre = "none",
    out: str | Path | None = None,
) -> Scores:
    """Print how well one set of features finds another, both ways, beside chance; write it where asked.

    Both folders hold ``index.parquet`` and ``.npy`` files, as ``tools/extract.py`` writes them, or as anybody's program
    does: an index with a column ``path`` is enough. Features of two modalities must live in one space.

    Args:
        queries: folder, or one of its ``.npy`` files.
        gallery: the other; None for the queries' own.
        queries_layer: which file, where the folder holds several.
        gallery_layer: likewise.
        relevant: ``"pair"``: the row of the same item and clip (row i belongs to row i where the index names no items),
            alone; or any of the same ``"label"`` or ``"group"``.
        exclude: rows of the query's own ``"item"``, ``"path"`` or ``"group"`` may not answer; ``"none"`` across
            modalities.
        ks: answers that count.
        similarity: ``"cosine"``, ``"dot"`` or ``"euclidean"``.
        centre: take out the ``"gallery"``'s mean, each side's ``"own"``, or ``"none"``.
        out: folder for ``scores.json`` and the CSV tables; None writes nothing.

    Returns:
        Scores by direction, row (the features, and chance) and measure.

    Raises:
        ConfigError: if features are missing, do not fit together, are not finite, or there are fewer than ks ask for.
    """
    if gallery is None and relevant == "pair":
        raise ConfigError("relevant: pair needs a gallery of the same items; or ask for the same label or group")
    if not ks or min(ks) < 1:
        raise ConfigError(f"ks start at 1; got {list(ks)}")
    ours = read_finite(queries, queries_layer)
    theirs = ours if gallery is None else read_finite(gallery, gallery_layer)
    directions = {"queries → gallery": (ours, theirs)}
    if gallery is not None:
        directions["gallery → queries"] = (theirs, ours)
    found = {}
    for name, ((asking, rows), (answering, others)) in directions.items():
        question = ask(rows, others, relevant, exclude, max(ks))
        space = Space(asking, answering, question.excluded, similarity, centre)
        ranked = {FEATURES: [rank(space, question, sorted(set(ks)), whole=True)]}
        found[name] = collect(ranked, question, sorted(set(ks)), (rows, others), "row")
    scores = summarize(found, [queries, gallery or queries], relevant, exclude, similarity, centre)
    console = Console()
    show(scores, console)
    if out is not None:
        write(scores, Path(out))
        console.print(f"Written: {out}")
    return scores


def read_finite(features: str | Path, layer: str | None) -> tuple[np.ndarray, Rows]:
    """Return features and what their rows are.

    Raises:
        ConfigError: if some are not finite.
    """
    array, rows = read_features(features, layer)
    odd = np.flatnonzero(~np.isfinite(array.reshape(len(array), -1)).all(1))
    if len(odd):
        raise ConfigError(f"{features}: {len(odd)} of {len(array)} rows are not finite (first: row {odd[0]})")
    return array, rows


def summarize(
    found: dict[str, Retrieved],
    sides: Sequence[str | Path],
    relevant: Relevant,
    exclude: Exclude,
    similarity: Similarity,
    centre: Centre,
) -> Scores:
    """Return what both directions found as scores."""
    numbers = {f"{way}/{name}": value for way, one in found.items() for name, value in one.numbers().items()}
    first = next(iter(found.values()))
    remarks = [note for one in found.values() for note in notes(one)]
    if relevant == "pair" and (strange := strangers(first.ours, first.theirs)):
        remarks.append(f"{strange} of {len(first.ours)} pairs differ in the names of their files: are they pairs?")
    return Scores(
        title=f"Retrieval between features: answers of the same {relevant}, shares in %",
        numbers=numbers,
        protocol={
            "queries": f"{sides[0]}, {len(first.ours)} rows",
            "gallery": f"{sides[1]}, {len(first.theirs)} rows",
            "right": f"same {relevant}",
            "excluded": f"the query's own {exclude}" if exclude != "none" else "nothing",
            "similarity": similarity,
            "mean taken out": {"gallery": "the gallery's", "own": "each side's own", "none": "none"}[centre],
        },
        table=tuple({"direction": way} | row for way, one in found.items() for row in table(one)),
        notes=tuple(dict.fromkeys(remarks)),
        tables={
            name: [{"direction": way} | row for way, one in found.items() for row in rows(one)]
            for name, rows in (("items", items), ("neighbours", neighbours))
        },
    )


def strangers(ours: Rows, theirs: Rows) -> int:
    """Return how many pairs come from files of different names, whatever their endings."""
    names = [dict(zip(place_of(rows).tolist(), rows.path.tolist(), strict=True)) for rows in (ours, theirs)]
    both = names[0].keys() & names[1].keys()
    return sum(Path(names[0][place]).stem != Path(names[1][place]).stem for place in both)


def write(scores: Scores, folder: Path) -> None:
    """Write scores and tables into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in scores.tables.items():
        write_csv(folder / f"{name}.csv", rows)
    about = {"title": scores.title, "numbers": scores.numbers, "protocol": scores.protocol, "notes": scores.notes}
    with whole(folder / "scores.json") as part:
        part.write_text(to_json(about, indent=2) + "\n", encoding="utf-8")
