"""Linear and non-linear probes: what one layer, or two, can read from frozen features."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avssl.evaluation.probes.base import Labels, Probe, standardised
from avssl.evaluation.probes.logistic import Fitted, fit_all
from avssl.metrics.classification import accuracy, mean_average_precision
from avssl.sampling import rng_for


class Linear(Probe):
    """Logistic regression on standardised features; for several labels an item, one for each class.

    The penalty on the squared weights is chosen on a part of the training *labels* by accuracy (or mean average
    precision); the test items have no say in it. It is convex and solved by L-BFGS, so no schedule has to be named.

    Args:
        penalties: what to choose from; of the mean loss, a weight of 1 costing half as much.
        held_out: share of the training items that chooses; all of them fit the final weights.
        steps: of L-BFGS at most.
    """

    name = "linear"

    def __init__(
        self, penalties: Sequence[float] = (1e-4, 1e-3, 1e-2, 1e-1, 1.0), held_out: float = 0.2, steps: int = 100
    ):
        if not penalties or min(penalties) <= 0 or not 0 < held_out < 1 or steps < 1:
            raise ValueError(
                f"needs penalties > 0, held_out in (0, 1), steps >= 1; got {penalties}, {held_out}, {steps}"
            )
        self.penalties, self.held_out, self.steps = tuple(penalties), held_out, steps

    def __call__(self, train: np.ndarray, labels: Labels, test: np.ndarray, seed: int) -> np.ndarray:
        known, asked = standardised(train, test)
        penalty = self.choose(known, labels, seed)
        (fitted,) = self._fit(known, labels, [penalty])
        return predict(asked, fitted)

    def choose(self, features: np.ndarray, labels: Labels, seed: int) -> float:
        """Return the penalty that does best on held-out training items (the heaviest of equals)."""
        held_out, learn = part(labels, self.held_out, seed)
        if len(self.penalties) == 1 or not len(held_out) or not len(learn):
            return max(self.penalties)
        penalties, asked, truth = sorted(self.penalties, reverse=True), features[held_out], labels.take(held_out)
        fits = self._fit(features[learn], labels.take(learn), penalties)
        found = [quality(predict(asked, fitted), truth) for fitted in fits]
        return penalties[int(np.argmax(found))]

    def _fit(self, features: np.ndarray, labels: Labels, penalties: Sequence[float]) -> list[Fitted]:
        return fit_all(features, labels.table, labels.several is not None, penalties, self.steps)


class NonLinear(Probe):
    """One hidden layer with batch normalisation on standardised features, a fixed schedule, the last step scored.

    Args:
        hidden: width.
        steps: of AdamW, one cycle of the learning rate.
        batch: items a step, drawn with replacement.
        lr: highest learning rate.
        weight_decay: of AdamW.
        dropout: chance of dropping a hidden value.
    """

    name = "non-linear"

    def __init__(
        self,
        hidden: int = 256,
        steps: int = 400,
        batch: int = 128,
        lr: float = 1e-3,
        weight_decay: float = 1e-2,
        dropout: float = 0.5,
    ):
        if min(hidden, steps, batch) < 1 or not 0 <= dropout < 1:
            raise ValueError(
                f"needs hidden, steps, batch >= 1 and dropout in [0, 1); got {hidden}, {steps}, {batch}, {dropout}"
            )
        self.hidden, self.steps, self.batch, self.lr = hidden, steps, batch, lr
        self.weight_decay, self.dropout = weight_decay, dropout

    def __call__(self, train: np.ndarray, labels: Labels, test: np.ndarray, seed: int) -> np.ndarray:
        known, asked = (torch.from_numpy(side) for side in standardised(train, test))
        truth = torch.from_numpy(labels.table).float()
        rng = rng_for(seed, epoch=0, sample=1)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = nn.Sequential(
                nn.Linear(known.shape[1], self.hidden, bias=False),
                nn.BatchNorm1d(self.hidden),
                nn.ReLU(),
                nn.Dropout(self.dropout),
                nn.Linear(self.hidden, truth.shape[1]),
            )
            optimiser = torch.optim.AdamW(network.parameters(), lr=self.lr, weight_decay=self.weight_decay)
            schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, self.lr, total_steps=self.steps)
            for _ in range(self.steps):
                rows = torch.from_numpy(rng.integers(len(known), size=max(2, self.batch)))
                optimiser.zero_grad()
                loss_of(network(known[rows]), truth[rows], labels.several is not None).backward()
                optimiser.step()
                schedule.step()
        with torch.inference_mode():
            return network.eval()(asked).numpy()


def part(labels: Labels, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the items held out and those learned from.

    A share of each class is held out, at least one item where there are two.
    """
    rng = rng_for(seed, epoch=0, sample=0)
    if labels.one is None:
        order = rng.permutation(len(labels))
        held = round(len(order) * share)
        return order[:held], order[held:]
    held_out: list[int] = []
    for label in np.unique(labels.one):
        mine = rng.permutation(np.flatnonzero(labels.one == label))
        held_out += mine[: min(max(1, round(len(mine) * share)), len(mine) - 1)].tolist()
    return np.array(held_out, int), np.setdiff1d(np.arange(len(labels)), held_out)


def quality(scores: np.ndarray, labels: Labels) -> float:
    """Return accuracy, or mean average precision where items may have several labels."""
    if labels.one is not None:
        return accuracy(scores, labels.one)
    return mean_average_precision(scores, labels.table) if np.nansum(labels.table) else 0.0


def predict(features: np.ndarray, fitted: Fitted) -> np.ndarray:
    """Return the scores of items, ``(items, classes)``."""
    return features @ fitted[0] + fitted[1]


def loss_of(scores: Tensor, truth: Tensor, several: bool) -> Tensor:
    """Return the cross-entropy of one class per item, or the sum over classes of that of being there or not."""
    if not several:
        return F.cross_entropy(scores, truth)
    counted = ~truth.isnan()
    losses = F.binary_cross_entropy_with_logits(scores, truth.nan_to_num(), reduction="none")
    return (losses * counted).sum(1).mean()
