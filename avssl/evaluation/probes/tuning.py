"""How an encoder and a linear layer learn classes: the same steps, rates and augmentation for every row."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from avssl.config import describe
from avssl.evaluation.probes.base import Labels
from avssl.evaluation.probes.linear import loss_of
from avssl.evaluation.probes.samples import OfClips, Samples, apply_views, item_scores
from avssl.evaluation.probes.saved import save_classifier
from avssl.nets import Encoder
from avssl.transforms import Draws, Transform


@dataclass(frozen=True, eq=False, kw_only=True)
class Tuning:
    """The schedule; see `avssl.evaluation.probes.finetune.FineTune` for what each means."""

    views: Sequence[Transform]
    freeze: bool
    steps: int
    batch: int
    lr: float
    head_lr: float
    weight_decay: float

    def settings(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        plain = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "views"}
        return plain | {"views": describe(list(self.views))}

    def __call__(
        self,
        start: Encoder,
        train: Samples,
        labels: Labels,
        test: Samples,
        chosen: np.ndarray,
        seed: int,
        device: str,
        file: Path | None,
        learned: str,
    ) -> np.ndarray:
        """Return scores of the test items, ``(items, classes)``.

        Args:
            start: the encoder; it is not changed.
            train: what is learned from.
            labels: of its items.
            test: what is scored.
            chosen: the items with a label.
            seed: fixes every draw.
            device: where networks run.
            file: where the classifier is saved; None for nowhere.
            learned: the name it is saved under.
        """
        network = self._learn(start, train, labels, chosen, seed, torch.device(device))
        scores = item_scores(network, test, self.views, torch.device(device))
        if file is not None:
            save_classifier(file, network.cpu(), labels.classes, {"learned": learned, "labels": str(len(chosen))})
        return scores

    def _learn(
        self, start: Encoder, train: Samples, labels: Labels, chosen: np.ndarray, seed: int, device: torch.device
    ) -> nn.Sequential:
        """Return the encoder and the linear layer that learned."""
        frames = [torch.from_numpy(np.flatnonzero(train.item == item)) for item in chosen]
        truth = torch.from_numpy(labels.table[chosen]).float().to(device)
        gpus = [device] if device.type == "cuda" else []
        with torch.random.fork_rng(devices=gpus):
            torch.manual_seed(seed)
            network = nn.Sequential(
                OfClips(deepcopy(start)) if train.images.ndim == 5 else deepcopy(start),
                nn.Linear(start.dim, truth.shape[1]),
            ).to(device)
            nn.init.zeros_(network[1].weight)  # pyright: ignore[reportArgumentType]
            network[0].requires_grad_(not self.freeze)
            groups = [{"params": list(network[1].parameters()), "lr": self.head_lr}]
            if not self.freeze:
                groups.append({"params": list(network[0].parameters()), "lr": self.lr})
            optimiser = torch.optim.AdamW(groups, weight_decay=self.weight_decay)
            rates = [group["lr"] for group in groups]
            schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rates, total_steps=self.steps)
            for step in range(self.steps):
                network[0].train(not self.freeze)
                key = torch.tensor([[seed, step, item] for item in range(self.batch)])
                draws = Draws(key)
                items = draws.integers(low=0, high=len(chosen) - 1)
                share = draws.uniform()
                rows = torch.stack(
                    [frames[item][int(part * len(frames[item]))] for item, part in zip(items, share, strict=True)]
                )
                pictures = apply_views(self.views, train.images[rows], key, True).to(device)
                optimiser.zero_grad()
                loss_of(network(pictures), truth[items.to(device)], labels.several is not None).backward()
                optimiser.step()
                schedule.step()
        return network
