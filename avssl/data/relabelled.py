"""Labels that are attached to a data set afterwards: clusters, guesses of a teacher, what people corrected."""

from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import torch

from avssl.config.describe import UNRECORDED, record
from avssl.data.base import DataError, Dataset, Key, split_key
from avssl.data.items import items_of
from avssl.data.label_files import Labels, read_labels, write_label_file


class Relabelled(Dataset):
    """The items of a data set with other labels, and weights.

    An item has ``label`` (-1 for none), ``weight`` float32, and with soft labels ``soft`` float32 ``(classes,)``, of
    which ``label`` is the greatest; several labels an item (``labels``) are taken away. All else is as it was.

    Args:
        data: any data set.
        labels: for each item a number, int64 ``(items,)``, -1 for none, or soft labels, float32 ``(items, classes)``:
            rows that sum to 1, or of zeros for none. Or a file of them, see `write_labels`.
        weights: for each item a number of at least 0, ``(items,)``; None takes the file's, or else 1.

    Attributes:
        classes: names of the classes of the data where all labels are among them, or else empty.
        digest: of the items and all that was attached; it tells a run that labels changed.

    Raises:
        DataError: if the labels are of other data, or are none.
    """

    def __init__(self, data: Dataset, labels: str | Path | np.ndarray, weights: np.ndarray | None = None):
        self.data = data
        file = Path(labels).expanduser() if isinstance(labels, str | Path) else None
        known = items_of(data)
        found = read_labels(file, known) if file else Labels(np.asarray(labels), None)
        where = str(file or "labels")
        self.labels, self.soft = check_labels(where, found.labels, len(data))
        given = found.weights if weights is None else np.asarray(weights)
        self.weights = check_weights(where if weights is None else "weights", given, len(data))
        names = list(getattr(data, "classes", ()))
        self.classes = names if max(self.labels.max(initial=-1), self._width() - 1) < len(names) else []
        attached = blake2b(known["digest"].encode(), digest_size=16)
        for array in (self.labels, self.weights, self.soft):
            attached.update(b"" if array is None else np.ascontiguousarray(array).tobytes())
        self.digest = attached.hexdigest()
        record(self, {"data": data, "labels": file or UNRECORDED, "weights": None if weights is None else UNRECORDED})

    def _width(self) -> int:
        return 0 if self.soft is None else self.soft.shape[1]

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, key: Key) -> dict[str, Any]:
        """Return the item with its label and weight; one that could not be read as it is."""
        _, index = split_key(key, len(self))
        item = self.data[key]
        if "failure" in item:
            return item
        item = {name: value for name, value in item.items() if name != "labels"}
        item |= {"label": int(self.labels[index]), "weight": torch.tensor(self.weights[index])}
        return item if self.soft is None else item | {"soft": torch.from_numpy(self.soft[index].copy())}

    def fingerprint(self, index: int) -> str | None:
        """Return a text that changes when the item's files, its label or its weight do; None if nothing is known."""
        known = self.data.fingerprint(index)
        if known is None:
            return None
        soft = "" if self.soft is None else self.soft[index].tobytes().hex()
        return f"{known} {self.labels[index]} {self.weights[index]} {soft}"


def write_labels(path: str | Path, data: Dataset, labels: np.ndarray, weights: np.ndarray | None = None) -> None:
    """Write labels of a data set's items where `Relabelled` reads them, with its size and digest.

    Args:
        path: a ``.safetensors``, ``.npz`` or ``.parquet`` file.
        data: what the labels are of.
        labels: see `Relabelled`.
        weights: likewise; None for 1.

    Raises:
        DataError: if they do not fit the data, or the file is of another kind.
    """
    numbers, soft = check_labels("labels", np.asarray(labels), len(data))
    checked = check_weights("weights", None if weights is None else np.asarray(weights), len(data))
    write_label_file(Path(path).expanduser(), items_of(data), numbers, checked, soft)


def check_labels(where: str, labels: np.ndarray, items: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Return labels as numbers, int64 ``(items,)``, and the soft ones they come from, float32 ``(items, classes)``.

    Raises:
        DataError: if they are neither.
    """
    if labels.ndim not in (1, 2) or len(labels) != items or (labels.ndim == 2 and not labels.shape[1]):
        raise DataError(f"{where}: one label for each of {items} items is needed; got an array of {labels.shape}")
    if labels.ndim == 1:
        if labels.dtype.kind not in "iu":
            raise DataError(f"{where}: labels are whole numbers, -1 for none, or rows of shares; got {labels.dtype}")
        if bad := next((int(one) for one in labels if one < -1), None):
            raise DataError(f"{where}: labels are at least 0, or -1 for none; got {bad}")
        return labels.astype(np.int64), None
    if labels.dtype.kind not in "iuf":
        raise DataError(f"{where}: soft labels are numbers; got {labels.dtype}")
    soft = labels.astype(np.float32)
    sums = soft.sum(1)
    good = np.isfinite(soft).all(1) & (soft >= 0).all(1) & ((np.abs(sums - 1) < 1e-3) | (sums == 0))
    if not good.all():
        raise DataError(
            f"{where}: soft labels are shares that sum to 1, or zeros for none; item {int((~good).argmax())} has others"
        )
    return np.where(sums > 0, soft.argmax(1), -1).astype(np.int64), soft


def check_weights(where: str, weights: np.ndarray | None, items: int) -> np.ndarray:
    """Return weights as float32 ``(items,)``; 1 where there are none.

    Raises:
        DataError: if they are no finite numbers of at least 0, one for each item.
    """
    if weights is None:
        return np.ones(items, np.float32)
    if weights.shape != (items,) or weights.dtype.kind not in "biuf":
        raise DataError(f"{where}: one weight for each of {items} items is needed; got {weights.dtype} {weights.shape}")
    if not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise DataError(f"{where}: weights are finite and at least 0")
    return weights.astype(np.float32)
