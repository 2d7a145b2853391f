"""Features on disk: ``<layer>.npy`` and beside them ``index.parquet``, which says what each row is."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from avssl.cache import whole
from avssl.config import ConfigError
from avssl.config.errors import suggest
from avssl.features.extraction import Rows
from avssl.installed import tool
from avssl.text import EXACT, from_column, to_column

INDEX = "index.parquet"
BROKEN = (ArithmeticError, EOFError, LookupError, MemoryError, OSError, TypeError, ValueError)
OLDER = b"avssl.classes"  # metadata of the index: names of the classes, parted by line ends, in files written before
CLASSES = b"avssl.class_names"  # metadata of the index: names of the classes, as JSON


def write_features(folder: Path, features: Mapping[str, np.ndarray], rows: Rows) -> None:
    """Write arrays and the index of their rows into a folder; each file is there whole or not at all.

    Args:
        folder: made if need be.
        features: from a layer's name to ``(rows, ...)``.
        rows: what each row is.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for layer, array in features.items():
        with whole(folder / f"{layer}.npy") as part, open(part, "wb") as file:
            np.save(file, array, allow_pickle=False)
    columns: dict[str, Any] = {
        name: getattr(rows, name) for name in ("path", "item", "clip", "start", "end", "label", "group")
    }
    columns |= {name: to_column(columns[name]) for name in ("path", "group")}
    for name in ("labels", "box", "keypoints", "visible"):
        values = getattr(rows, name)
        if values is not None:
            columns[name] = list(values.reshape(len(values), -1))
    table = pa.table(columns).replace_schema_metadata({CLASSES: json.dumps(list(map(str, rows.classes))).encode()})
    with whole(folder / INDEX) as part, open(part, "wb") as file:  # by its path Arrow finds no name that is not UTF-8
        parquet.write_table(table, file)


def read_features(folder: str | Path, layer: str | None = None) -> tuple[np.ndarray, Rows]:
    """Return features that were written by `write_features` or ``tools/extract.py``.

    Args:
        folder: that holds ``index.parquet``; or one of the ``.npy`` files in it.
        layer: which file; None where there is one alone.

    Returns:
        ``(rows, ...)`` and what each row is.

    Raises:
        ConfigError: if there is no index, no such layer, one cannot be read, or file and index differ in length.
    """
    folder = Path(folder).expanduser()
    if folder.suffix == ".npy":
        folder, layer = folder.parent, folder.stem
    if not (folder / INDEX).is_file():
        raise ConfigError(f"{folder} holds no features: it has no {INDEX}; write them with: {tool('extract')}")
    there = sorted(path.stem for path in folder.glob("*.npy"))
    if layer is None and len(there) == 1:
        layer = there[0]
    if layer not in there:
        asked = "several layers: name one" if layer is None else f"no {layer}.npy{suggest(layer, there)}"
        raise ConfigError(f"{folder} holds {asked}; there is {', '.join(there) or 'none'}")
    features, table = read_array(folder / f"{layer}.npy"), read_table(folder / INDEX)
    if len(features) != table.num_rows:
        raise ConfigError(
            f"{folder / f'{layer}.npy'} has {len(features)} rows, its {INDEX} {table.num_rows}; extract them together"
        )
    try:
        return features, _rows(table, _classes(table))
    except (TypeError, ValueError, OverflowError, pa.ArrowException) as error:
        raise ConfigError(f"{folder / INDEX}: a column is not as extraction writes it ({first_line(error)})") from error


def read_array(path: Path) -> np.ndarray:
    """Return a file of features, rows first.

    Raises:
        ConfigError: if it cannot be read, or holds no rows of numbers.
    """
    try:
        with open(path, "rb") as file:
            found = np.load(file, allow_pickle=False)
    except (*BROKEN, SyntaxError, BadZipFile) as error:
        raise ConfigError(
            f"{path} is no readable .npy file ({first_line(error)}); extract the features again"
        ) from error
    if not isinstance(found, np.ndarray) or found.ndim < 1 or found.dtype.kind not in "fiu":
        raise ConfigError(f"{path} holds no rows of numbers; extract the features again")
    return found


def read_table(path: Path) -> pa.Table:
    """Return an index.

    Raises:
        ConfigError: if it cannot be read.
    """
    try:
        with open(path, "rb") as file:
            return parquet.read_table(file)
    except (*BROKEN, pa.ArrowException) as error:
        raise ConfigError(f"{path} is no readable index ({first_line(error)}); extract the features again") from error


def first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]


def _classes(table: pa.Table) -> tuple[str, ...]:
    """Return the names of the classes that an index has, or that its labels are."""
    metadata = table.schema.metadata or {}
    if CLASSES in metadata:
        return tuple(json.loads(metadata[CLASSES]))
    if names := metadata.get(OLDER, b"").decode(errors=EXACT):
        return tuple(names.split("\n"))
    if "label" in table.column_names and pa.types.is_string(table["label"].type):
        return tuple(sorted({name for name in table["label"].to_pylist() if name}))
    return ()


def _rows(table: pa.Table, classes: tuple[str, ...]) -> Rows:
    def column(name: str, kind: Any, otherwise: Any) -> np.ndarray:
        if name in table.column_names:
            return np.array(table[name].to_pylist(), dtype=kind)
        return np.full(table.num_rows, otherwise, dtype=kind)

    def several(name: str, kind: Any, *shape: int) -> np.ndarray | None:
        if name not in table.column_names:
            return None
        return np.array(table[name].to_pylist(), dtype=kind).reshape(table.num_rows, *shape)

    def names(name: str) -> np.ndarray:
        return np.array([from_column(value) for value in table[name].to_pylist()])

    if "label" in table.column_names and pa.types.is_string(table["label"].type):
        numbers = {name: number for number, name in enumerate(classes)}
        labels = pa.array([numbers.get(name, -1) for name in table["label"].to_pylist()])
        table = table.set_column(table.column_names.index("label"), "label", labels)
    path = names("path") if "path" in table.column_names else column("path", None, "")
    return Rows(
        path=path,
        item=column("item", np.int64, -1) if "item" in table.column_names else np.arange(table.num_rows),
        clip=column("clip", np.int64, -1),
        start=column("start", np.float64, 0.0),
        end=column("end", np.float64, 0.0),
        label=column("label", np.int64, -1),
        group=names("group") if "group" in table.column_names else path,
        labels=several("labels", np.float32, -1),
        box=several("box", np.int64, 4),
        keypoints=several("keypoints", np.float32, -1, 2),
        visible=several("visible", bool, -1),
        classes=classes,
    )
