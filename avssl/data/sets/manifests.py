"""Write what was found of a data set: the manifest, its classes, and the problems; each whole or not at all."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from avssl.cache import whole
from avssl.data.sets.base import Problem, SetError
from avssl.data.tables import write_table
from avssl.text import printable

# Columns that name files
FILES = ("path", "sound", "keypoints", "annotations", "mask", "masks", "track", "cover", "normals", "depth")
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
        (_write_parquet if lists else write_table)(part, columns, rows)
    (out / other).unlink(missing_ok=True)  # of an earlier run: it would be read in place of this one
    return out / kind


def write_problems(problems: Iterable[Problem], path: Path) -> None:
    """Write every problem, a line each."""
    columns = ("kind", "path", "about")
    rows = [{name: printable(getattr(problem, name)) for name in columns} for problem in problems]
    with whole(path) as part:
        write_table(part, columns, rows)


def write_classes(classes: Sequence[str], path: Path) -> None:
    """Write the names of the classes in the official order, a line each; without classes there is no file."""
    path.unlink(missing_ok=True)
    if classes:
        with whole(path) as part:
            part.write_text("".join(f"{' '.join(printable(name).split())}\n" for name in classes), encoding="utf-8")


def amiss_in(row: Mapping[str, Any]) -> str:
    """Return why a row cannot be written so that it is read back as it was, or nothing."""
    names = [str(row[column]) for column in FILES if row.get(column)]
    if any("\ud800" <= letter <= "\udfff" for name in names for letter in name):
        return "its name is not in UTF-8; rename it"
    if any(name != name.strip() for name in names):
        return "its name begins or ends with a blank; rename it"
    if any(sign in str(row.get(column, "")) for column in ("label", "labels") for sign in "\r\n"):
        return "the name of its class has a line break; rename it"
    return ""


def _write_parquet(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    rows = list(rows)
    table = {column: [_plain(row.get(column)) for row in rows] for column in columns}
    try:
        with open(path, "wb") as file:  # by its path Arrow finds no name that is not UTF-8
            parquet.write_table(pa.table(table), file)
    except (pa.ArrowException, ValueError) as error:
        raise SetError(f"the manifest cannot be written ({' '.join(str(error).split())[:200]})") from error


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    return None if isinstance(value, str) and value == "" else value
