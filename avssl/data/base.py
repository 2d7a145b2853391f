"""The contract between data and everything that learns from it."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from torch.utils.data import Dataset as TorchDataset

from avssl.config import Recorded
from avssl.text import printable

Key = int | tuple[int, int]  # an index, or (epoch, index)
PACE = frozenset(("cache", "cache_gb"))  # settings that change how fast items come, never an item


class DataError(ValueError):
    """An item that cannot be made as asked: which, and why."""

    def __str__(self) -> str:
        return printable(super().__str__())


class Dataset(Recorded, TorchDataset, ABC):
    """A sized collection of items, each a dict of tensors (and a ``path``).

    Chance comes from ``rng_for(seed, epoch, index)`` alone, so an item looks the same whichever worker or process
    loads it. An item that cannot be read is, by policy, an error or a record under the key ``failure``.
    """

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def __getitem__(self, key: Key) -> dict[str, Any]:
        """Return item ``i`` for ``dataset[i]`` (epoch 0), and its look in an epoch for ``dataset[epoch, i]``."""

    def prepare(self) -> None:
        """Make ready what all processes that load share, such as decoded copies; call it before they are started."""
        if isinstance(inner := getattr(self, "data", None), Dataset):
            inner.prepare()

    def facts(self) -> list[str]:
        """Return lines that a run shows once, when the data are ready."""
        inner = getattr(self, "data", None)
        return inner.facts() if isinstance(inner, Dataset) else []

    def fingerprint(self, index: int) -> str | None:
        """Return a text that changes when the files behind item ``i`` do, or what is known of them; None if unknown.

        Nothing is read. A manifest may be written anew while its files stay: its labels, times and groups belong to it.
        """
        recordings = getattr(self, "recordings", None)
        if recordings is None:
            return None
        one = recordings[index]
        beside = (one.keypoints, one.annotations, one.sound, one.masks, one.track, one.cover)
        return " ".join([*map(file_state, (one.path, *filter(None, beside))), repr(one)])


def split_key(key: Key, size: int) -> tuple[int, int]:
    """Return epoch and index of a key.

    Raises:
        IndexError: if the index is not in ``[0, size)``; iteration over a dataset ends by it.
    """
    epoch, index = key if isinstance(key, tuple) else (0, key)
    if not 0 <= index < size:
        raise IndexError(f"index {index} is outside of a dataset of {size} items")
    return int(epoch), int(index)


def lasting(settings: Any) -> Any:
    """Return the settings of a data set, or what has such inside, without those that change no item.

    Examples:
        >>> lasting({"name": "Relabelled", "data": {"name": "Pictures", "cache": "file"}})
        {'name': 'Relabelled', 'data': {'name': 'Pictures'}}
    """
    if isinstance(settings, dict):
        return {name: lasting(value) for name, value in settings.items() if name not in PACE}
    return [lasting(value) for value in settings] if isinstance(settings, list | tuple) else settings


def file_state(path: str | Path) -> str:
    """Return what tells that a file is still the same: where it is, its size and when it was last written."""
    try:
        state = Path(path).stat()
    except OSError:
        return f"{path} cannot be seen"
    return f"{path} {state.st_size} {state.st_mtime_ns}"
