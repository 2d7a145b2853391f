"""The common student: one architecture that learns the labels of each teacher in turn, as ordinary runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from avssl import config
from avssl.config import Count, describe
from avssl.data import Dataset, Relabelled
from avssl.features.runs import CONFIG, Fresh, fresh_like
from avssl.methods import KnowledgeTransfer
from avssl.nets import Encoder
from avssl.training import Optim, Schedule, train
from avssl.training.accelerators import Accelerator
from avssl.training.checkpoint import LAST, compare, peek
from avssl.training.precision import Precision
from avssl.transforms import Transform


@dataclass(frozen=True, kw_only=True, eq=False)
class Student:
    """What learns, and how; see `avssl.training.train` for the settings of a run.

    Args:
        encoder: its architecture; each student begins at initial weights that its seed fixes.
        optim: how to step.
        steps: optimiser steps.
        batch_size: items a batch.
        views: transforms of the frames, in order.
        balanced: let the clusters of a batch weigh alike.
        schedule: the learning rate over time; None keeps it.
        measure_every: steps between measures.
        measure_items: items to measure on.
        save_every: steps between checkpoints.
        workers: processes that load data.
        precision: of the arithmetic.
        tensorboard: write events for TensorBoard too.
    """

    encoder: Encoder
    optim: Optim
    steps: Count
    batch_size: Count
    views: Sequence[Transform] = ()
    balanced: bool = False
    schedule: Schedule | None = None
    measure_every: Count = 1000
    measure_items: Count = 512
    save_every: Count = 1000
    workers: int = 0
    precision: Precision = "32-true"
    tensorboard: bool = False

    @property
    def fresh(self) -> Fresh:
        """What builds the architecture with initial weights from a seed."""
        return fresh_like(self.encoder)

    def method(self, clusters: int, seed: int) -> KnowledgeTransfer:
        """Return a student of so many clusters at the initial weights of a seed; torch's own stream is kept."""
        encoder = self.fresh(seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return KnowledgeTransfer(encoder, clusters, self.views, self.balanced)

    def learn(
        self, data: Dataset, labels: Path, clusters: int, seed: int, out: Path, accelerator: Accelerator, now: bool
    ) -> Path:
        """Train a student on labels, or go on with it; return the folder of its run.

        Args:
            data: what to learn from.
            labels: of its items, a file.
            clusters: how many there are.
            seed: of initial weights and of all that is drawn.
            out: the folder.
            accelerator: what to compute on.
            now: False writes ``config.yaml`` alone, which ``tools/train.py`` takes; a run that is there must fit.

        Raises:
            TrainingError: if the folder holds another run.
            DataError: if the labels are of other data.
        """
        settings = {
            "method": self.method(clusters, seed),
            "data": Relabelled(data, labels),
            "out": out,
            "seed": seed,
            "accelerator": accelerator,
        }
        names = ("optim", "schedule", "steps", "batch_size", "measure_every", "measure_items", "save_every")
        settings |= {name: getattr(self, name) for name in (*names, "workers", "precision", "tensorboard")}
        if now:
            train(**settings)
        elif (out / LAST).exists():
            compare(out / LAST, peek(out / LAST)["settings"], describe(settings))
        else:
            out.mkdir(parents=True, exist_ok=True)
            config.write(describe(settings), out / CONFIG)
        return out


def measures_of(run: Path, steps: int) -> dict[str, float] | None:
    """Return what a run measured at its last step; None where it has not come so far."""
    if not (run / LAST).exists():
        return None
    found = peek(run / LAST)
    return found["measures"] if found["step"] >= steps else None
