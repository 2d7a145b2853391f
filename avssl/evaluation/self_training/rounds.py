"""What differs between classes and pixels in rounds of self-training: how a teacher labels, and how it is scored."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from avssl.config import ConfigError
from avssl.data import Dataset
from avssl.data.items import sources_of
from avssl.evaluation.base import Evaluator
from avssl.evaluation.self_training.selection import PseudoLabels
from avssl.methods.transfer.both_labels import BothLabels
from avssl.nets import Encoder
from avssl.training.accelerators import Accelerator
from avssl.training.feed import Batch, batches_of, is_empty, single_process

Row = dict[str, Any]  # what is told of a round's pseudo-labels
Marks = dict[str, str]  # what a labelling depends on


class Kind(ABC):
    """What is labelled.

    Args:
        accelerator: where teachers run.
        batch: items a pass.
        workers: processes that load.
    """

    def __init__(self, accelerator: Accelerator, batch: int, workers: int):
        self.fabric, self.batch, self.workers = single_process(accelerator), batch, workers

    @abstractmethod
    def check(self, labelled: Dataset, classes: Sequence[str], how: PseudoLabels) -> None:
        """Refuse labels that nothing can be learned from, before anything is.

        Raises:
            ConfigError: if so.
        """

    @abstractmethod
    def write(self, teacher: BothLabels, data: Dataset, folder: Path, how: PseudoLabels, seed: int) -> Row:
        """Label all items of a data set, write the labels into a folder, and return what they are like."""

    @abstractmethod
    def read(self, data: Dataset, folder: Path) -> Dataset:
        """Return the items with the labels that were written."""

    @abstractmethod
    def evaluator(
        self, test: Dataset, student: BothLabels, final: Path, others: Mapping[str, Path], against: str
    ) -> Evaluator:
        """Return what scores the networks of runs, beside random weights and chance.

        Args:
            test: what they are scored on.
            student: with initial weights.
            final: the run of the row ``trained``.
            others: further rows.
            against: the row that the others are compared with.
        """

    @abstractmethod
    def subject(self, run: Path) -> Encoder:
        """Return what the evaluator takes for the row ``trained``."""

    def look(self, teacher: BothLabels, data: Dataset) -> Iterator[tuple[Batch, Any]]:
        """Yield batches of all items that can be read, and the teacher's logits on the CPU; in evaluation mode."""
        teacher.to(self.fabric.device).eval()
        for batch in batches_of(self.fabric, data, 0, None, self.batch, self.workers):
            if is_empty(batch):
                continue
            clips = batch["frames"].shape[1] if batch["frames"].ndim == 6 else 1
            if clips != 1:
                raise ConfigError(f"unlabelled: its items have {clips} clips; pseudo-labels are of items of one clip")
            yield batch, teacher.predict(batch).cpu()


def keep_apart(labelled: Dataset, unlabelled: Dataset, test: Dataset) -> None:
    """Refuse data that share files: no item of the test, and none with a label, may get a pseudo-label.

    Raises:
        ConfigError: if they do, or a side is empty.
    """
    sides = {"labelled": labelled, "unlabelled": unlabelled, "test": test}
    for name, data in sides.items():
        if not len(data):
            raise ConfigError(f"{name}: the data set is empty")
    sources = {name: set(sources_of(data)) for name, data in sides.items()}
    for name, other in (("unlabelled", "test"), ("labelled", "test"), ("unlabelled", "labelled")):
        if both := sources[name] & sources[other]:
            raise ConfigError(
                f"{name}: {len(both)} of its items are of files of {other}, such as {min(both)}; take them away with "
                f"{name}.name=Without"
            )
