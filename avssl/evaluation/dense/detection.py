"""Detection: which objects are where, by Faster R-CNN on the maps of an encoder.

As a test of pretext tasks: Doersch, Gupta and Efros, "Unsupervised Visual Representation Learning by Context
Prediction", ICCV 2015, section 4.3, and He et al., "Momentum Contrast", CVPR 2020, section 4.2.1.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL.Image import Image

from avssl.config import ConfigError, describe
from avssl.data import Dataset
from avssl.evaluation.base import Evaluator
from avssl.evaluation.dense.detection_fit import BOXES, detect, fit, guesses
from avssl.evaluation.dense.detection_scores import class_rows, found_of, per_class, picture_rows, truth_of, weighed
from avssl.evaluation.dense.detector import Detector
from avssl.evaluation.dense.fitting import Fitting
from avssl.evaluation.dense.plan import Plan, Tuning, fit_all
from avssl.evaluation.dense.sides import scan
from avssl.evaluation.dense.trials import Groups, Trial, Weighed, class_notes, differences, grouped, notes
from avssl.evaluation.side_by_side import Workers
from avssl.features.alignment import align_classes, check_common
from avssl.features.cache import FeatureCache, digest
from avssl.features.layers import last_map
from avssl.features.runs import Fresh
from avssl.metrics.boxes import Points, Truth, ap_name
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
from avssl.report.scores import Scores
from avssl.training.optim import SGD
from avssl.training.schedule import Step

GUESS = "guess"
# He et al. 2020 released: rate 0.02 for batches of 16, a tenth of it after 18,000 and 22,000 of 24,000 steps; the
# default is that schedule in small, with a longer share of warm-up
SCHEDULE = Step(milestones=(18 / 24, 22 / 24), warmup=0.1)


class Detection(Evaluator):
    """Average precision of Faster R-CNN on top of an encoder, learned from pictures with boxes.

    Scores: ``ap@threshold/points``, the mean over classes, shares in [0, 1].

    Every row has the same pictures, steps, rates and seeds. Rows:

    - ``trained``: the encoder;
    - ``random``: its architecture with initial weights, another initialisation for each seed, batch statistics
      calibrated on the training pictures;
    - ``guess``: for each class the boxes that would be right in most training pictures, whatever the picture: the
      level of knowing nothing;
    - one for each of ``extra``.

    Objects marked as ignored (VOC's difficult) count neither when found nor when missed.

    Args:
        train: pictures with ``boxes`` to learn from.
        test: pictures that no box is learned from.
        detector: Faster R-CNN's own parts and sizes.
        tuning: how the encoder is used: ``"frozen"``, ``"fine-tuned"``, or both.
        seeds: fits of each row, at least 3 to say how sure a difference is.
        pictures: learn from so many training pictures, drawn anew for each seed; None for all.
        fitting: the schedule; None for 300 steps of 16 pictures by SGD.
        difficult: learn from ignored objects too, as Detectron2 does; by default they are left out, as in
            py-faster-rcnn. Judging ignores them in any case.
        thresholds: overlaps from which a box is right; differences are given for the first one.
        points: how the area under the curve of precision is taken: ``"area"`` (VOC from 2010 on) or ``"11 points"``
            (VOC 2007). Both are in ``numbers``; this one leads.
        extra: further rows, from a name to the folder of a run or a file of weights.
        seed: fixes draws, initialisations and fits.
        num_shown: how many test pictures are drawn.
        workers: processes that train networks on a CPU, see `avssl.evaluation.side_by_side.do_all`; 0 for this one
            alone. What is found does not depend on it.
        quiet: show no progress.
    """

    name = "eval_detection"
    truths = ("boxes",)
    takes = ("pictures",)

    def __init__(
        self,
        train: Dataset,
        test: Dataset,
        detector: Detector | None = None,
        tuning: Sequence[Tuning] = ("fine-tuned",),
        seeds: int = 3,
        pictures: int | None = None,
        fitting: Fitting | None = None,
        difficult: bool = False,
        thresholds: Sequence[float] = (0.5, 0.75),
        points: Points = "area",
        extra: Mapping[str, str] | None = None,
        seed: int = 0,
        num_shown: int = 6,
        workers: Workers = "auto",
        quiet: bool = False,
    ):
        if not thresholds or not all(0 < one < 1 for one in thresholds):
            raise ValueError(f"thresholds are overlaps between 0 and 1; got {list(thresholds)}")
        self.detector, self.difficult, self.thresholds = detector or Detector(), difficult, tuple(thresholds)
        self.points: Points = points
        others: Points = "11 points" if points == "area" else "area"
        self.asked: list[tuple[float, Points]] = [(one, points) for one in self.thresholds]
        self.asked.append((self.thresholds[0], others))
        if fitting is not None and (fitting.crop or fitting.scale):
            raise ValueError("fitting: pictures of objects are neither cut nor scaled; set detector.short and long")
        schedule = Fitting(optim=SGD(lr=0.02, momentum=0.9, weight_decay=1e-4), schedule=SCHEDULE, flip=True)
        self.plan = Plan(
            train=train,
            test=test,
            layers=self.detector.layers,
            tuning=tuning,
            seeds=seeds,
            pictures=pictures,
            fitting=fitting or schedule,
            extra=dict(extra or {}),
            seed=seed,
            num_shown=num_shown,
            workers=workers,
            quiet=quiet,
        )

    def __call__(
        self, encoder: Encoder, fresh: Fresh | None = None, folder: Path | None = None, device: str = "cpu"
    ) -> Scores:
        plan, where = self.plan, torch.device(device)
        plan.check(encoder)
        classes, place = self._classes()
        train = scan(plan.train, BOXES, "training", objects_of, plan.quiet)
        test = scan(plan.test, BOXES, "test", objects_of, plan.quiet)
        test = [item | {"kinds": place[item["kinds"]]} for item in test]
        shown = [
            np.unique(np.concatenate([item["kinds"][~item["ignored"]] for item in side])) for side in (train, test)
        ]
        ours, theirs = (np.isin(np.arange(len(classes)), kinds) for kinds in shown)
        check_common(ours, theirs, classes, ("training", "the test"))
        truth = truth_of(test)
        if truth.ignored.all():
            raise ConfigError("the test pictures hold no object that counts; choose a split whose truth is known")
        rows = plan.rows(encoder, fresh, device)
        layers = list(plan.layers or [last_map(encoder.to(where), plan.pool)])
        about = {"task": BOXES, "layers": layers, "classes": classes, "difficult": self.difficult}
        key = plan.key(about | {"detector": describe(self.detector), "device": where.type})

        work = DetectionWork(
            plan=plan,
            detector=self.detector,
            layers=layers,
            classes=len(classes),
            difficult=self.difficult,
            device=where,
        )
        guess = Trial(row=GUESS, tuning="", seed=0, found={"found": guesses(train, test, len(classes))})
        trials = [guess, *fit_all(rows, plan, work, ["found"], key, FeatureCache(folder), where)]
        missing = class_notes(ours, theirs, classes, "object")
        return self._scores(trials, classes, place, missing, test, truth, layers, encoder)

    def _classes(self) -> tuple[list[str], np.ndarray]:
        """Return the names of the classes, training's first, and where the test's own numbers stand among them."""
        names = [getattr(data, "classes", ()) for data in (self.plan.train, self.plan.test)]
        for one, what in zip(names, ("training", "test"), strict=True):
            if not len(one):
                raise ConfigError(
                    f"the {what} pictures name no classes of objects; use a manifest with boxes and names"
                )
        classes, places = align_classes(names, [np.zeros(0, int)] * 2, ["training", "test"])
        return list(classes), places[1]

    def _scores(
        self,
        trials: list[Trial],
        classes: list[str],
        place: np.ndarray,
        about: Sequence[str],
        test: Sequence[Mapping[str, Any]],
        truth: Truth,
        layers: Sequence[str],
        encoder: Encoder,
    ) -> Scores:
        groups = grouped(trials)
        each_class = {id(trial): per_class(trial, truth, len(classes), self.asked) for trial in trials}
        metrics = [
            percent(ap_name(one, points), f"AP {one:g}, {points}", spread=number == 0)
            for number, (one, points) in enumerate(self.asked)
        ]
        names = [metric.name for metric in metrics]
        means = {trial: np.nanmean(each, 1).tolist() for trial, each in each_class.items()}
        scores = {
            group: by_metric([dict(zip(names, means[id(trial)], strict=True)) for trial in each])
            for group, each in groups.items()
        }
        paths = [item["path"] for item in test]

        def resampled(trial: Trial) -> Weighed:
            return weighed(found_of(trial), truth, len(classes), len(test), *self.asked[0])

        found = differences(groups, resampled, np.array([item["group"] for item in test]))
        level = float(scores[group_at(GUESS, encoder="")][metrics[0].name].mean())
        return Scores(
            title="Detection: mean average precision in %",
            numbers=numbers_of(scores) | difference_numbers(found, names[0]),
            protocol=self.plan.protocol()
            | {
                "encoder": type(encoder).__name__,
                "weights": digest(encoder),
                "layers": ", ".join(layers),
                "detector": describe(self.detector),
                "classes": classes,
                "objects that count": int((~truth.ignored).sum()),
                "overlap": "edges, >= threshold, each object found once (VOC development kit)",
                "ignored objects": f"do not count in judging; {'' if self.difficult else 'not '}learned from",
                "mean": "over the classes that have objects that count",
            },
            table=table_of(scores, metrics),
            notes=(
                *about,
                *notes(found, metrics[0]),
                f"Chance scores {format_percent(level)} {metrics[0].column}: the {GUESS}, boxes right in most training "
                "pictures, whatever the picture.",
            ),
            tables={
                "items": list(picture_rows(trials, paths, truth, self.thresholds[0])),
                "classes": list(class_rows(groups, each_class, classes, self.asked)),
            },
            pictures={
                f"boxes_{tuning}": self._draw(groups, tuning, classes, place, paths)
                for tuning in (self.plan.tuning if self.plan.num_shown else ())
            },
        )

    def _draw(self, groups: Groups, tuning: str, classes: list[str], place: np.ndarray, paths: Sequence[str]) -> Image:
        """Draw the truth and, of each row, as many of the surest boxes as there are objects."""
        numbers = {path: number for number, path in enumerate(paths)}
        items = [item for item in (self.plan.test[0, index] for index in self.plan.drawn) if "failure" not in item]
        images = [item["frames"][0, 0].permute(1, 2, 0).numpy() for item in items]
        lines = {
            "truth": [
                drawing.boxed(image, item["boxes"].numpy(), place[item["kinds"].numpy()].tolist(), classes, None)
                for image, item in zip(images, items, strict=True)
            ]
        }
        for group, trials in groups.items():
            if group["encoder"] in (tuning, ""):
                found = found_of(trials[0])
                lines[group.row] = []
                for image, item in zip(images, items, strict=True):
                    mine = np.flatnonzero(found.picture == numbers[item["path"]])
                    best = mine[np.argsort(-found.score[mine], kind="stable")][: max(1, len(item["kinds"]))]
                    kinds, scores = found.kind[best].tolist(), found.score[best].tolist()
                    lines[group.row].append(drawing.boxed(image, found.box[best], kinds, classes, scores))
        return drawing.sheet(lines, f"{tuning}, first seed: as many of the surest boxes as there are objects")


def objects_of(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return the objects of an item as arrays, and what they are counted by."""
    arrays = {name: item[name].numpy() for name in ("boxes", "kinds", "ignored")}
    return arrays | {"path": item["path"], "group": item["group"], "size": tuple(item["frames"].shape[-2:])}


@dataclass(frozen=True, eq=False, kw_only=True)
class DetectionWork:
    """Fits a detector on an encoder and asks it, in any process."""

    plan: Plan
    detector: Detector
    layers: Sequence[str]
    classes: int
    difficult: bool
    device: torch.device

    def __call__(self, copy: Encoder, freeze: bool, seed: int) -> dict[str, np.ndarray]:
        plan = self.plan
        network = fit(copy, self.detector, self.layers, self.classes, plan.train, plan.chosen(seed), plan.fitting,
                      self.difficult, freeze, plan.seed + seed, self.device)  # fmt: skip
        return detect(network, plan.test, self.device)
