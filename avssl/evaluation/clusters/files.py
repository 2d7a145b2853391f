"""Clusters as files: ``clusters.safetensors`` to be used again, ``clusters.parquet`` to read, labels of the items."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from pyarrow import parquet
from safetensors.torch import save
from torch import Tensor

from avssl.cache import whole
from avssl.config import ConfigError
from avssl.data.label_files import write_label_file
from avssl.features.command import ABOUT
from avssl.features.extraction import Rows
from avssl.installed import tool
from avssl.nets import Clusters
from avssl.nets.tensor_files import in_order, read_safetensors
from avssl.text import to_column

CLUSTERS, TABLE, LABELS = "clusters.safetensors", "clusters.parquet", "labels.safetensors"
WHITENING = ("mean", "axes", "scale")


def write_clusters(path: Path, clusters: Clusters, labels: Tensor, about: dict[str, Any]) -> None:
    """Write clusters: ``centres``, ``labels`` of the rows and, with whitening, ``mean``, ``axes`` and ``scale``.

    Args:
        path: a ``.safetensors`` file.
        clusters: to be used again by `read_clusters`.
        labels: cluster of each row that they were made of, int64 ``(rows,)``.
        about: what the rows are; goes into the metadata.
    """
    tensors = {"centres": clusters.centres, "labels": labels}
    if clusters.whitening is not None:
        tensors |= {name: clusters.whitening.get_buffer(name) for name in WHITENING}
    settings = {"dim": clusters.dim, "unit": clusters.unit, "spherical": clusters.spherical}
    metadata = {"clusters": json.dumps(settings), "about": json.dumps(about)}
    with whole(path) as part:
        part.write_bytes(
            in_order(save({name: values.cpu().contiguous() for name, values in tensors.items()}, metadata=metadata))
        )


def read_clusters(path: str | Path, device: str = "cpu") -> Clusters:
    """Return clusters that were written by `write_clusters`.

    Args:
        path: the file, or the folder that it is in.
        device: where to put them.

    Raises:
        ConfigError: if there are none, or they cannot be read.
    """
    path = Path(path).expanduser()
    path = path / CLUSTERS if path.is_dir() else path
    if not path.is_file():
        raise ConfigError(f"{path} does not exist; clusters are written by: {tool('cluster')}")
    metadata, tensors = read_safetensors(path, ConfigError)
    try:
        settings = json.loads(metadata["clusters"])
        dim, unit, spherical = (settings[name] for name in ("dim", "unit", "spherical"))
        centres, whitened = tensors["centres"], "axes" in tensors
        clusters = Clusters(int(dim), len(centres), centres.shape[1] if whitened else None, bool(unit), bool(spherical))
        state = {"centres": centres} | {f"whitening.{name}": tensors[name] for name in WHITENING if whitened}
        clusters.load_state_dict(state)
    except (KeyError, TypeError, ValueError, IndexError, RuntimeError, RecursionError) as error:
        raise ConfigError(f"{path} holds no clusters as `{tool('cluster')}` writes them; make them again") from error
    if not all(torch.isfinite(values).all() for values in state.values()):
        raise ConfigError(f"{path} holds centres that are not finite; make them again")
    return clusters.to(device)


def write_table(path: Path, rows: Rows, labels: np.ndarray, distances: np.ndarray) -> None:
    """Write what each row is, its ``cluster``, and the squared ``distance`` to the centre."""
    columns: dict[str, Any] = {name: getattr(rows, name) for name in ("item", "clip", "start", "end", "label")}
    columns |= {"path": to_column(rows.path), "cluster": labels, "distance": distances}
    with whole(path) as part, open(part, "wb") as file:
        parquet.write_table(pa.table(columns), file)


def write_item_labels(path: Path, folder: Path, rows: Rows, labels: np.ndarray) -> bool:
    """Write labels of items where `avssl.data.Relabelled` reads them; return whether it is known of which data.

    An item of several rows has the cluster that most of them are in, the first of equals; one without rows has none.

    Args:
        path: a ``.safetensors`` file.
        folder: of the features, whose ``about.json`` says which items the data has.
        rows: what each row is.
        labels: cluster of each row, ``(rows,)``.
    """
    try:
        items = json.loads((folder / ABOUT).read_text(encoding="utf-8"))["items"]
        known = {"count": int(items["count"]), "digest": str(items["digest"])}
    except (OSError, ValueError, TypeError, LookupError, RecursionError):
        return False
    if not 0 <= rows.item.min() <= rows.item.max() < known["count"]:
        return False
    found = majorities(rows.item, labels, known["count"])
    part = path.with_name(f".{path.name}")  # its ending says how it is written
    write_label_file(part, known, found, (found >= 0).astype(np.float32), None)
    part.replace(path)
    return True


def majorities(items: np.ndarray, labels: np.ndarray, count: int) -> np.ndarray:
    """Return the label that most rows of each item have, the least of equals, -1 without rows, int64 ``(count,)``.

    Examples:
        >>> majorities(np.array([0, 0, 0, 2]), np.array([5, 3, 5, 1]), 3).tolist()
        [5, -1, 1]
    """
    pairs, times = np.unique(np.stack([items, labels], 1), axis=0, return_counts=True)
    order = np.lexsort((-pairs[:, 1], times))  # most rows last, of equals the least label last
    found = np.full(count, -1, np.int64)
    found[pairs[order, 0]] = pairs[order, 1]  # in this order: the last one stays
    return found
