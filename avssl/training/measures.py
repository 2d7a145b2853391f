"""What a method can do so far, on data it trains on and on data it never sees, and what its features tell."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import torch
from lightning_fabric import Fabric

from avssl.data import Dataset
from avssl.training.average import Average
from avssl.training.errors import TrainingError
from avssl.training.feed import UNSEEN, Batch, batches_of, is_empty
from avssl.training.frozen import Items, freeze, identity
from avssl.training.monitors import Monitor
from avssl.training.seeding import seed_torch


class Measures:
    """Asks ``method.measure`` on each data set: the same items, looks and draws every time.

    Every process measures all of it: what a method measures (a rank, an area under a curve) need not be a mean.

    Args:
        fabric: knows the device.
        module: the method, as Fabric set it up.
        average: weights to use in place of the method's own; None for its own.
        train: what the method learns from; looked at as training never does.
        held_out: what it never sees; None without.
        items: how many of each, spread evenly over it.
        batch_size: items a batch.
        workers: processes that load.
        seed: fixes what measuring draws.
        fail: is told of items that could not be read.
    """

    def __init__(
        self,
        fabric: Fabric,
        module: Any,
        average: Average | None,
        train: Dataset,
        held_out: Dataset | None,
        *,
        items: int,
        batch_size: int,
        workers: int,
        seed: int,
        fail: Callable[[list[dict[str, str]]], None],
    ):
        self.fabric, self.module, self.average, self.seed, self.fail = fabric, module, average, seed, fail
        self.items, self.batch_size, self.workers = items, batch_size, workers
        self.sets: Mapping[str, tuple[Dataset, int]] = {"train": (train, UNSEEN)}
        if held_out is not None:
            self.sets = {**self.sets, "held_out": (held_out, 0)}

    def __call__(self) -> dict[str, float]:
        """Return every measure of every data set under ``train/...`` and ``held_out/...``."""
        scores: dict[str, float] = {}
        self.module.eval()
        weights = nullcontext() if self.average is None else self.average.applied(self.module.module)
        with torch.no_grad(), weights:
            for name, (data, epoch) in self.sets.items():
                seed_torch(self.seed)
                loading = (self.items, self.batch_size, self.workers)
                batches = batches_of(self.fabric, data, epoch, *loading, f"measuring {name}")
                found = self.module.measure(self.readable(batches, name))
                scores |= {f"{name}/{key}": float(value) for key, value in found.items()}
        self.module.train()
        return scores

    def readable(self, batches: Iterator[Batch], name: str) -> Iterator[Batch]:
        """Yield the batches that hold something, and tell of what could not be read."""
        count = 0
        for batch in batches:
            if self.fabric.is_global_zero:  # all processes see the same
                self.fail([failure | {"data": name} for failure in batch["failures"]])
            if not is_empty(batch):
                count += 1
                yield batch
        if not count:
            raise TrainingError(f"{name}: none of its recordings could be read; failures.jsonl says why")


class Monitors:
    """Computes features of the encoder as it stands, or of its running average, and hands them to monitors.

    Data sets that are alike are looked at once. Each process computes features of a share of items; all get all.

    Args:
        fabric: knows the device and this process's share.
        module: the method, as Fabric set it up; its ``encoder`` is monitored.
        average: weights to use in place of the method's own; None for its own.
        monitors: what to measure.
        batch_size: items a batch.
        workers: processes that load.
        seed: fixes what an encoder would draw.
        fail: is told of items that could not be read.
    """

    def __init__(
        self,
        fabric: Fabric,
        module: Any,
        average: Average | None,
        monitors: Sequence[Monitor],
        *,
        batch_size: int,
        workers: int,
        seed: int,
        fail: Callable[[list[dict[str, str]]], None],
    ):
        self.fabric, self.module, self.average = fabric, module, average
        self.asked = [
            (monitor, {name: (identity(data), monitor.items) for name, data in monitor.sets().items()})
            for monitor in monitors
        ]
        self.batch_size, self.workers, self.seed, self.fail = batch_size, workers, seed, fail

    def __call__(self) -> dict[str, float]:
        """Return every measure under its name in the log, such as ``monitor/knn_accuracy``, alike in all processes."""
        if not self.asked:
            return {}
        seed_torch(self.seed)
        self.module.eval()
        weights = nullcontext() if self.average is None else self.average.applied(self.module.module)
        known: dict[tuple[str, int | None], Items] = {}
        with torch.no_grad(), weights:
            for monitor, names in self.asked:
                for name, data in monitor.sets().items():
                    if names[name] not in known:
                        known[names[name]] = self.frozen(data, f"{monitor.prefix}, {name}", monitor.items)
        self.module.train()
        scores: dict[str, float] = {}
        for monitor, names in self.asked:
            found = monitor({name: known[one] for name, one in names.items()})
            scores |= {f"{monitor.prefix}/{name}": value for name, value in found.items()}
        return self.fabric.broadcast(scores)  # a GPU's sums may differ, and all must find the same step the best

    def frozen(self, data: Dataset, name: str, items: int | None) -> Items:
        loading = {"batch_size": self.batch_size, "workers": self.workers}
        return freeze(self.fabric, self.module.module.encoder, data, name, items=items, fail=self.fail, **loading)


def better(value: float, than: float | None, goal: str) -> bool:
    """Tell whether a value beats the best so far; what is not a number beats nothing."""
    if value != value:
        return False
    return than is None or (value > than if goal == "max" else value < than)
