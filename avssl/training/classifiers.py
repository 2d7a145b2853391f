"""Monitors that tell classes by frozen features: by nearest neighbours, and by a linear classifier fitted anew.

Nearest neighbours: Wu et al., "Instance Discrimination", CVPR 2018, section 3.4, https://arxiv.org/abs/1805.01978.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from avssl.config import Count, Positive
from avssl.data import Dataset
from avssl.training.errors import TrainingError
from avssl.training.frozen import Items, identity
from avssl.training.monitors import Monitor

CHUNK = 256  # queries at a time


class Classifier(Monitor, ABC):
    """Tells classes of test items by those of training items; what guessing would reach stands beside its accuracy."""

    train: Dataset
    test: Dataset

    def sets(self) -> Mapping[str, Dataset]:
        return {"train": self.train, "test": self.test}

    def check(self) -> None:
        """Refuse data without items, and items that would be told by themselves."""
        for name, data in self.sets().items():
            if not len(data):
                raise TrainingError(f"{type(self).__name__}: {name} is empty")
        if identity(self.train) == identity(self.test):
            raise TrainingError(f"{type(self).__name__}: train and test are the same items; give it others as test")

    def __call__(self, items: Mapping[str, Items]) -> dict[str, float]:
        """Return the share of test items whose class is told, and that of a guess: the commonest class of training.

        Raises:
            TrainingError: without labels, for a single class, or where classes have other names on both sides.
        """
        train, test = items["train"].labelled(), items["test"].labelled()
        check_classes(train, test)
        classes = int(max(train.labels.max(), test.labels.max())) + 1
        told = self.scores(train, test.rows, classes).argmax(1)
        counts = train.labels.bincount(minlength=classes)
        commonest = counts == counts.max()  # the mean over several, so that their order says nothing
        chance = commonest[test.labels].float().mean() / commonest.sum()
        accuracy = (told == test.labels).float().mean()
        return {self.measure: accuracy.item(), f"{self.measure}_chance": chance.item()}

    @abstractmethod
    def scores(self, train: Items, test: Tensor, classes: int) -> Tensor:
        """Return how much speaks for each class, ``(test items, classes)``.

        Args:
            train: items with labels.
            test: features of others, ``(test items, dim)``.
            classes: how many there are.
        """


class KNearestMonitor(Classifier):
    """The accuracy of the ``k`` nearest training items, each voting with ``exp(cosine / temperature)``.

    Args:
        train: labelled items that vote.
        test: labelled items that are told.
        k: how many vote (section 3.4 of the paper: 200).
        temperature: the lower, the more the nearest count (section 3.4: 0.07).
        items: how many of each side, spread evenly; None for all.
        prefix: what stands before the measure in the log; give monitors of other data another.
    """

    measure = "knn_accuracy"

    def __init__(
        self,
        train: Dataset,
        test: Dataset,
        k: Count = 20,
        temperature: Positive = 0.07,
        items: Count | None = None,
        prefix: str = "monitor",
    ):
        if k < 1 or not temperature > 0:
            raise ValueError(f"k is at least 1 and temperature above 0; got {k}, {temperature}")
        self.train, self.test, self.k, self.temperature = train, test, k, temperature
        self.items, self.prefix = items, prefix

    def check(self) -> None:
        super().check()
        self.require(min(self.items or len(self.train), len(self.train)))

    def require(self, items: int) -> None:
        if self.k > items:
            raise TrainingError(f"KNearestMonitor: k={self.k} of {items} labelled training items; choose a smaller k")

    def scores(self, train: Items, test: Tensor, classes: int) -> Tensor:
        self.require(len(train.labels))
        known, found = F.normalize(train.rows, dim=1), []
        for queries in F.normalize(test, dim=1).split(CHUNK):
            cosines, nearest = (queries @ known.T).topk(self.k)
            weights = ((cosines - cosines[:, :1]) / self.temperature).exp()  # of the same ratios, without overflow
            votes = F.one_hot(train.labels[nearest], classes)
            found.append((votes * weights[..., None]).sum(1))
        return torch.cat(found)


class LinearMonitor(Classifier):
    """The accuracy of logistic regression on standardised features, fitted anew each time by L-BFGS.

    Args:
        train: labelled items to fit.
        test: labelled items that are told.
        penalty: on the squared weights; of the mean loss, a weight of 1 costs half as much.
        steps: of L-BFGS at most.
        items: how many of each side, spread evenly; None for all.
        prefix: what stands before the measure in the log; give monitors of other data another.
    """

    measure = "linear_accuracy"

    def __init__(
        self,
        train: Dataset,
        test: Dataset,
        penalty: Positive = 1e-2,
        steps: Count = 100,
        items: Count | None = None,
        prefix: str = "monitor",
    ):
        if not penalty > 0 or steps < 1:
            raise ValueError(f"penalty is above 0 and steps at least 1; got {penalty}, {steps}")
        self.train, self.test, self.penalty, self.steps = train, test, penalty, steps
        self.items, self.prefix = items, prefix

    def scores(self, train: Items, test: Tensor, classes: int) -> Tensor:
        middle, deviation = train.rows.mean(0), train.rows.std(0, correction=0)
        scale = torch.where(deviation > 0, 1 / (deviation + 1e-3), 0.0)  # as linear probes have it
        known, asked = ((rows - middle) * scale for rows in (train.rows, test))
        weights, bias = logistic(known, train.labels, classes, self.penalty, self.steps)
        return asked @ weights + bias


@torch.enable_grad()
def logistic(rows: Tensor, labels: Tensor, classes: int, penalty: float, steps: int) -> tuple[Tensor, Tensor]:
    """Return weights ``(dim, classes)`` and biases ``(classes,)`` that tell labels from rows; rows stay as they are."""
    weights, bias = rows.new_zeros(rows.shape[1], classes), rows.new_zeros(classes)
    own = [weights.requires_grad_(), bias.requires_grad_()]
    optimizer = torch.optim.LBFGS(own, max_iter=steps, line_search_fn="strong_wolfe")

    def cost() -> Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(rows @ weights + bias, labels) + penalty / 2 * weights.square().sum()
        loss.backward()
        return loss

    optimizer.step(cost)
    return weights.detach(), bias.detach()


def check_classes(train: Items, test: Items) -> None:
    """Refuse a single class, and classes whose numbers mean something else on both sides.

    Raises:
        TrainingError: if so.
    """
    for side in (train, test):
        if len(found := side.labels.unique()) < 2:
            raise TrainingError(f"{side.name}: all its items are of class {found.item()}; accuracy needs two at least")
    if tuple(train.classes) != tuple(test.classes):
        ours, theirs = (", ".join(map(str, side.classes[:4])) or "none" for side in (train, test))
        raise TrainingError(
            f"{train.name} and {test.name} name their classes differently ({ours}; {theirs}), so their numbers mean "
            "other things; give both the same names in the same order"
        )
