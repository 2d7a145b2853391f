"""Batches for training and for measuring."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from avssl.data import DataError, Dataset, Endless
from avssl.data.batches import collate
from avssl.media.errors import MediaError
from avssl.methods.base import Extract, Features, Rows
from avssl.methods.rows import collect
from avssl.progress import Bar
from avssl.training.accelerators import Accelerator, require_accelerator
from avssl.training.errors import TrainingError
from avssl.training.stopping import leave_signals_alone

if TYPE_CHECKING:
    from lightning_fabric import Fabric  # slow to load, and evaluation needs none of it

Batch = dict[str, Any]
UNSEEN = 2**40  # an epoch that no training reaches: measuring takes looks that training never took


class Feed:
    """An endless stream of training batches on the device, in the order that the seed fixes.

    Args:
        fabric: knows the device and this process's share.
        data: what to draw from.
        batch_size: items a batch.
        seed: fixes the order.
        start: items already drawn, over all processes.
        workers: processes that load ahead; 0 loads in this one.
        prefetch: batches that each worker keeps ready.
    """

    def __init__(
        self, fabric: "Fabric", data: Dataset, batch_size: int, seed: int, start: int, workers: int, prefetch: int
    ):
        order = Endless(len(data), seed, start, fabric.global_rank, fabric.world_size)
        loader = loading(fabric, data, batch_size, order, workers, prefetch)
        self._batches: Any = iter(fabric.setup_dataloaders(loader, use_distributed_sampler=False))

    def take(self, count: int) -> list[Batch]:
        """Return the next batches."""
        with plain_errors():
            return [next(self._batches) for _ in range(count)]

    def close(self) -> None:
        """End the loading processes; otherwise they would end with the program, and noisily."""
        self._batches.close()


def single_process(accelerator: Accelerator = "auto") -> "Fabric":
    """Return what knows the device of one process, for looking at data outside of a training."""
    from lightning_fabric import Fabric

    require_accelerator(accelerator)
    return Fabric(accelerator=accelerator, devices=1)


def loading(
    fabric: "Fabric", data: Dataset, batch_size: int, keys: Iterable[Any], workers: int, prefetch: int = 2
) -> DataLoader:
    """Return a loader of the items under ``keys``, in that order; what its processes share is made ready first."""
    data.prepare()
    return DataLoader(
        data,
        batch_size,
        sampler=keys,
        num_workers=workers,
        prefetch_factor=prefetch if workers else None,
        pin_memory=fabric.device.type == "cuda",
        collate_fn=collate,
        worker_init_fn=leave_signals_alone,
        generator=torch.Generator(),  # its own, so that starting workers draws nothing from the method's
    )


def batches_of(
    fabric: "Fabric",
    data: Dataset,
    epoch: int,
    items: int | None,
    batch_size: int,
    workers: int,
    what: str = "reading items",
) -> Iterator[Batch]:
    """Yield batches of items of a data set, each once, the same whenever asked.

    Args:
        fabric: knows the device.
        data: what to look at.
        epoch: which look to take.
        items: how many, spread evenly over the data set; None for all.
        batch_size: items a batch.
        workers: processes that load.
        what: words for it, for whoever waits.
    """
    count = len(data) if items is None else min(items, len(data))
    keys = [(epoch, int(index)) for index in np.arange(count) * len(data) // count]
    yield from batches_under(fabric, data, keys, batch_size, workers, what)


def batches_under(
    fabric: "Fabric",
    data: Dataset,
    keys: Sequence[tuple[int, int]],
    batch_size: int,
    workers: int,
    what: str = "reading items",
) -> Iterator[Batch]:
    """Yield batches of the items under keys (epoch, index), in their order, on the device; show how far that is."""
    with plain_errors(), Bar(what, len(keys), quiet=not fabric.is_global_zero) as bar:
        for batch in loading(fabric, data, batch_size, keys, min(workers, -(-len(keys) // batch_size))):
            yield fabric.to_device(batch)
            bar.reach(min(len(keys), bar.done + batch_size))


def features_of_all(fabric: "Fabric", data: Dataset, epoch: int, batch_size: int, workers: int) -> Features:
    """Return what computes rows of all items of a data set, each process a share: see `avssl.methods.base.Features`.

    Args:
        fabric: knows the device and this process's share.
        data: what to look at.
        epoch: which look to take.
        batch_size: items a batch.
        workers: processes that load.
    """
    first, last = share_of(len(data), batch_size, fabric.global_rank, fabric.world_size)
    keys = [(epoch, index) for index in range(first, last)]
    devices = [fabric.device] if fabric.device.type == "cuda" else []

    def features(extract: Extract) -> Rows:
        # What a method draws after its look (a new head) must not depend on how many batches its process had.
        with torch.random.fork_rng(devices, enabled=fabric.world_size > 1):
            return collect(
                batches_under(fabric, data, keys, batch_size, workers, "looking at all items") if keys else (),
                extract,
                fabric.device,
            )

    return features


def share_of(count: int, batch_size: int, rank: int, world: int) -> tuple[int, int]:
    """Return the first item of a process's share and the one after its last.

    Shares hold whole batches, those that one process would make of all items, and no lone item, which would have no
    batch statistics: two batches of one item go together, and a lone last item goes with the batch before.

    Examples:
        >>> [share_of(9, batch_size=4, rank=rank, world=2) for rank in range(2)]
        [(0, 4), (4, 9)]
        >>> [share_of(5, batch_size=1, rank=rank, world=3) for rank in range(3)]
        [(0, 0), (0, 2), (2, 5)]
    """
    unit = max(2, batch_size)
    units = -(-(count - 1) // unit)
    first, last = (unit * (units * part // world) for part in (rank, rank + 1))
    return first, count if rank == world - 1 else last


@contextmanager
def plain_errors() -> Iterator[None]:
    """Say in one line which recording could not be used; a loader's worker wraps that in the text of its traceback."""
    try:
        yield
    except (MediaError, DataError) as error:
        text = error.message if isinstance(error, MediaError) else str(error)
        told = text.strip().splitlines()[-1] if "Traceback" in text else str(error)
        told = told.removeprefix(f"{type(error).__module__}.{type(error).__name__}: ")
        raise TrainingError(f"{told}; on_bad=skip on the data leaves such recordings out, and counts them") from error


def is_empty(batch: Batch) -> bool:
    """Tell whether nothing of a batch could be read."""
    return not any(isinstance(value, Tensor) for value in batch.values())


def images(batch: Batch) -> int:
    """Return how many images a batch has; its items, where it has no ``frames``."""
    if "frames" in batch:
        return int(np.prod(batch["frames"].shape[:-3]))
    return next((len(value) for value in batch.values() if isinstance(value, Tensor)), 0)
