"""Monitors: what can be read from an encoder's features while it learns; computed anew each time, and left behind."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import ClassVar

from avssl.config import Count, Recorded
from avssl.data import Dataset
from avssl.methods.collapse import effective_rank
from avssl.training.errors import TrainingError
from avssl.training.frozen import Items

OURS = ("train", "held_out")  # where the log keeps what the method itself measures


class Monitor(Recorded, ABC):
    """Something to measure of frozen features; a run logs it as ``<prefix>/<measure>``.

    Attributes:
        measure: what it measures, as the log calls it.
        prefix: what stands before it.
        items: how many items of each data set it looks at, spread evenly; None for all.
    """

    measure: ClassVar[str]
    prefix: str
    items: int | None

    @abstractmethod
    def sets(self) -> Mapping[str, Dataset]:
        """Return the data sets whose items it asks for, by name."""

    @abstractmethod
    def check(self) -> None:
        """Raise a TrainingError for what cannot be, as far as it can be told without reading an item."""

    @abstractmethod
    def __call__(self, items: Mapping[str, Items]) -> dict[str, float]:
        """Return measures by name, the same for the same features: nothing is drawn, nothing remembered."""


class RankMonitor(Monitor):
    """RankMe: how many directions features take up, from 1 to the lesser of items and ``dim``.

    Garrido et al., ICML 2023, equation 1, https://arxiv.org/abs/2210.02885; there of 25,600 items.

    Args:
        data: items, with labels or without; more than the features have dimensions.
        items: how many of them, spread evenly; None for all.
        prefix: what stands before the measure in the log; give monitors of other data another.
    """

    measure = "rankme"

    def __init__(self, data: Dataset, items: Count | None = None, prefix: str = "monitor"):
        self.data, self.items, self.prefix = data, items, prefix

    def sets(self) -> Mapping[str, Dataset]:
        return {"data": self.data}

    def check(self) -> None:
        """Refuse data of fewer than two items, whose rank is 1 whatever is learned."""
        if len(self.data) < 2 or self.items == 1:
            raise TrainingError("RankMonitor: data of a single item, or none; a rank needs more, the more the better")

    def __call__(self, items: Mapping[str, Items]) -> dict[str, float]:
        return {self.measure: effective_rank(items["data"].rows).item()}


def check_monitors(monitors: Sequence[Monitor], strategy: str) -> None:
    """Refuse monitors that cannot be, before anything is computed.

    Raises:
        TrainingError: for the first.
    """
    if monitors and strategy == "fsdp":
        raise TrainingError("monitors need whole weights in each process, which fsdp does not keep; use ddp")
    for monitor in monitors:
        if not isinstance(monitor, Monitor):
            raise TrainingError(f"monitors: needs a list of monitors; got {type(monitor).__name__} in it")
        if not monitor.prefix or monitor.prefix in OURS:
            raise TrainingError(f"{type(monitor).__name__}: prefix is a word other than {', '.join(OURS)}")
        if monitor.items is not None and monitor.items < 1:
            raise TrainingError(f"{type(monitor).__name__}: items={monitor.items}; needs at least 1, or None for all")
        monitor.check()
    name, times = Counter(f"{one.prefix}/{one.measure}" for one in monitors).most_common(1)[0] if monitors else ("", 0)
    if times > 1:
        raise TrainingError(f"monitors: {times} of them measure {name}; give each a prefix of its own")
