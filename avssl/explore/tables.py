"""The table that the page shows: a row for each row of features, with its place, its neighbours, and what it is of."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from avssl.explore.media import Medium
from avssl.features.extraction import Rows
from avssl.features.search import Answers
from avssl.text import printable

NONE = "none"
STYLE = "max-width:240px;max-height:240px;min-width:180px"
OTHER = "_other"  # ends the names of columns of the second map
OWN = frozenset(  # columns of an index that are shown otherwise, or not at all
    ("path", "item", "clip", "start", "end", "label", "group", "labels", "box", "keypoints", "visible")
)
MAP = ("x", "y", "neighbors")  # columns of a map


def columns_of(rows: Rows, media: Sequence[Medium], clusters: np.ndarray | None = None) -> dict[str, Any]:
    """Return the columns that say what rows are, by name: plain values, one per row.

    Args:
        rows: of features.
        media: what each row is of.
        clusters: of each row, int64 ``(rows,)``; None for none.
    """
    labels = [label_of(rows, row) for row in range(len(rows))]
    files = [printable(medium.path.name) for medium in media]
    found: dict[str, Any] = {
        "row": np.arange(len(rows)),
        "media": [html(row, medium) for row, medium in enumerate(media)],
        "about": [file if label == NONE else f"{file} · {label}" for file, label in zip(files, labels, strict=True)],
        "label": labels,
    }
    if clusters is not None:
        wide = len(str(max(clusters, default=0)))
        found["cluster"] = [f"cluster {number:0{wide}d}" for number in clusters.tolist()]
    found |= {"file": files, "path": list(map(printable, rows.path)), "group": list(map(printable, rows.group))}
    found |= {"item": rows.item, "clip": rows.clip}
    return found | ({"start": rows.start, "end": rows.end} if np.any(rows.end) else {})  # pictures last no time


def label_of(rows: Rows, row: int) -> str:
    """Return the name of a row's class, or of its several classes; ``"none"`` without one."""
    if rows.labels is not None:
        present = np.flatnonzero(rows.labels[row] == 1)
        return ", ".join(class_name(rows.classes, int(number)) for number in present) or NONE
    return class_name(rows.classes, int(rows.label[row])) if rows.label[row] >= 0 else NONE


def class_name(classes: Sequence[str], number: int) -> str:
    return printable(classes[number]) if number < len(classes) else str(number)


def html(row: int, medium: Medium) -> str:
    """Return what plays or shows a row, of a film or sound its part alone; nothing where nothing can be had."""
    address = f"/media/{row}"
    part = f"#t={max(0.0, medium.start):.3f},{medium.end:.3f}" if medium.end > medium.start else ""
    played = f'src="{address}{part}" controls'
    return {
        "film": f'<video {played} poster="{address}/picture" style="{STYLE}"></video>',
        "sound": f'<audio {played} style="width:240px"></audio>',
        "picture": f'<img src="{address}" alt="" style="{STYLE}">',
        "drawn": f'<img src="{address}" alt="" style="{STYLE}">',
        "nothing": "",
    }[medium.kind]


def placed(places: np.ndarray, near: Answers, suffix: str = "") -> dict[str, Any]:
    """Return the columns of a map: places on the plane, and each row's neighbours as the page takes them."""
    pairs = zip(near.index.tolist(), np.round(1 - near.similarity, 6).clip(0).tolist(), strict=True)
    neighbours = [{"ids": ids, "distances": distances} for ids, distances in pairs]
    columns = (places[:, 0].astype(np.float64), places[:, 1].astype(np.float64), neighbours)
    return {f"{name}{suffix}": column for name, column in zip(MAP, columns, strict=True)}


def further(table: pa.Table, taken: Collection[str]) -> dict[str, list[Any]]:
    """Return columns of an index that extraction does not write: texts, numbers and truth values.

    Args:
        table: the index.
        taken: names that the page's other columns have; small and capital letters are the same to its database.
    """
    plain = (pa.types.is_string, pa.types.is_large_string, pa.types.is_integer, pa.types.is_floating)
    used = {*map(str.lower, taken), *MAP, *(f"{name}{OTHER}" for name in MAP)}
    found = {}
    for field in table.schema:
        name = field.name.lower()
        if field.name in OWN or name in used or not any(test(field.type) for test in (*plain, pa.types.is_boolean)):
            continue
        used.add(name)
        found[field.name] = table[field.name].to_pylist()
    return found
