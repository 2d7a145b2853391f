"""The contract of probes: features and labels of training items go in, scores of test items come out."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from avssl.config import Recorded, describe


@dataclass(frozen=True, eq=False)
class Labels:
    """What items are.

    Args:
        one: one class per item, ``(items,)``; None where items may have several.
        several: 1 present, 0 absent, NaN to be ignored, ``(items, classes)``; None where each has one.
        classes: names.
    """

    one: np.ndarray | None
    several: np.ndarray | None
    classes: tuple[str, ...]

    def __len__(self) -> int:
        found = self.one if self.one is not None else self.several
        assert found is not None
        return len(found)

    def take(self, rows: np.ndarray) -> "Labels":
        """Return the labels of some items."""
        one, several = (None if side is None else side[rows] for side in (self.one, self.several))
        return Labels(one, several, self.classes)

    @property
    def shown(self) -> np.ndarray:
        """Which classes any item shows, bool ``(classes,)``."""
        if self.one is not None:
            return np.bincount(self.one[self.one >= 0], minlength=len(self.classes)) > 0
        assert self.several is not None
        return np.nansum(self.several, 0) > 0

    def among(self, wanted: np.ndarray) -> "Labels":
        """Return the labels by some of the classes alone, numbered anew; -1 for items of another.

        Args:
            wanted: bool ``(classes,)``.
        """
        names = tuple(name for name, there in zip(self.classes, wanted, strict=True) if there)
        if self.one is None:
            assert self.several is not None
            return Labels(None, self.several[:, wanted], names)
        return Labels(np.where(wanted, np.cumsum(wanted) - 1, -1)[self.one], None, names)

    @property
    def table(self) -> np.ndarray:
        """1 present, 0 absent, NaN to be ignored, float64 ``(items, classes)``."""
        if self.several is not None:
            return self.several.astype(np.float64)
        assert self.one is not None
        return (self.one[:, None] == np.arange(len(self.classes))).astype(np.float64)


def joined(labels: Sequence[Labels]) -> Labels:
    """Return the labels of several sides, which are aligned, as one."""
    classes = labels[0].classes
    if labels[0].one is not None:
        return Labels(np.concatenate([side.one for side in labels if side.one is not None]), None, classes)
    return Labels(None, np.concatenate([side.several for side in labels if side.several is not None]), classes)


class Probe(Recorded, ABC):
    """Reads classes from features.

    Attributes:
        name: what the probe is called in tables.
    """

    name: str

    @abstractmethod
    def __call__(self, train: np.ndarray, labels: Labels, test: np.ndarray, seed: int) -> np.ndarray:
        """Learn from training items and score test items.

        Args:
            train: features, ``(items, dim)``.
            labels: what the training items are.
            test: features, ``(items, dim)``.
            seed: fixes every draw.

        Returns:
            Scores, the higher the surer, ``(test items, classes)``.
        """

    def settings(self) -> dict[str, Any]:
        """Return all that the result depends on besides the arguments: part of the protocol."""
        return describe(self)


def standardised(train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return both as float32 with the training items' mean and deviation taken out; what never varies becomes 0."""
    flat = [side.reshape(len(side), -1).astype(np.float32) for side in (train, test)]
    middle, deviation = flat[0].mean(0), flat[0].std(0)
    scale = np.where(deviation > 0, 1 / (deviation + 1e-3), 0.0).astype(np.float32)
    return (flat[0] - middle) * scale, (flat[1] - middle) * scale
