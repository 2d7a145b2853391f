"""Rounds of self-training for classes of items."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from avssl.cache import whole
from avssl.config import ConfigError
from avssl.data import Dataset, Relabelled, write_labels
from avssl.data.items import labels_of
from avssl.evaluation.probes.classification import Classification
from avssl.evaluation.self_training.rounds import Kind, Row
from avssl.evaluation.self_training.selection import PseudoLabels, count_copies
from avssl.methods.transfer.both_labels import BothLabels
from avssl.nets import Encoder
from avssl.training.export import load_encoder
from avssl.transforms.draws import index_of

LABELS = "pseudo_labels.safetensors"
CLASSIFIER = "classifier.safetensors"


class ClassRounds(Kind):
    """Labels are classes of items, in a file that `Relabelled` reads; classifiers are scored by accuracy."""

    def check(self, labelled: Dataset, classes: Sequence[str], how: PseudoLabels) -> None:
        labels = labels_of(labelled)
        counts = np.bincount(labels[labels >= 0], minlength=len(classes))
        if len(counts) > len(classes):
            raise ConfigError(f"labelled: has class number {len(counts) - 1}; method.classes names {len(classes)}")
        if (counts > 0).sum() < 2:
            raise ConfigError(
                "labelled: all its items are of one class, or of none; a teacher needs two classes at least"
            )
        if not counts.all():
            lacking = classes[int((counts == 0).argmax())]
            raise ConfigError(
                f"labelled: {counts.sum()} labels of {(counts > 0).sum()} of the {len(classes)} classes, none of "
                f"{lacking!r}; every class needs a label, as FewLabels chooses them"
            )

    def write(self, teacher: BothLabels, data: Dataset, folder: Path, how: PseudoLabels, seed: int) -> Row:
        count, classes = len(data), len(teacher.classes)
        sure, guesses, truth = np.full(count, np.nan, np.float32), np.zeros(count, np.int64), np.full(count, -1)
        soft = np.zeros((count, classes), np.float32) if how.soft else None
        for batch, logits in self.look(teacher, data):
            shares, place = (logits / how.temperature).softmax(1), index_of(batch["key"]).cpu().numpy()
            if not torch.isfinite(shares).all():
                raise ConfigError("the teacher's answers are not finite; teach it with a lower rate")
            sure[place], guesses[place] = (part.numpy() for part in shares.max(1))
            if "label" in batch:
                truth[place] = batch["label"].cpu().numpy()
            if soft is not None:
                soft[place] = shares.numpy()
        copies = count_copies(sure, guesses, how, seed)
        labels = np.where(np.isnan(sure), -1, guesses) if soft is None else soft
        with whole(folder / LABELS) as part:
            written = part.with_suffix(".safetensors")
            write_labels(written, data, labels, copies)
            written.replace(part)
        return summarize(sure, guesses, truth, copies, how, teacher.classes)

    def read(self, data: Dataset, folder: Path) -> Dataset:
        return Relabelled(data, folder / LABELS)

    def evaluator(
        self, test: Dataset, student: BothLabels, final: Path, others: Mapping[str, Path], against: str
    ) -> Classification:
        extra = {name: str(run / CLASSIFIER) for name, run in others.items()}
        return Classification(test, extra=extra, against=against, quiet=True)

    def subject(self, run: Path) -> Encoder:
        return load_encoder(run / CLASSIFIER)


def summarize(
    sure: np.ndarray,
    guesses: np.ndarray,
    truth: np.ndarray,
    copies: np.ndarray,
    how: PseudoLabels,
    names: Sequence[str],
) -> Row:
    """Return what pseudo-labels are like; how many are right where the truth is known, which nothing learns from."""
    kept, known = sure >= how.threshold, truth >= 0
    row: Row = {"items": len(sure), "confident": float(kept.mean()), "learned from": int((copies > 0).sum())}
    row["draws"] = int(copies.sum())
    if known.any():
        right = guesses == truth
        row["right"] = float(right[known].mean())
        row["right, confident"] = float(right[known & kept].mean()) if (known & kept).any() else None
    for name, weights in (("confident of ", kept), ("draws of ", copies)):
        counts = np.bincount(guesses, weights, len(names)).astype(int)
        row |= {f"{name}{one}": int(count) for one, count in zip(names, counts, strict=True)}
    return row
