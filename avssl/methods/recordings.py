"""Which items of a batch are of one recording: what belongs to a picture is never told to belong to another."""

from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Any

import torch
from torch import Tensor

from avssl.methods.base import Batch, items_in
from avssl.transforms.draws import index_of


def recordings_of(batch: Batch) -> Tensor:
    """Return a number for the recording of each item, int64 ``(items,)``, the same in every batch and process.

    Items are of one recording where the data says so by ``group``, where they are cut from one file (``path``), and,
    where the data tells neither, where they are the same item: the index in ``key``. Without ``key`` each item is a
    recording of its own, numbered by its place.

    Examples:
        >>> key = torch.tensor([[0, 0, 4], [0, 0, 7], [0, 1, 4]])
        >>> recordings_of({"key": key}).tolist()
        [4, 7, 4]
        >>> one, other, again = recordings_of({"key": key, "group": ["film", "film", ""], "path": ["a", "b", "c"]})
        >>> bool(one == other), bool(one == again)
        (True, False)
    """
    index = index_of(batch["key"]) if "key" in batch else torch.arange(items_in(batch))
    names = batch.get("path")
    if names is None:
        return index
    groups = batch.get("group") or [""] * len(names)
    numbers = torch.tensor([number(group or name) for group, name in zip(groups, names, strict=True)])
    return numbers.to(index.device, non_blocking=True)


def number(name: str) -> int:
    """Return a whole number of 63 bits for a name; Python's own hash differs from process to process."""
    return int.from_bytes(blake2b(name.encode(errors="surrogateescape"), digest_size=8).digest(), "big") >> 1


def count(batch: Batch | Tensor) -> int:
    """Return how many recordings a batch holds; 0 for one of which nothing could be read."""
    if isinstance(batch, Tensor):
        return len(batch)
    return len(recordings_of(batch).unique()) if items_in(batch) else 0


def in_company(batches: Iterable[Any], least: int = 2) -> Iterator[Any]:
    """Yield batches of at least so many recordings: one with fewer, such as a lone last item, joins its neighbour.

    What finds none, or has frames of another size than its neighbour, comes as it is.
    """
    ready: Batch | Tensor | None = None
    lone: Batch | Tensor | None = None
    for batch in batches:
        if lone is not None:
            if fits(lone, batch):
                batch = joined(lone, batch)
            else:
                yield lone
            lone = None
        if count(batch) < least:
            lone = batch
            continue
        if ready is not None:
            yield ready
        ready = batch
    if ready is not None and lone is not None and fits(ready, lone):
        yield joined(ready, lone)
        return
    yield from (batch for batch in (ready, lone) if batch is not None)


def fits(one: Batch | Tensor, other: Batch | Tensor) -> bool:
    """Tell whether two batches can be put together: what both hold has the same shape but for the number of items."""
    if isinstance(one, Tensor) or isinstance(other, Tensor):
        return isinstance(one, Tensor) and isinstance(other, Tensor) and one.shape[1:] == other.shape[1:]
    return one.keys() == other.keys() and all(
        value.shape[1:] == other[name].shape[1:] if isinstance(value, Tensor) else isinstance(value, list)
        for name, value in one.items()
    )


def joined(one: Any, other: Any) -> Any:
    """Return two batches as one."""
    if isinstance(one, Tensor):
        return torch.cat([one, other])
    return {
        name: torch.cat([value, other[name]]) if isinstance(value, Tensor) else [*value, *other[name]]
        for name, value in one.items()
    }
