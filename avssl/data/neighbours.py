"""Items beside one of their nearest neighbours: what SCAN learns from."""

from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import save

from avssl.cache import whole
from avssl.config.describe import UNRECORDED, record
from avssl.data.base import DataError, Dataset, Key, split_key
from avssl.data.items import items_of
from avssl.data.label_files import described, require_same
from avssl.installed import tool
from avssl.nets.tensor_files import in_order, read_safetensors
from avssl.sampling import rng_for

TABLE = "neighbours"  # the tensor's name in a file
STREAM = 1 << 31  # of chance, beside those of clips
BESIDE = ("frames", "times", "valid")  # what the neighbour adds to
KEPT = ("label", "labels", "weight", "soft", "group", "path", "key")  # what stays the item's own


class WithNeighbours(Dataset):
    """The items of a data set, each with the clip of one of its neighbours as a second clip.

    The neighbour is drawn anew each epoch, by seed, epoch and index alone. An item has ``frames`` ``(2, frames, 3, H,
    W)``, its own first, ``times`` and ``valid`` likewise, and ``neighbour``, the index of the other; label, group, path
    and key are its own, and other things that it has are left out. If the neighbour cannot be read, neither can it.

    Args:
        data: items of one clip each.
        neighbours: for each item the indices of others, nearest first, ``(items, neighbours)``, -1 for none; or a file
            of them, as ``tools/neighbours.py`` or `write_neighbours` writes it.
        count: draw among so many of the nearest; None for all.
        seed: of the draws.

    Attributes:
        classes: of the data.
        digest: of the items and their neighbours; it tells a run that they changed.

    Raises:
        DataError: if the neighbours are of other data, or are none.
    """

    def __init__(self, data: Dataset, neighbours: str | Path | np.ndarray, count: int | None = None, seed: int = 0):
        self.data, self.seed = data, seed
        known = items_of(data)
        file = Path(neighbours).expanduser() if isinstance(neighbours, str | Path) else None
        where = str(file or "neighbours")
        table = check_neighbours(where, read_table(file, known) if file else np.asarray(neighbours), len(data))
        if count is not None and not 1 <= count <= table.shape[1]:
            raise DataError(f"{where}: count is from 1 to the {table.shape[1]} neighbours that are known; got {count}")
        self.neighbours = table[:, :count]
        self.classes = list(getattr(data, "classes", ()))
        both = known["digest"].encode() + np.ascontiguousarray(self.neighbours).tobytes()
        self.digest = blake2b(both, digest_size=16).hexdigest()
        record(self, {"data": data, "neighbours": file or UNRECORDED, "count": count, "seed": seed})

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, key: Key) -> dict[str, Any]:
        """Return the item and one of its neighbours.

        Raises:
            DataError: if it has none, or the two cannot stand beside each other.
        """
        epoch, index = split_key(key, len(self))
        item = self.data[key]
        if "failure" in item:
            return item
        among = self.neighbours[index][self.neighbours[index] >= 0]
        if not len(among):
            raise DataError(f"item {index} ({item['path']}) has no neighbour; find neighbours anew")
        other = int(among[rng_for(self.seed, epoch, index, STREAM).integers(len(among))])
        beside = self.data[epoch, other]
        if "failure" in beside:
            return beside
        shapes = [tuple(one["frames"].shape) for one in (item, beside)]
        if shapes[0] != shapes[1] or shapes[0][0] != 1:
            raise DataError(
                f"{item['path']} has frames {shapes[0]} and its neighbour {beside['path']} {shapes[1]}; each needs one "
                "clip, and both one size"
            )
        both = {name: torch.cat([item[name], beside[name]]) for name in BESIDE if name in item}
        return both | {name: item[name] for name in KEPT if name in item} | {"neighbour": other}

    def fingerprint(self, index: int) -> str | None:
        """Return a text that changes when the files of the item or of a neighbour do; None if nothing is known."""
        known = [self.data.fingerprint(one) for one in (index, *self.neighbours[index].tolist()) if one >= 0]
        return None if None in known else " ".join(filter(None, known))


def write_neighbours(path: str | Path, data: Dataset, neighbours: np.ndarray) -> None:
    """Write neighbours of a data set's items where `WithNeighbours` reads them, with its size and digest.

    Args:
        path: a ``.safetensors`` file; its folder is made if need be.
        data: what they are of.
        neighbours: see `WithNeighbours`.

    Raises:
        DataError: if they do not fit the data.
    """
    table, known = check_neighbours("neighbours", neighbours, len(data)), items_of(data)
    about = {"count": str(known["count"]), "digest": known["digest"]}
    file = Path(path).expanduser()
    file.parent.mkdir(parents=True, exist_ok=True)
    with whole(file) as part:
        part.write_bytes(in_order(save({TABLE: np.ascontiguousarray(table, np.int32)}, metadata=about)))


def read_table(path: Path, known: dict[str, Any]) -> np.ndarray:
    """Return the neighbours in a file.

    Raises:
        DataError: if it cannot be read, or was written for other data.
    """
    if not path.is_file():
        raise DataError(f"{path} does not exist; find neighbours first, with: {tool('neighbours')}")
    about, tensors = read_safetensors(path, DataError)
    if TABLE not in tensors:
        raise DataError(f"{path} holds no {TABLE}; find them with: {tool('neighbours')}")
    require_same(path, described(path, about), known, TABLE)
    return tensors[TABLE].numpy()


def check_neighbours(where: str, table: np.ndarray, items: int) -> np.ndarray:
    """Return neighbours as int64 ``(items, neighbours)``.

    Raises:
        DataError: if they are no indices of items, a row of them for each.
    """
    if table.ndim != 2 or len(table) != items or not table.shape[1] or table.dtype.kind not in "iu":
        raise DataError(
            f"{where}: needs a row of indices for each of {items} items; got {table.dtype} {tuple(table.shape)}"
        )
    if not (table.min() >= -1 and table.max() < items):
        raise DataError(
            f"{where}: neighbours are items from 0 to {items - 1}, -1 for none; got {table.min()} to {table.max()}"
        )
    return table.astype(np.int64)
