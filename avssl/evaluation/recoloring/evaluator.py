"""Recoloured pictures before a machine: does a classifier of true pictures know them, and how near are the colours?

Zhang, Isola and Efros, "Colorful Image Colorization", ECCV 2016, section 3.1, "Semantic interpretability" and "Raw
accuracy". https://arxiv.org/abs/1603.08511
"""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from avssl.config import ConfigError, describe
from avssl.data import Dataset
from avssl.evaluation.base import MethodEvaluator
from avssl.evaluation.baselines import calibrated
from avssl.evaluation.probes.samples import Samples, align_samples, read_samples
from avssl.evaluation.probes.scoring import Scorer, check_split, class_notes, labels_of
from avssl.evaluation.recoloring.classifier import is_right, learned
from avssl.evaluation.recoloring.recolor import Recolors, borrowed, color_of, gray, recolored
from avssl.features.runs import FreshMethod
from avssl.methods import Method
from avssl.metrics.color import color_area, signal_to_noise
from avssl.nets import Encoder
from avssl.report.comparison import (
    difference_notes,
    format_mean,
    format_percent,
    group_at,
    item_difference,
    percent,
)
from avssl.report.figures import picture_table
from avssl.report.scores import RANDOM, TRAINED, Scores

TRUE, GRAY, OTHERS = "true", "grey", "colours of another picture"
FINEST = 10 * np.log10(255**2 * 12)  # dB: what rounding to 8 bits leaves; equal pictures count as this near
CALIBRATED = 64  # pictures that the batch statistics of random rows are taken of


class Recoloring(MethodEvaluator):
    """Accuracy of a classifier of true pictures on recoloured ones, and how near their colours are.

    Columns: ``accuracy`` of the classifier, in %; ``AuC``, the area under the share of pixels whose colour is near, and
    ``PSNR`` in dB, over pictures. Rows: ``true``; ``grey``; ``colours of another picture``; ``random`` (the method with
    initial weights); ``trained``. Every row has the true lightness.

    Departures from the paper: the classifier is small, and learns here from ``train``; theirs is VGG-16 on ImageNet.
    AuC is not weighted by the rarity of colours.

    Args:
        test: pictures to recolour; with classes if ``train`` is given.
        train: pictures with classes that the classifier learns from; None asks no classifier.
        classifier: its architecture; needed with ``train``.
        steps: of its training.
        batch: pictures a step.
        lr: highest learning rate.
        draws: classifiers, each from other initial weights.
        initialisations: of the random row.
        allow_shared_groups: training and test may share groups; then say so with the result.
        num_shown: pictures that are drawn.
        seed: of what is drawn by chance.
        quiet: show no progress.
    """

    name = "eval_recoloring"
    truths = ("label",)
    needs = Recolors
    lacks = "gives no colours; ask a method of colorization"

    def __init__(
        self,
        test: Dataset,
        train: Dataset | None = None,
        classifier: Encoder | None = None,
        steps: int = 300,
        batch: int = 64,
        lr: float = 2e-3,
        draws: int = 3,
        initialisations: int = 3,
        allow_shared_groups: bool = False,
        num_shown: int = 8,
        seed: int = 0,
        quiet: bool = False,
    ):
        if (train is None) != (classifier is None):
            raise ValueError("give both train and classifier, or neither to measure colours alone")
        if min(steps, draws, initialisations, num_shown) < 1 or batch < 2:
            raise ValueError("steps, draws, initialisations and num_shown should be at least 1, batch at least 2")
        self.test, self.train, self.classifier, self.steps, self.batch = test, train, classifier, steps, batch
        self.lr, self.draws, self.initialisations, self.num_shown = lr, draws, initialisations, num_shown
        self.allow_shared_groups, self.seed, self.quiet = allow_shared_groups, seed, quiet

    def __call__(self, method: Method, fresh: FreshMethod, folder: Path | None = None, device: str = "cpu") -> Scores:
        self.require(method)
        assert isinstance(method, Recolors)
        test = read_samples(self.test, "test", self.quiet)
        true = test.images.numpy()
        rows = self._rows(method, fresh, true, device)
        measured = {row: measures(several, true) for row, several in rows.items()}
        numbers: dict[str, float] = {}
        for row, found in measured.items():
            numbers |= {f"{row}/{name}": float(np.mean(values)) for name, values in found.items() if row != TRUE}
        right, notes, chance = {}, [], None
        if self.train is None:
            notes.append("No labelled pictures were given (evaluator.train): no classifier scored.")
        else:
            right, chance, about = self._classify(rows, test, device)
            notes += about
            numbers |= {f"{row}/accuracy": float(values.mean()) for row, values in right.items()}
            numbers["chance/accuracy"] = chance
            group = test.rows.group[test.item]
            for other in (GRAY, RANDOM):
                gain = item_difference(right[TRAINED][..., None], right[other][..., None], group)
                numbers[f"{TRAINED}-{other}/accuracy"] = gain.mean
                notes += difference_notes({group_at(TRAINED): gain}, percent("accuracy"), other)
        if test.rows.failures:
            notes.append(f"{len(test.rows.failures)} test items could not be read.")
        notes.append("Raw measures favour dull colours: grey is no bad guess by AuC or PSNR.")
        return Scores(
            title="Recoloured pictures before a classifier of true ones" if right else "How near the colours are",
            numbers=numbers,
            protocol=self._protocol(method, test),
            table=self._table(measured, right, chance),
            notes=tuple(notes),
            pictures={"recolored": self._drawn(rows, true)},
        )

    def _rows(self, method: Recolors, fresh: FreshMethod, true: np.ndarray, device: str) -> dict[str, list[np.ndarray]]:
        """Return the pictures of each row; several sets where there are several initialisations."""
        assert isinstance(method, Method)
        order = np.random.default_rng((self.seed, 0)).permutation(len(true))
        donors = np.empty_like(order)
        donors[order] = np.roll(order, 1)  # a ring: each gives its colours once, none to itself
        others = []
        for number in range(self.initialisations):
            one = fresh(self.seed + number)
            assert isinstance(one, Recolors)
            calibrated(one, torch.from_numpy(true[:CALIBRATED]), run=partial(colorize, one), device=device, batch=None)
            others.append(recolored(one, true, None, device))
        return {
            TRUE: [true],
            GRAY: [gray(true)],
            OTHERS: [borrowed(true, true[donors])],
            RANDOM: others,
            TRAINED: [recolored(method.to(device).eval(), true, None, device)],
        }

    def _classify(
        self, rows: dict[str, list[np.ndarray]], test: Samples, device: str
    ) -> tuple[dict[str, np.ndarray], float, list[str]]:
        """Return by row whether each classifier is right on each picture, ``(draws, N)``; chance; and notes."""
        assert self.train is not None and self.classifier is not None
        train, test = align_samples(read_samples(self.train, "training", self.quiet), test)
        ours, theirs = labels_of(train.rows, "training"), labels_of(test.rows, "test")
        if ours.one is None or theirs.one is None:
            raise ConfigError("evaluator.train: the classifier tells one class per picture; these have several")
        check_split(train.rows, test.rows, ours, theirs, self.allow_shared_groups)
        labels, truths = (side.among(ours.shown).one for side in (ours, theirs))  # -1: never learned, never right
        assert labels is not None and truths is not None
        label, truth = labels[train.item], truths[test.item]
        right: dict[str, list[np.ndarray]] = {row: [] for row in rows}
        for draw in range(self.draws):
            network = learned(
                self.classifier, train.images, label, self.steps, self.batch, self.lr, self.seed + draw, device
            )
            for row, several in rows.items():
                right[row].append(is_right(network, several[draw % len(several)], truth, device))
        level = Scorer(theirs.take(test.item), ours.shown).chance(ours.take(train.item))["accuracy"]
        return {row: np.stack(values) for row, values in right.items()}, level, class_notes(ours, theirs)

    def _table(
        self, measured: dict[str, dict[str, np.ndarray]], right: dict[str, np.ndarray], chance: float | None
    ) -> tuple[dict[str, str], ...]:
        table = []
        for row, found in measured.items():
            cells = {"row": row}
            if right:
                cells["accuracy"] = format_mean(right[row].mean(1))
            blank = row == TRUE
            cells |= {"AuC": "" if blank else format_mean(found["AuC"], spread=False)}
            table.append(cells | {"PSNR": "" if blank else f"{found['PSNR'].mean():.1f}"})
        if chance is not None:
            table.append({"row": "chance", "accuracy": format_percent(chance), "AuC": "", "PSNR": ""})
        return tuple(table)

    def _drawn(self, rows: dict[str, list[np.ndarray]], true: np.ndarray):
        chosen = np.linspace(0, len(true) - 1, min(self.num_shown, len(true))).round().astype(int)
        return picture_table({row: several[0][chosen] for row, several in rows.items()}, "True and recoloured")

    def _protocol(self, method: Method, test: Samples) -> dict[str, Any]:
        schedule = {"steps": self.steps, "batch": self.batch, "lr": self.lr, "optimiser": "AdamW, one cycle"}
        return {
            "data": describe(self.test),
            "pictures": len(test.images),
            "lightness": "the truth's, in every row",
            "classifier": None if self.classifier is None else describe(self.classifier),
            "training": None if self.train is None else schedule | {"data": describe(self.train), "draws": self.draws},
            "random": f"{self.initialisations} initialisations, batch statistics of these data",
            "method": type(method).__name__,
            "shared groups": self.allow_shared_groups,
            "seed": self.seed,
        }


def colorize(method: Recolors, pictures: torch.Tensor) -> torch.Tensor:
    """Return what a method makes of pictures, uint8 ``(N, 3, H, W)``."""
    return method.colorize(pictures.float() / 255)


def measures(several: list[np.ndarray], true: np.ndarray) -> dict[str, np.ndarray]:
    """Return ``AuC`` and ``PSNR`` of each picture, over all sets; equal pictures are not infinitely near."""
    color = color_of(true)
    return {
        "AuC": np.concatenate([color_area(color_of(one), color) for one in several]),
        "PSNR": np.concatenate([signal_to_noise(one, true).clip(max=FINEST) for one in several]),
    }
