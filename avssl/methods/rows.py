"""Rows of all items of the data, for methods that look at everything before an epoch."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import Tensor, distributed, nn

from avssl.distributed import all_gather, all_reduce, alone, own_share
from avssl.methods.base import Batch, Extract, Features, Rows, items_in
from avssl.methods.recordings import in_company
from avssl.nets.kmeans import KMeans
from avssl.transforms.draws import index_of


def features_of(batches: Iterable[Batch]) -> Features:
    """Return what `Method.before_epoch` asks for, from batches at hand, as in a loop of one's own.

    Examples:
        >>> batch = {"frames": torch.rand(2, 3, 8, 8), "key": torch.tensor([[0, 0, 7], [0, 0, 5]])}
        >>> rows = features_of([batch])(lambda batch: {"light": batch["frames"].mean((1, 2, 3))})
        >>> rows["index"].tolist(), rows["light"].shape
        ([5, 7], torch.Size([2]))
    """
    return lambda extract: collect(batches, extract)


@torch.no_grad()
def collect(batches: Iterable[Batch], extract: Extract, device: torch.device | str = "cpu") -> Rows:
    """Return rows of the items of all processes' batches, and ``index``, the item of each, in order of it.

    A batch of one recording, which has no batch statistics, joins its neighbour.

    Args:
        batches: of this process; those of which nothing could be read are passed over.
        extract: from a batch to tensors ``(items, ...)`` by name.
        device: where the rows are.

    Raises:
        ValueError: for batches without ``key``: their items have no numbers.
    """
    parts: dict[str, list[Tensor]] = {}
    for batch in in_company(batch for batch in batches if items_in(batch)):
        if "key" not in batch:
            raise ValueError("before an epoch each item needs its number: give key, int64 (N, 3), beside frames")
        for name, rows in (extract(batch) | {"index": index_of(batch["key"])}).items():
            parts.setdefault(name, []).append(rows)
    found = gathered({name: torch.cat(rows) for name, rows in parts.items()}, device)
    order = found["index"].argsort(stable=True) if found else None
    return {name: rows[order] for name, rows in found.items()}


def gathered(rows: Rows, device: torch.device | str) -> Rows:
    """Return the rows of all processes; one that has none learns from the others what they are called."""
    if alone():
        return rows
    forms: list[dict[str, tuple]] = [{} for _ in range(distributed.get_world_size())]
    mine = {name: (tuple(values.shape[1:]), values.dtype) for name, values in rows.items()}
    distributed.all_gather_object(forms, mine)
    known = next((form for form in forms if form), {})
    empty = {name: torch.zeros(0, *shape, dtype=kind, device=device) for name, (shape, kind) in known.items()}
    return {name: all_gather(rows.get(name, none)) for name, none in empty.items()}


def of_first_process(values: Tensor) -> Tensor:
    """Return what the first process holds, in all of them: on GPUs the same sums may differ in a last digit."""
    return all_gather(values[None])[0]


def in_shares(fit: Callable[..., KMeans], rows: Tensor) -> KMeans:
    """Return what k-means finds of rows that all processes hold, each working on a share; the same in all processes.

    Args:
        fit: k-means of rows; of a share it is given ``index`` and ``reduce``, see `avssl.nets.kmeans.fit_kmeans`.
        rows: ``(N, dim)``.
    """
    if alone():
        return fit(rows)
    index = own_share(torch.arange(len(rows), device=rows.device))
    found = fit(own_share(rows), index=index, reduce=all_reduce)
    labels = torch.zeros(len(rows), dtype=torch.int64, device=rows.device)
    labels[all_gather(index)] = all_gather(found.labels)
    return replace(found, centres=of_first_process(found.centres), labels=labels)


def require_items(rows: Rows, items: int) -> None:
    """Check that there is something to cluster, and that each item is one of those that clusters are kept of.

    Raises:
        ValueError: if not.
    """
    if not rows:
        raise ValueError("there is nothing to cluster: no item could be read")
    if (most := int(rows["index"].max())) >= items:
        raise ValueError(
            f"the data has item number {most}, and clusters are kept of {items} items; set items to the number of items"
        )


@contextmanager
def looking(method: nn.Module, first: bool) -> Iterator[None]:
    """Put a method into evaluation mode and back.

    Args:
        method: whose mode it is.
        first: whether nothing was learned yet: then batch statistics stand in for the unknown running ones. They go
            into the running ones, of a process's share alone; at the first step DDP gives all the first one's. Nothing
            is dropped out even then.
    """
    training = method.training
    method.eval()
    for module in method.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.train(first)
    try:
        yield
    finally:
        method.train(training)
