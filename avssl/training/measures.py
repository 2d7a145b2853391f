"""What a method can do so far, on data it trains on and on data it never sees."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from typing import Any

import torch
from lightning_fabric import Fabric

from avssl.data import Dataset
from avssl.training.average import Average
from avssl.training.errors import TrainingError
from avssl.training.feed import UNSEEN, Batch, batches_of, is_empty
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
                batches = batches_of(self.fabric, data, epoch, self.items, self.batch_size, self.workers)
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


def better(value: float, than: float | None, goal: str) -> bool:
    """Tell whether a value beats the best so far; what is not a number beats nothing."""
    if value != value:
        return False
    return than is None or (value > than if goal == "max" else value < than)
