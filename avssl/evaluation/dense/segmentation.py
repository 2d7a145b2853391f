"""Segmentation: what class each pixel belongs to, by a small head on the maps of an encoder.

Long, Shelhamer and Darrell, "Fully Convolutional Networks for Semantic Segmentation", CVPR 2015, in small; as a test of
pretext tasks: Zhang, Isola and Efros, "Colorful Image Colorization", ECCV 2016, section 3.2.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL.Image import Image
from torch import Tensor
from torch.nn import functional as F

from avssl.config import ConfigError
from avssl.data import Dataset
from avssl.evaluation.base import Evaluator
from avssl.evaluation.dense.fitting import Fitting
from avssl.evaluation.dense.pixels import MASK, Task
from avssl.evaluation.dense.pixelwise import pixel_trials
from avssl.evaluation.dense.plan import Plan, Tuning
from avssl.evaluation.dense.sides import scan
from avssl.evaluation.dense.trials import Groups, Trial, Weighed, class_notes, differences, grouped, item_rows, notes
from avssl.evaluation.side_by_side import Workers
from avssl.features.cache import digest
from avssl.features.runs import Fresh
from avssl.metrics import regions
from avssl.nets import Encoder
from avssl.report import overlays as drawing
from avssl.report.comparison import (
    by_metric,
    difference_numbers,
    format_percent,
    group_at,
    numbers_of,
    percent,
    table_of,
)
from avssl.report.scores import PIXELS, Scores

METRICS = (percent("miou", "mean IoU"), percent("pixel accuracy", "pixels right", spread=False))


class Segmentation(Evaluator):
    """Overlap of true and found regions, by heads on the encoder that learn from annotated pictures.

    Scores: ``miou`` and ``pixel accuracy``, shares in [0, 1].

    Every row has the same pictures, steps, rates and seeds. Rows:

    - ``trained``: the encoder;
    - ``random``: its architecture with initial weights, another initialisation for each seed, batch statistics
      calibrated on the training pictures;
    - ``pixels``: no encoder: the same head on each pixel's colours, its place, and their products;
    - ``always ...``: every pixel in the commonest class of the training pictures: the level of chance;
    - one for each of ``extra``.

    Args:
        train: pictures with a ``mask`` to learn from.
        test: pictures that no mask is learned from; each is scored whole, in the size it is given in.
        classes: names of the classes, the numbers 0, 1, ... of the masks; None takes numbers for names.
        layers: maps of the encoder that the head reads, their scores added; None takes the deepest of more than one
            cell.
        hidden: channels of a 3x3 convolution in the head; 0 for a linear head.
        tuning: how the encoder is used: ``"frozen"``, ``"fine-tuned"``, or both.
        seeds: fits of each row, at least 3 to say how sure a difference is.
        pictures: learn from so many training pictures, drawn anew for each seed; None for all.
        fitting: the schedule.
        absent: what a class counts as that is neither in the test pictures nor found there; None leaves it out.
        extra: further rows, from a name to the folder of a run or a file of weights.
        seed: fixes draws, initialisations and fits.
        num_shown: how many test pictures are drawn.
        workers: processes that train networks on a CPU, see `avssl.evaluation.side_by_side.do_all`; 0 for this one
            alone. What is found does not depend on it.
        quiet: show no progress.
    """

    name = "eval_segmentation"
    truths = ("mask",)
    takes = ("pictures",)

    def __init__(
        self,
        train: Dataset,
        test: Dataset,
        classes: Sequence[str] | None = None,
        layers: Sequence[str] | None = None,
        hidden: int = 0,
        tuning: Sequence[Tuning] = ("frozen",),
        seeds: int = 3,
        pictures: int | None = None,
        fitting: Fitting | None = None,
        absent: float | None = None,
        extra: Mapping[str, str] | None = None,
        seed: int = 0,
        num_shown: int = 6,
        workers: Workers = "auto",
        quiet: bool = False,
    ):
        if classes is not None and len(classes) < 2:
            raise ValueError(f"needs at least 2 classes; got {list(classes)}")
        self.classes, self.hidden, self.absent = classes, hidden, absent
        self.plan = Plan(
            train=train,
            test=test,
            layers=layers,
            tuning=tuning,
            seeds=seeds,
            pictures=pictures,
            fitting=fitting or Fitting(),
            extra=dict(extra or {}),
            seed=seed,
            num_shown=num_shown,
            workers=workers,
            quiet=quiet,
        )

    def __call__(
        self, encoder: Encoder, fresh: Fresh | None = None, folder: Path | None = None, device: str = "cpu"
    ) -> Scores:
        plan = self.plan
        plan.check(encoder)
        counts = np.sum(scan(plan.train, MASK, "training", histogram, plan.quiet), 0)
        seen = scan(plan.test, MASK, "test", lambda item: (item["path"], item["group"], histogram(item)), plan.quiet)
        names = self._names(counts + np.sum([each for *_, each in seen], 0))
        commonest = int(counts[: len(names)].argmax())
        row = f"always {names[commonest]}"
        start = torch.from_numpy(np.log((counts[: len(names)] + 1) / (counts[: len(names)].sum() + len(names)))).float()
        trials = pixel_trials(plan, Regions(len(names)), self.hidden, (row, start), encoder, fresh, folder, device)
        ours, theirs = (each[: len(names)] > 0 for each in (counts, np.sum([each for *_, each in seen], 0)))
        return self._scores(trials, names, seen, row, encoder, class_notes(ours, theirs, names, "pixel"))

    def _names(self, counts: np.ndarray) -> list[str]:
        """Return the names of the classes, and check that the masks paint no others."""
        last = int(np.flatnonzero(counts[: regions.VOID]).max(initial=1))
        if self.classes is None:
            return [str(number) for number in range(last + 1)]
        if last >= len(self.classes):
            raise ConfigError(
                f"evaluator.classes: names {len(self.classes)} classes, 0 to {len(self.classes) - 1}, but the masks "
                f"paint {last}; name all of them"
            )
        return list(self.classes)

    def _scores(
        self,
        trials: list[Trial],
        names: list[str],
        seen: Sequence[tuple],
        constant: str,
        encoder: Encoder,
        about: list[str],
    ) -> Scores:
        groups = grouped(trials)
        scores = {
            group: by_metric([overlap_of(trial, self.absent) for trial in each]) for group, each in groups.items()
        }
        found = differences(
            groups, partial(weighed_overlap, absent=self.absent), np.array([group for _, group, _ in seen])
        )
        level = float(scores[group_at(constant, encoder="")]["miou"].mean())
        return Scores(
            title="Segmentation: overlap of found and true regions in %",
            numbers=numbers_of(scores) | difference_numbers(found, "miou"),
            protocol=self.plan.protocol()
            | {
                "encoder": type(encoder).__name__,
                "weights": digest(encoder),
                "layers": ", ".join(self.plan.layers or ["the deepest map of more than one cell"]),
                "classes": names,
                "head": f"3x3 of {self.hidden} channels, then linear" if self.hidden else "linear",
                "score": "mean over classes of intersection over union of all test pixels together; void left out",
                "absent classes": "left out" if self.absent is None else f"count as {self.absent:g}",
                "picture": "whole, one scale, each pixel of the truth",
            },
            table=table_of(scores, METRICS),
            notes=(
                *about,
                *notes(found, METRICS[0]),
                f"Chance scores {format_percent(level)} mean IoU: {constant}. Colours and places alone: the row "
                f"{PIXELS}.",
            ),
            tables={
                "items": item_rows(trials, [path for path, *_ in seen], overlap_of_items),
                "classes": list(class_rows(groups, names)),
            },
            pictures={
                f"regions_{tuning}": self._draw(groups, tuning, len(names))
                for tuning in (self.plan.tuning if self.plan.num_shown else ())
            },
        )

    def _draw(self, groups: Groups, tuning: str, classes: int) -> Image:
        plan = self.plan
        items = [(index, plan.test[0, index]) for index in plan.drawn]
        items = [(index, item) for index, item in items if "failure" not in item]
        lines = {
            "picture": [item["frames"][0, 0].permute(1, 2, 0).numpy() for _, item in items],
            "truth": [drawing.regions(item[MASK].numpy(), classes) for _, item in items],
        }
        for group, trials in groups.items():
            if group["encoder"] == tuning or group.row == PIXELS:
                lines[group.row] = [drawing.regions(trials[0].found[f"answer {index}"], classes) for index, _ in items]
        return drawing.sheet(lines, f"{tuning}, first seed")


class Regions(Task):
    """Classes of pixels: cross entropy over all pixels that are not void.

    Args:
        classes: how many.
    """

    truth = MASK

    def __init__(self, classes: int):
        self.outputs = classes

    def loss(self, predicted: Tensor, truth: Tensor) -> Tensor:
        known = (truth != regions.VOID).sum().clamp(min=1)
        return F.cross_entropy(predicted, truth.long(), ignore_index=regions.VOID, reduction="sum") / known

    def measure(self, predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
        return regions.confusion(predicted.argmax(0), truth, self.outputs).astype(np.int32)

    def answer(self, predicted: np.ndarray) -> np.ndarray:
        return predicted.argmax(0).astype(np.uint8)


def histogram(item: Mapping[str, Any]) -> np.ndarray:
    """Return how many pixels of a picture's mask have each of the 256 values, ``(256,)``."""
    return np.bincount(item[MASK].numpy().ravel(), minlength=256)


def overlap_of(trial: Trial, absent: float | None = None) -> dict[str, float]:
    """Return the scores of a trial over all test pictures together."""
    table = trial.found["stats"].sum(0)
    return {"miou": float(regions.mean_iou(table, absent)), "pixel accuracy": float(regions.pixel_accuracy(table))}


def weighed_overlap(trial: Trial, absent: float | None = None) -> Weighed:
    """Return what scores a trial when pictures count several times."""
    tables = trial.found["stats"].astype(np.float64)
    flat, classes = tables.reshape(len(tables), -1), tables.shape[-1]
    return lambda weights: regions.mean_iou((weights @ flat).reshape(-1, classes, classes), absent)


def overlap_of_items(trial: Trial) -> dict[str, np.ndarray]:
    """Return each picture's own scores; one that is void everywhere has none."""
    tables = trial.found["stats"].astype(np.float64)
    pixels = tables.sum((1, 2))
    counted = np.where(pixels > 0, pixels, np.nan)
    right = np.trace(tables, axis1=1, axis2=2) / counted
    with np.errstate(invalid="ignore"):
        each = regions.iou(tables)
    there = ~np.isnan(each)
    mean = np.where(there, each, 0).sum(1) / np.where(there.any(1), there.sum(1), np.nan)
    return {"miou": mean, "pixel accuracy": right}


def class_rows(groups: Groups, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield one row per class, means over seeds; an empty score where the class is absent everywhere."""
    for group, trials in groups.items():
        each = np.mean([regions.iou(trial.found["stats"].sum(0)) for trial in trials], 0)
        for name, score in zip(names, each, strict=True):
            known = "" if np.isnan(score) else round(float(score), 4)
            yield {"row": group.row, "encoder": group["encoder"], "class": name, "iou": known}
