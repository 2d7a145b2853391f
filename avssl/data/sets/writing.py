"""Write what was found of a data set: the manifest, its classes, and what is amiss; each whole or not at all."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from avssl.cache import whole
from avssl.data.sets.base import Problem
from avssl.text import EXACT, to_column

FILES = ("path", "sound", "keypoints", "mask", "normals", "depth")  # columns that name files
NAMES = ("manifest.csv", "manifest.parquet")


def write_manifest(rows: Sequence[Mapping[str, Any]], root: Path, out: Path) -> Path:
    """Write rows as ``manifest.csv``, or ``manifest.parquet`` if a cell holds a list or an array, and return which.

    Args:
        rows: ``""`` or None where a value is missing.
        root: what the files that the rows name are relative to.
        out: the folder to write to; if it is not ``root``, files are named in full.
    """
    columns = list(dict.fromkeys(name for row in rows for name in row)) or ["path"]
    lists = any(isinstance(value, list | tuple | np.ndarray) for row in rows for value in row.values())
    kind, other = reversed(NAMES) if lists else NAMES
    if out.resolve() != root.resolve():
        rows = [{**row, **{name: str(root.absolute() / row[name]) for name in FILES if row.get(name)}} for row in rows]
    with whole(out / kind) as part:
        if lists:
            _write_parquet(part, columns, rows)
        else:
            _write_csv(part, columns, rows, EXACT)
    (out / other).unlink(missing_ok=True)  # of an earlier run: it would be read in place of this one
    return out / kind


def write_problems(problems: Iterable[Problem], path: Path) -> None:
    """Write every problem, a line each."""
    rows = [{"kind": problem.kind, "path": problem.path, "about": problem.about} for problem in problems]
    with whole(path) as part:
        _write_csv(part, ["kind", "path", "about"], rows, "backslashreplace")


def write_classes(classes: Sequence[str], path: Path) -> None:
    """Write the names of the classes in the official order, a line each; without classes there is no file."""
    path.unlink(missing_ok=True)
    if classes:
        with whole(path) as part:
            part.write_text("".join(f"{name}\n" for name in classes), encoding="utf-8")


def _write_csv(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]], errors: str) -> None:
    with open(path, "w", newline="", encoding="utf-8", errors=errors) as file:
        table = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def _write_parquet(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    rows = list(rows)
    table = {column: [_plain(row.get(column)) for row in rows] for column in columns}
    for name in FILES:
        if all(isinstance(value, str) for value in table.get(name, [None])):
            table[name] = to_column(table[name])
    with open(path, "wb") as file:  # by its path Arrow finds no name that is not UTF-8
        parquet.write_table(pa.table(table), file)


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    return None if isinstance(value, str) and value == "" else value
