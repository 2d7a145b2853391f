"""Files of labels that later tools write for the items of a data set: safetensors, NPZ or Parquet.

Columns: ``item`` int64, each item once; ``label`` int64 or ``soft`` float32 ``(rows, classes)``; ``weight``, optional.
Items without a row have no label and the weight 0. What the file is of stands beside: ``count`` and ``digest`` (see
`avssl.data.items`), as metadata, in an NPZ as arrays (the digest as its 16 bytes).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from avssl.data.arrays import read_arrays
from avssl.data.base import DataError
from avssl.data.items import Items

ENDINGS = (".safetensors", ".npz", ".parquet")
COLUMNS = ("item", "label", "soft", "weight")


class Labels(NamedTuple):
    """Labels ``(items,)`` or soft ones ``(items, classes)``, and weights ``(items,)`` where there are some."""

    labels: np.ndarray
    weights: np.ndarray | None


def read_labels(path: Path, known: Items) -> Labels:
    """Return the labels in a file, by item.

    Args:
        path: the file.
        known: what the labels have to be of.

    Raises:
        DataError: if it cannot be read, or was written for other data.
    """
    readers = {".safetensors": read_tensors, ".npz": read_npz, ".parquet": read_table}
    if path.suffix not in readers:
        raise DataError(f"{path}: labels are read from {', '.join(ENDINGS)}")
    if not path.is_file():
        raise DataError(f"{path} does not exist; a file of labels is needed")
    columns, of = readers[path.suffix](path)
    require_same(path, of, known)
    lacking = "item" if "item" not in columns else "label or soft"
    if "item" not in columns or not {"label", "soft"} & columns.keys():
        raise DataError(f"{path}: there is no {lacking}; it has {', '.join(columns) or 'nothing'}")
    items = check_rows(path, columns, known["count"])
    given = columns.get("soft", columns.get("label"))
    assert given is not None
    labels = np.full((known["count"], *given.shape[1:]), 0 if "soft" in columns else -1, given.dtype)
    labels[items] = given
    if "weight" not in columns and len(items) == known["count"]:
        return Labels(labels, None)
    weights = np.zeros(known["count"], np.float32)
    weights[items] = columns.get("weight", 1)
    return Labels(labels, weights)


def require_same(path: Path, of: Mapping[str, Any], known: Items, what: str = "labels") -> None:
    """Refuse labels, or what else a file has for each item, that were written for other data.

    Raises:
        DataError: if so.
    """
    if of.get("count") not in (None, known["count"]):
        raise DataError(f"{path} has {what} of data of {of['count']} items, and these have {known['count']}")
    if of.get("digest") and known["digest"] and of["digest"] != known["digest"]:
        raise DataError(f"{path} has {what} of {known['count']} other items: names, labels or their order differ")


def check_rows(path: Path, columns: Mapping[str, np.ndarray], count: int) -> np.ndarray:
    """Return which item each row is of.

    Raises:
        DataError: if rows are missing in a column, or items stand twice or are not there.
    """
    items = columns["item"]
    shapes = {name: values.shape for name, values in columns.items()}
    odd = next((name for name, shape in shapes.items() if shape[:1] != items.shape), None)
    flat = all(len(shape) == (2 if name == "soft" else 1) for name, shape in shapes.items())
    if odd or not flat or items.dtype.kind not in "iu":
        told = ", ".join(f"{name} {columns[name].dtype} {shape}" for name, shape in shapes.items())
        raise DataError(f"{path}: each row needs an item (a whole number), a label or soft labels; got {told}")
    if len(items) and not (items.min() >= 0 and items.max() < count):
        raise DataError(f"{path}: items go from {items.min()} to {items.max()}, and the data have {count}, from 0")
    if len(np.unique(items)) < len(items):
        raise DataError(f"{path}: an item stands twice; each has one label")
    return items.astype(np.int64)


def read_tensors(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return the columns of a ``.safetensors`` file, and what they are of."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            names = set(file.keys())
            found = {name: file.get_tensor(name) for name in COLUMNS if name in names}
            return found, described(path, file.metadata() or {})
    except (SafetensorError, OSError, TypeError) as error:
        raise DataError(f"{path} is no readable .safetensors file: {' '.join(str(error).split())[:200]}") from error


def read_npz(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return the columns of an ``.npz`` file, and what they are of."""
    found = read_arrays(path, optional=(*COLUMNS, "count", "digest"))
    about = {name: found.pop(name) for name in ("count", "digest") if name in found}
    return found, {
        name: value.astype(np.uint8).tobytes().hex() if name == "digest" else int(value.item(0))
        for name, value in about.items()
        if value.size
    }


def read_table(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return the columns of a ``.parquet`` file, and what they are of."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        table = parquet.read_table(path)
        table.validate(full=True)  # before its values are touched: damaged offsets lead anywhere
        found = {name: np.array(table[name].to_pylist()) for name in COLUMNS if name in table.column_names}
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise DataError(f"{path} cannot be read as Parquet ({' '.join(str(error).split())[:200]})") from error
    empty = next((name for name, values in found.items() if values.dtype.kind not in "biuf"), None)
    if empty:
        raise DataError(f"{path}: the column {empty!r} should hold numbers, in each row as many")
    metadata = {key.decode(errors="replace"): value.decode() for key, value in (table.schema.metadata or {}).items()}
    return found, described(path, metadata)


def described(path: Path, metadata: Mapping[str, str]) -> dict[str, Any]:
    """Return what a file's metadata say of the data that it is of.

    Raises:
        DataError: if the number of items is none.
    """
    count = metadata.get("count")
    if count is not None and not count.isdecimal():
        raise DataError(f"{path}: count in its metadata is {count[:40]!r}; a number of items is needed")
    return {"count": None if count is None else int(count), "digest": metadata.get("digest", "")}


def write_label_file(
    path: Path, known: Items, labels: np.ndarray, weights: np.ndarray, soft: np.ndarray | None
) -> None:
    """Write labels, weights and soft labels, where there are some, for all items in order.

    Raises:
        DataError: if the file's ending is none of those that are read.
    """
    columns = {"item": np.arange(len(labels)), "label": labels, "weight": weights}
    columns |= {} if soft is None else {"soft": soft}
    about = {"count": str(known["count"]), "digest": known["digest"]}
    if path.suffix == ".safetensors":
        from safetensors.numpy import save

        from avssl.nets.tensor_files import in_order

        path.write_bytes(in_order(save(columns, metadata=about)))
    elif path.suffix == ".npz":
        digest = np.frombuffer(bytes.fromhex(known["digest"]), np.uint8)
        np.savez(path, allow_pickle=False, **columns, count=np.array(known["count"]), digest=digest)
    elif path.suffix == ".parquet":
        import pyarrow as pa
        from pyarrow import parquet

        table = pa.table({name: list(values) if name == "soft" else values for name, values in columns.items()})
        parquet.write_table(table.replace_schema_metadata(about), path)
    else:
        raise DataError(f"{path}: labels are written as {', '.join(ENDINGS)}")
