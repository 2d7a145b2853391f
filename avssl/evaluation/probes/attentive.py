"""The attentive probe: what a learned question can read from the tokens, or cells, of frozen features.

Bardes et al., "V-JEPA", 2024, section 4.1: a learned query, cross-attention, two layers and a linear map,
https://arxiv.org/abs/2404.08471; before it Lee et al., "Set Transformer", ICML 2019, https://arxiv.org/abs/1810.00825.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from avssl.evaluation.probes.base import Labels, Probe
from avssl.evaluation.probes.linear import loss_of, part, quality
from avssl.sampling import rng_for


class Attentive(Probe):
    """One learned query attends to the cells of a layer's map; two layers and a linear map read what it found.

    The learning rate is chosen on a part of the training *labels* by accuracy (or mean average precision); the test
    items have no say in it, where V-JEPA 2's released evaluation gives the best of twenty heads on the validation set.
    All training items then learn the final weights, for as many steps.

    Maps come as the evaluator averages them: over the frames of a clip, over the clips of an item, and over places to
    its ``max_features``. A vector is one cell, and there is nothing to attend to: choose layers of maps.

    Args:
        lrs: highest learning rates to choose from, of one cycle.
        held_out: share of the training items that chooses.
        steps: of AdamW.
        batch: items a step, drawn with replacement.
        heads: of attention; as many of them as divide the channels.
        weight_decay: of AdamW.
    """

    name = "attentive"

    def __init__(
        self,
        lrs: Sequence[float] = (3e-4, 1e-3, 3e-3),
        held_out: float = 0.2,
        steps: int = 200,
        batch: int = 64,
        heads: int = 4,
        weight_decay: float = 1e-2,
    ):
        if not lrs or min(lrs) <= 0 or not 0 < held_out < 1 or min(steps, batch, heads) < 1:
            raise ValueError(
                "needs learning rates above 0, held_out in (0, 1) and steps, batch and heads of at least 1; got "
                f"{list(lrs)}, {held_out}, {steps}, {batch}, {heads}"
            )
        self.lrs, self.held_out, self.steps, self.batch = tuple(lrs), held_out, steps, batch
        self.heads, self.weight_decay = heads, weight_decay

    def __call__(self, train: np.ndarray, labels: Labels, test: np.ndarray, seed: int) -> np.ndarray:
        known, asked = standardised_cells(train, test)
        lr = self.choose(known, labels, seed)
        return scores_of(self.fit(known, labels, lr, seed), asked)

    def settings(self) -> dict[str, Any]:
        """Return all that the result depends on besides the arguments, and how the learning rate is chosen."""
        chosen = f"on {self.held_out:g} of the training labels; the test has no say"
        return super().settings() | {"learning rate chosen": chosen}

    def choose(self, cells: Tensor, labels: Labels, seed: int) -> float:
        """Return the learning rate that does best on held-out training items (the lowest of equals)."""
        held_out, learn = part(labels, self.held_out, seed)
        if len(self.lrs) == 1 or not len(held_out) or not len(learn):
            return min(self.lrs)
        found = {}
        for lr in sorted(self.lrs):
            network = self.fit(cells[learn], labels.take(learn), lr, seed)
            found[lr] = quality(scores_of(network, cells[held_out]), labels.take(held_out))
        return max(found, key=lambda lr: found[lr])

    def fit(self, cells: Tensor, labels: Labels, lr: float, seed: int) -> nn.Module:
        """Return a reader that has learned from cells ``(items, cells, channels)``."""
        truth = torch.from_numpy(labels.table).float()
        rng = rng_for(seed, epoch=0, sample=2)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = Reader(cells.shape[2], truth.shape[1], self.heads)
        optimiser = torch.optim.AdamW(network.parameters(), lr=lr, weight_decay=self.weight_decay)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, lr, total_steps=self.steps)
        for _ in range(self.steps):
            rows = torch.from_numpy(rng.integers(len(cells), size=self.batch))
            loss = loss_of(network(cells[rows]), truth[rows], labels.several is not None)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        return network.eval()


class Reader(nn.Module):
    """A query, cross-attention, two layers and a linear map, of cells ``(N, cells, channels)``."""

    def __init__(self, channels: int, classes: int, heads: int):
        super().__init__()
        while channels % heads:
            heads -= 1
        self.query = nn.Parameter(0.02 * torch.randn(1, 1, channels))
        self.attention = nn.MultiheadAttention(channels, heads, batch_first=True)
        self.cells, self.found, self.read = (nn.LayerNorm(channels) for _ in range(3))
        self.layers = nn.Sequential(nn.Linear(channels, 2 * channels), nn.GELU(), nn.Linear(2 * channels, channels))
        self.logits = nn.Linear(channels, classes)

    def forward(self, cells: Tensor) -> Tensor:
        """Return logits, ``(N, classes)``."""
        cells = self.cells(cells)
        found = self.query + self.attention(self.query.expand(len(cells), -1, -1), cells, cells, need_weights=False)[0]
        found = found + self.layers(self.found(found))
        return self.logits(self.read(found[:, 0]))


@torch.inference_mode()
def scores_of(network: nn.Module, cells: Tensor) -> np.ndarray:
    """Return what a reader says of cells, ``(items, classes)``."""
    return torch.cat([network(one) for one in cells.split(256)]).numpy()


def standardised_cells(train: np.ndarray, test: np.ndarray) -> tuple[Tensor, Tensor]:
    """Return features as cells ``(items, cells, channels)``; the mean and deviation of each channel taken out.

    Args:
        train: ``(items, channels, ...)``; a vector is one cell.
        test: likewise; the training items' mean and deviation are used.
    """
    sides = [
        torch.from_numpy(side.reshape(*side.shape[:2], -1).astype(np.float32)).transpose(1, 2) for side in (train, test)
    ]
    middle, deviation = sides[0].mean((0, 1)), sides[0].std((0, 1), correction=0)
    scale = torch.where(deviation > 0, 1 / (deviation + 1e-3), torch.zeros_like(deviation))
    return (sides[0] - middle) * scale, (sides[1] - middle) * scale
