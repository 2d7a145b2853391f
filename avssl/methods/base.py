"""The contract every method keeps."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from avssl.config import Recorded
from avssl.nets import Encoder

Batch = dict[str, Any]  # tensors by name, and lists of what no tensor can hold (paths)


class Method(Recorded, nn.Module, ABC):
    """One way to learn without labels: a batch goes in, its losses come out. It knows no trainer.

    Attributes:
        encoder: the part worth keeping when training ends.
        partial: whether steps leave parameters out, as where heads take turns; processes then do not wait for them.
        least_recordings: how many different recordings a batch needs to be learned from: 2 where one's sounds or tiles
            are the false ones of another.
        remembers: whether state is kept for each item by its number, such as a bank: other data would mix it up.
    """

    encoder: Encoder
    partial: bool = False
    least_recordings: int = 1
    remembers: bool = False

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call ``forward``; one picture alone, which has no batch statistics to learn from, is refused in our words."""
        try:
            return super().__call__(*args, **kwargs)
        except ValueError as error:
            if not str(error).startswith("Expected more than 1 value per channel"):
                raise
            raise ValueError(
                f"{type(self).__name__} normalises by the statistics of its batch, and one picture has none: use a "
                "batch of at least 2"
            ) from error

    @abstractmethod
    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return scalars to log; the one called ``loss`` is minimised.

        A method with an adversary also returns ``adversary_loss``. Each must reach its own parameters alone.
        """

    @torch.no_grad()
    def measure(self, batches: Iterable[Batch]) -> dict[str, float]:
        """Return named scores over a whole data set; the loop calls it in evaluation mode.

        Unless a method says otherwise: the mean of what ``forward`` returns, a batch counting by its items.
        """
        totals: dict[str, float] = {}
        items = 0
        for batch in batches:
            count = len(next(value for value in batch.values() if isinstance(value, Tensor)))
            items += count
            for name, value in self(batch).items():
                totals[name] = totals.get(name, 0.0) + value.item() * count
        return {name: total / items for name, total in totals.items()}

    def facts(self) -> list[str]:
        """Return lines that a run shows once, before its first step: what was chosen or counted for the task."""
        return []

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return the parameters in groups, each with the settings that depart from the optimiser's.

        ``"adversary": True`` marks a group of an adversary's, which an optimiser of its own moves.
        """
        return [{"params": [parameter for parameter in self.parameters() if parameter.requires_grad]}]

    def after_step(self, step: int) -> None:
        """Run after each optimiser step; momentum methods move their teacher here."""

    def before_epoch(self, extract: Callable[[], Iterable[Batch]]) -> None:
        """Run before each pass over the data; clustering methods look at all of it here."""
