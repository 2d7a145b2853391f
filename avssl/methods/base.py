"""The contract every method keeps."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from avssl.config import Recorded
from avssl.nets import Encoder, SoundEncoder

Batch = dict[str, Any]  # tensors by name, and lists of what no tensor can hold (paths)
Rows = dict[str, Tensor]  # by name, a row for each item
Extract = Callable[[Batch], Rows]


class Features(Protocol):
    """Computes rows of all items of the training data in one pass, each process a share, and returns them to all."""

    def __call__(self, extract: Extract) -> Rows:
        """Return the rows that ``extract`` makes of each batch, and ``index``, the item of each, in order of it.

        Args:
            extract: from a batch to tensors ``(items of the batch, ...)`` by name; called without gradients.
        """
        ...


class Clustered(NamedTuple):
    """Items and the clusters that a method puts them in.

    Attributes:
        rows: what tells the clusters, ``(N, dim)``.
        label: cluster of each item, int64 ``(N,)``.
        clusters: how many there are, with those that have no item.
    """

    rows: Tensor
    label: Tensor
    clusters: int


class Method(Recorded, nn.Module, ABC):
    """One way to learn without labels: a batch goes in, its losses come out. It knows no trainer.

    Attributes:
        encoder: the part worth keeping when training ends.
        partial: whether steps leave parameters out, as where heads take turns; processes then do not wait for them.
        least_recordings: how many different recordings a batch needs to be learned from: 2 where one's sounds or tiles
            are the false ones of another.
        remembers: whether state is kept for each item by its number, such as a bank: other data would mix it up.
        remembered: of how many items, where the data must have just as many; None where that does not matter.
        chance: the accuracy of a guess, where the method asks a question of equally likely answers; None where not.
        classes: names of the classes that it takes labels of the data for, by number; empty where it uses no labels.
        floors: measures to read another one by, such as what a rule without learning reaches, each with that other:
            ``{"copy_loss": "loss"}``. Names that begin with ``pixel_`` or end in ``_chance`` say so themselves.
        decides: the measure whose least value marks a run's best checkpoint, where the run names none.
    """

    encoder: Encoder
    partial: bool = False
    least_recordings: int = 1
    remembers: bool = False
    remembered: int | None = None
    chance: float | None = None
    classes: tuple[str, ...] = ()
    floors: ClassVar[Mapping[str, str]] = {}
    decides: ClassVar[str] = "loss"

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

        Methods of pictures and clips also take a tensor alone, see `avssl.methods.inputs.as_batch`. Where groups of
        parameters name an optimiser, such as ``"adversary"``, a loss of that name, ``adversary_loss``, is minimised
        beside ``loss``; each must reach its own parameters alone.
        """

    @torch.no_grad()
    def measure(self, batches: Iterable[Any]) -> dict[str, float]:
        """Return named scores over a whole data set; the loop calls it in evaluation mode.

        Unless a method says otherwise: the mean of what ``forward`` returns, a batch counting by its items, and
        ``chance`` where the method has one.
        """
        totals: dict[str, float] = {}
        items = 0
        for batch in batches:
            count = items_in(batch)
            items += count
            for name, value in self(batch).items():
                totals[name] = totals.get(name, 0.0) + value.item() * count
        means = {name: total / items for name, total in totals.items()}
        return means if self.chance is None else means | {"chance": self.chance}

    def after_measure(self, scores: Mapping[str, float]) -> None:
        """Run after the method was measured; what chooses among its parts by that, such as heads, does so here.

        Args:
            scores: of the training data and of what is held out, as ``train/loss`` and ``held_out/loss``.
        """

    def facts(self) -> list[str]:
        """Return lines that a run shows once, before its first step: what was chosen or counted for the task."""
        return []

    def warnings(self, scores: Mapping[str, float], start: Mapping[str, float]) -> list[str]:
        """Return lines that a run shows after it measured: signs that nothing is learned, such as a collapse.

        Args:
            scores: what was measured now, as ``train/loss`` and ``held_out/loss``.
            start: the same at the random start; equal to ``scores`` there.
        """
        return []

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return the parameters in groups, each with the settings that depart from the optimiser's.

        Beside those of the optimiser (``lr``, ``weight_decay``): ``"optimizer": "adversary"`` gives a group to the
        optimiser of that name, ``"decay_all": True`` decays parameters of one dimension too.
        """
        return [{"params": [parameter for parameter in self.parameters() if parameter.requires_grad]}]

    def exports(self) -> dict[str, Encoder | SoundEncoder]:
        """Return the encoders that a run writes to ``<name>.safetensors``; by default those held under their names."""
        return {name: part for name, part in self.named_children() if isinstance(part, Encoder | SoundEncoder)}

    def before_epoch(self, features: Features) -> Iterable[str] | None:
        """Run before each pass over the data; methods that cluster ask ``features`` for rows of all items here.

        Returns:
            Names of parameters that were made anew, such as those of a head for new clusters: what optimisers and
            the running average remember of them is dropped. None for none.
        """

    def clusters_of(self, batch: Batch) -> Clustered | None:
        """Return the clusters of a batch's items in evaluation, un-augmented; None where a method has no clusters.

        Where it has several clusterings, the first one.
        """

    def after_backward(self, step: int, steps: int) -> None:
        """Run when the gradients of step number ``step``, counted from 1, are there, before they are clipped.

        What a loss has read may change from here on (a queue takes in vectors); gradients may be set to None.
        """

    def after_step(self, step: int, steps: int) -> None:
        """Run after the optimiser's step number ``step``, counted from 1, of ``steps``; teachers move here."""


def items_in(batch: Any) -> int:
    """Return how many items a batch holds, a dict or a tensor; 0 for one of which nothing could be read."""
    if isinstance(batch, Tensor):
        return len(batch)
    return next((len(value) for value in batch.values() if isinstance(value, Tensor)), 0)
