"""Rounds of self-training for classes of pixels."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from avssl.config import ConfigError
from avssl.data import Dataset, PseudoMasks, SceneCrops
from avssl.data.pseudo_masks import MaskWriter
from avssl.evaluation.dense.segmenters import Segmenters
from avssl.evaluation.self_training.rounds import Kind, Row
from avssl.evaluation.self_training.selection import PseudoLabels
from avssl.methods import Method
from avssl.methods.transfer.both_labels import BothLabels
from avssl.methods.transfer.self_training_pixels import SelfTrainingPixels
from avssl.metrics.regions import VOID
from avssl.nets import Encoder
from avssl.report.scores import RANDOM, TRAINED
from avssl.training.export import load_encoder, load_method
from avssl.transforms.draws import index_of

MASKS = "pseudo_masks"


class PixelRounds(Kind):
    """Labels are masks of pictures, in a folder that `PseudoMasks` reads; networks are scored by mean overlap.

    Pictures are labelled whole, one by one; `SceneCrops` around the unlabelled data says how a student sees them.
    """

    def check(self, labelled: Dataset, classes: Sequence[str], how: PseudoLabels) -> None:
        if how.each is not None:
            raise ConfigError("pseudo.each: is for classes of items; classes of pixels weigh alike by method.balanced")
        if len(classes) > VOID:
            raise ConfigError(f"method.classes: masks of bytes hold {VOID} classes at most; got {len(classes)}")
        painted: set[int] = set()
        for index in range(len(labelled)):
            item = labelled[index]
            if "failure" not in item and "mask" not in item:
                raise ConfigError(f"labelled: {item['path']} has no mask; choose a split whose pictures have one")
            painted |= set(np.unique(item["mask"].numpy()).tolist()) - {VOID} if "mask" in item else set()
            if len(painted) > 1 and max(painted) >= len(classes):
                raise ConfigError(f"labelled: masks paint class {max(painted)}; method.classes names {len(classes)}")
        if len(painted) < 2:
            raise ConfigError("labelled: all pixels are of one class, or of none; a teacher needs two classes at least")

    def write(self, teacher: BothLabels, data: Dataset, folder: Path, how: PseudoLabels, seed: int) -> Row:
        pictures = data.data if isinstance(data, SceneCrops) else data
        writer, batch = MaskWriter(folder / MASKS, pictures, how.soft), self.batch
        classes = len(teacher.classes)
        counts, kept, right, known, most = np.zeros(classes, int), 0, 0, 0, 0.0
        total, self.batch = 0, 1  # pictures differ in size
        try:
            for item, logits in self.look(teacher, pictures):
                shares = (logits[0] / how.temperature).softmax(0)
                if not torch.isfinite(shares).all():
                    raise ConfigError("the teacher's answers are not finite; teach it with a lower rate")
                top, guess = (part.numpy() for part in shares.max(0))
                sure = top >= how.threshold
                writer.add(int(index_of(item["key"])[0]), shares.numpy(), sure)
                counts += np.bincount(guess[sure], minlength=classes)
                total, kept, most = total + sure.size, kept + int(sure.sum()), max(most, float(top.max()))
                if "mask" in item:
                    truth = item["mask"][0].cpu().numpy()
                    right, known = (
                        right + int((guess == truth)[truth != VOID].sum()),
                        known + int((truth != VOID).sum()),
                    )
        finally:
            self.batch = batch
        require_classes(counts, total, how, most)
        writer.finish()
        row: Row = {"items": len(pictures), "confident": kept / total, "learned from": int(writer.weights.sum())}
        row["draws"] = row["learned from"]
        row |= {"right": right / known} if known else {}
        return row | {f"confident of {name}": int(count) for name, count in zip(teacher.classes, counts, strict=True)}

    def read(self, data: Dataset, folder: Path) -> Dataset:
        if not isinstance(data, SceneCrops):
            return PseudoMasks(data, folder / MASKS)
        return SceneCrops(PseudoMasks(data.data, folder / MASKS), data.crop, data.scale, data.flip, data.seed)

    def evaluator(
        self, test: Dataset, student: BothLabels, final: Path, others: Mapping[str, Path], against: str
    ) -> Segmenters:
        networks = {RANDOM: network_of(student), TRAINED: network_of(load_method(final))}
        networks |= {name: network_of(load_method(run)) for name, run in others.items()}
        return Segmenters(test, student.classes, networks, against)

    def subject(self, run: Path) -> Encoder:
        return load_encoder(run)


def require_classes(counts: np.ndarray, total: int, how: PseudoLabels, most: float) -> None:
    """Refuse masks that say nothing.

    Raises:
        ConfigError: if no pixel is sure enough, or all that are sure are of one class.
    """
    if not counts.any():
        raise ConfigError(
            f"pseudo.threshold: no item is confident: of {total} pixels none reaches {how.threshold:g}, the surest has "
            f"{most:.4g}; lower it, or teach the teacher longer"
        )
    if (counts > 0).sum() < 2:
        raise ConfigError(
            f"pseudo: all {counts.sum()} confident pixels are guessed to be of one class (number {int(counts.argmax())}"
            "), of which nothing can be learned; teach the teacher longer, or lower pseudo.threshold"
        )


def network_of(method: Method) -> nn.Module:
    """Return the network of a method of pixels."""
    assert isinstance(method, SelfTrainingPixels)
    return method.network
