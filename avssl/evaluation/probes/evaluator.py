"""Probes of every layer: which classes can be read from frozen features, from all labels or a few.

Zhang, Isola and Efros, "Colorful Image Colorization", ECCV 2016, section 3.2 (a linear classifier on each layer), and
Goyal et al., "Scaling and Benchmarking Self-Supervised Visual Representation Learning", ICCV 2019, section 4 (maps
averaged to about 9,000 numbers). https://arxiv.org/abs/1603.08511, https://arxiv.org/abs/1905.01235
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from PIL.Image import Image
from torch import Tensor

from avssl.data import Dataset
from avssl.evaluation.base import Evaluator
from avssl.evaluation.baselines import baselines, compared_encoders, pool_of
from avssl.evaluation.probes.base import Labels, Probe, joined
from avssl.evaluation.probes.linear import Linear
from avssl.evaluation.probes.neighbours import KNearest
from avssl.evaluation.probes.scoring import (
    Scorer,
    check_classes,
    check_groups,
    class_notes,
    clusters_of,
    labels_of,
)
from avssl.evaluation.probes.shots import labelled
from avssl.features.alignment import align_rows
from avssl.features.cache import FeatureCache, digest
from avssl.features.extraction import Asked, Extracted, extract, kind_of
from avssl.features.layers import OUTPUT, check_layer
from avssl.features.rows import Recipe, Unit, check_recipe
from avssl.features.runs import Fresh
from avssl.metrics.bootstrap import Difference
from avssl.metrics.classification import Precision
from avssl.nets import Encoder
from avssl.progress import Bar
from avssl.report.comparison import (
    Group,
    Metric,
    Values,
    by_metric,
    compared,
    difference_notes,
    difference_numbers,
    difference_rows,
    format_percent,
    group_at,
    item_difference,
    numbers_of,
    percent,
    table_of,
)
from avssl.report.figures import Curve, confusion_picture, curve_picture
from avssl.report.scores import CHANCE, TRAINED, Scores

CLUSTERS = "k-means"


class Probes(Evaluator):
    """Accuracy of probes on frozen features of each layer; all layers and rows come from one pass over the data.

    Scores: ``accuracy``, ``mean class accuracy`` and, of more than ten classes, ``top-5 accuracy``; for several labels
    ``mAP``; all shares in [0, 1].

    Rows: ``random`` (initial weights, batch statistics of the training data, means over initialisations), ``trained``,
    further runs or weights, ``pixels``, ``hog``, and ``chance`` (the commonest class; for several labels their shares).

    Args:
        train: labelled data to learn from.
        test: labelled data to score; None with ``folds``.
        folds: data sets of which each is the test once while the others are learned from (ESC-50's protocol), in place
            of ``train`` and ``test``; the mean over folds counts.
        probes: what reads the features.
        layers: names of layers, ``"output"`` among them, or ``"all"``.
        shots: labelled training items: ``"all"``, a share such as ``"10%"``, or a number for each class.
        draws: how many times the labelled items are drawn where they are not all.
        clusters: seeds of k-means, whose agreement with the test's classes is given; 0 for none.
        unit: what a row is: an item (mean over clips), a clip or, for encoders of pictures, a frame.
        stream: what is looked at: ``"frames"`` or ``"sound"``.
        crop: the middle of each frame that is looked at.
        max_features: numbers that a layer of maps is averaged to at most.
        precision: for several labels an item: ``"voc07"`` or ``"area"``.
        initialisations: of the random row.
        extra: further rows, from a name to the folder of a run or a file of weights.
        allow_shared_groups: training and test may share groups; then say so with the result.
        seed: fixes draws, initialisations and fits.
        workers: processes that read ahead.
        quiet: show no progress.
    """

    name = "eval_probe"
    truths = ("label",)

    def __init__(
        self,
        train: Dataset | None = None,
        test: Dataset | None = None,
        folds: Sequence[Dataset] = (),
        probes: Sequence[Probe] | None = None,
        layers: Sequence[str] | Literal["all"] = (OUTPUT,),
        shots: Sequence[str | int] = ("all",),
        draws: int = 3,
        clusters: int = 3,
        unit: Unit = "item",
        stream: Literal["frames", "sound"] = "frames",
        crop: int | tuple[int, int] | None = None,
        max_features: int | None = 9216,
        precision: Precision = "area",
        initialisations: int = 3,
        extra: Mapping[str, str] | None = None,
        allow_shared_groups: bool = False,
        seed: int = 0,
        workers: int = 0,
        quiet: bool = False,
    ):
        if bool(folds) == (train is not None or test is not None) or (folds and len(folds) < 2):
            raise ValueError("give train and test, or at least two folds")
        if not folds and (train is None or test is None):
            raise ValueError("give both train and test")
        if draws < 1 or initialisations < 1 or clusters < 0 or not shots:
            raise ValueError(
                f"needs draws, initialisations >= 1 and shots; got {draws}, {initialisations}, {list(shots)}"
            )
        self.sides: list[Dataset] = list(folds) or [side for side in (train, test) if side is not None]
        self.folded = bool(folds)
        self.probes = list(probes) if probes is not None else [Linear(), KNearest()]
        if not self.probes:
            raise ValueError("probes: got none; name at least one, such as Linear")
        if len({probe.name for probe in self.probes}) < len(self.probes):
            raise ValueError("two probes have the same name; use each once")
        self.layers, self.shots, self.draws, self.clusters = layers, list(shots), draws, clusters
        self.recipe = Recipe(unit=unit, stream=stream, crop=crop, max_features=max_features)
        self.precision: Precision = precision
        self.initialisations, self.extra = initialisations, dict(extra or {})
        self.allow_shared_groups, self.seed = allow_shared_groups, seed
        self.workers, self.quiet = workers, quiet

    def __call__(
        self, encoder: Encoder, fresh: Fresh | None = None, folder: Path | None = None, device: str = "cpu"
    ) -> Scores:
        layers = self.layers_of(encoder)
        pool = self.pool(encoder)
        rows = compared_encoders(encoder, pool, fresh, device, self.initialisations, self.seed, self.extra)
        asked = {
            row: [Asked(one, tuple(layer for layer in layers if layer in (OUTPUT, *one.layers))) for one in several]
            for row, several in rows.items()
        } | {row: [Asked(one) for one in several] for row, several in baselines(pool).items()}
        return self.compare(asked, encoder, folder, device)

    def layers_of(self, encoder: Encoder) -> tuple[str, ...]:
        """Return the layers of an encoder that are asked.

        Raises:
            ConfigError: if there is no such layer, or it takes something else than is looked at.
        """
        layers = (*encoder.layers, OUTPUT) if self.layers == "all" else tuple(self.layers)
        for layer in layers:
            check_layer(encoder, layer)
        check_recipe(encoder, self.recipe)
        return layers

    def pool(self, encoder: Encoder) -> Tensor:
        """Return pictures or clips of the training data, by whose statistics random rows normalise."""
        return pool_of(self.sides[0], crop=self.recipe.crop, takes=kind_of(encoder))

    def compare(
        self,
        rows: Mapping[str, Sequence[Asked]],
        encoder: Encoder,
        folder: Path | None = None,
        device: str = "cpu",
        each: bool = True,
    ) -> Scores:
        """Return the scores of any rows, each of one encoder or of several whose mean counts.

        Args:
            rows: encoders, of any architecture, and the layers that are asked of each, by the name of the row; of rows
                that share a layer with ``random``, the difference from it is given.
            encoder: the architecture that orders the layers.
            folder: where what is computed may be kept.
            device: where networks run.
            each: list what is answered for each test item, in the table ``items``.
        """
        cache = FeatureCache(folder)
        asked = {f"{row} {number}": one for row, several in rows.items() for number, one in enumerate(several)}
        names = ["fold"] * len(self.sides) if self.folded else ["training", "test"]
        sides = [
            extract(asked, data, self.recipe, cache, device, name, workers=self.workers, quiet=self.quiet)
            for data, name in zip(self.sides, names, strict=True)
        ]
        aligned = align_rows([side.rows for side in sides], names)
        sides = [replace(side, rows=rows) for side, rows in zip(sides, aligned, strict=True)]
        labels = [labels_of(side.rows, name) for side, name in zip(sides, names, strict=True)]
        splits = self._splits(sides, labels)
        found = self._fit(splits, sides, labels, asked, cache)
        return self._scores(found, splits, sides, labels, asked, encoder, each)

    def _splits(self, sides: list[Extracted], labels: list[Labels]) -> list[tuple[list[int], int]]:
        """Return which sides are learned from and which is scored, and check that they may be."""
        splits: list[tuple[list[int], int]] = [([0], 1)]
        if self.folded:
            splits = [([one for one in range(len(sides)) if one != test], test) for test in range(len(sides))]
        for train, test in splits:
            for one in train:
                check_groups(sides[one].rows, sides[test].rows, self.allow_shared_groups)
            check_classes(joined([labels[one] for one in train]), labels[test])
        return splits

    def _fit(
        self,
        splits: list[tuple[list[int], int]],
        sides: list[Extracted],
        labels: list[Labels],
        asked: Mapping[str, Asked],
        cache: FeatureCache,
    ) -> dict[Group, list[list[np.ndarray]]]:
        """Return the scores of test items by group: a list over initialisations and draws of a list over folds."""
        jobs = [
            (name, layer, probe, shots, draw)
            for name, one in asked.items()
            for layer in one.layers
            for probe in self.probes
            for shots in self.shots
            for draw in range(1 if shots == "all" else self.draws)
        ]
        found: dict[Group, list[list[np.ndarray]]] = {}
        with Bar("probes", len(jobs), self.quiet) as bar:
            for name, layer, probe, shots, draw in jobs:
                row = name.rpartition(" ")[0]
                bar.describe(f"{row}, {layer}, {probe.name}, {shots}")
                group = group_at(row, probe=probe.name, labels=str(shots), layer=layer)
                scores = [self._one(split, sides, labels, name, layer, probe, shots, draw, cache) for split in splits]
                found.setdefault(group, []).append(scores)
                bar.advance()
        return found

    def _one(
        self,
        split: tuple[list[int], int],
        sides: list[Extracted],
        labels: list[Labels],
        name: str,
        layer: str,
        probe: Probe,
        shots: str | int,
        draw: int,
        cache: FeatureCache,
    ) -> np.ndarray:
        train, test = split
        features = np.concatenate([sides[one].features[name][layer] for one in train])
        truth = joined([labels[one] for one in train])
        truth = truth.among(truth.shown)  # what training never shows can not be learned
        chosen = labelled(truth, shots, draw, self.seed)
        asked = sides[test].features[name][layer]
        key = {
            "probe": probe.name,
            "settings": probe.settings(),
            "train": digest(features[chosen], np.nan_to_num(truth.table[chosen], nan=-1)),
            "test": digest(asked),
            "seed": self.seed + draw,
        }
        return cache(key, lambda: probe(features[chosen], truth.take(chosen), asked, self.seed + draw))

    def _scores(
        self,
        found: Mapping[Group, list[list[np.ndarray]]],
        splits: list[tuple[list[int], int]],
        sides: list[Extracted],
        labels: list[Labels],
        asked: Mapping[str, Asked],
        encoder: Encoder,
        each: bool,
    ) -> Scores:
        known = [joined([labels[one] for one in train]) for train, _ in splits]
        scorers = [
            Scorer(labels[test], ours.shown, self.precision) for ours, (_, test) in zip(known, splits, strict=True)
        ]
        chance = mean_over([scorer.chance(ours) for scorer, ours in zip(scorers, known, strict=True)])
        scores: dict[Group, Values] = {
            group: by_metric([mean_over(measured(scorers, run)) for run in found[group]]) for group in found
        }
        ordered = {group: scores[group] for group in sorted(scores, key=lambda group: self._order(group, encoder))}
        ordered[group_at(CHANCE, probe="", labels="", layer="")] = by_metric([chance])
        main = percent(scorers[0].main)
        differences = self._differences(found, scorers, sides, splits)
        agreed = self._clusters(sides, labels, splits, asked)
        return Scores(
            title=f"What can be read from frozen features: {main.name} in %",
            numbers=numbers_of(ordered) | difference_numbers(differences, main.name) | numbers_of(agreed),
            protocol=self._protocol(sides, labels, encoder),
            table=table_of(ordered, [percent(name) for name in next(iter(scores.values()))]),
            notes=(
                *self._class_notes(known, [labels[test] for _, test in splits]),
                *self._notes(differences, main, agreed, sides),
            ),
            tables=self._tables(found, scorers, sides, splits, each)
            | {"differences": difference_rows(differences, main.name)},
            pictures=self._pictures(scores, found, scorers, encoder, chance[main.name], main.name),
        )

    def _order(self, group: Group, encoder: Encoder) -> tuple[str, int, int]:
        """Return where a group stands in the table: by probe, labels and depth of the layer."""
        shots = [str(one) for one in self.shots]
        return group["probe"], shots.index(group["labels"]), layer_place(encoder, group["layer"])

    def _differences(
        self,
        found: Mapping[Group, list[list[np.ndarray]]],
        scorers: list[Scorer],
        sides: list[Extracted],
        splits: list[tuple[list[int], int]],
    ) -> dict[Group, Difference]:
        """Return each row's paired difference from random, over draws and initialisations, and groups of test items."""
        names = np.concatenate([sides[test].rows.group for _, test in splits])
        return {
            group: item_difference(self._each(scorers, ours), self._each(scorers, theirs), names)
            for group, ours, theirs in compared(found)
        }

    @staticmethod
    def _each(scorers: list[Scorer], runs: list[list[np.ndarray]]) -> np.ndarray:
        """Return the score of each test item of all folds, ``(runs, items, 1)``."""
        return np.stack(
            [np.concatenate([scorer.each(one) for scorer, one in zip(scorers, run, strict=True)]) for run in runs]
        )

    def _clusters(
        self,
        sides: list[Extracted],
        labels: list[Labels],
        splits: list[tuple[list[int], int]],
        asked: Mapping[str, Asked],
    ) -> dict[Group, Values]:
        """Return the agreement of k-means with the classes of the (first) test side, by row and seed."""
        test = splits[0][1]
        classes = labels[test].one
        if not self.clusters or classes is None:
            return {}
        found: dict[Group, dict[str, list[np.ndarray]]] = {}
        for name, one in asked.items():
            layer = OUTPUT if OUTPUT in one.layers else one.layers[-1]
            scores = clusters_of(sides[test].features[name][layer], classes, range(self.clusters))
            mine = found.setdefault(group_at(CLUSTERS, of=name.rpartition(" ")[0]), {})
            for measure, values in scores.items():
                mine.setdefault(measure, []).append(values)
        return {row: {name: np.concatenate(values) for name, values in scores.items()} for row, scores in found.items()}

    def _class_notes(self, known: list[Labels], asked: list[Labels]) -> list[str]:
        """Return which classes are on one side alone, split by split."""
        notes = [class_notes(ours, theirs) for ours, theirs in zip(known, asked, strict=True)]
        return [
            f"Fold {number}: {note}" if self.folded else note for number, each in enumerate(notes, 1) for note in each
        ]

    def _notes(
        self,
        differences: Mapping[Group, Difference],
        main: Metric,
        agreed: Mapping[Group, Values],
        sides: list[Extracted],
    ) -> list[str]:
        deepest = {group["probe"]: group["layer"] for group in differences if group.row == TRAINED}
        chosen = {
            group: one
            for group, one in differences.items()
            if group.row == TRAINED and group["layer"] == deepest[group["probe"]]
        }
        notes = list(difference_notes(chosen, main))
        if len(differences) > len(chosen):
            notes.append("Differences from random of all layers and rows: differences.csv.")
        for group, scores in agreed.items():
            text = ", ".join(f"{name} {format_percent(values.mean())}" for name, values in scores.items())
            notes.append(f"{group}: {text} (as many clusters as classes, {self.clusters} seeds)")
        for side in sides:
            if side.rows.failures:
                notes.append(f"{len(side.rows.failures)} items could not be read, such as {side.rows.failures[0]}.")
        if self.allow_shared_groups:
            notes.append("Training and test share groups: what is alike in them may have been learned by heart.")
        return notes

    def _tables(
        self,
        found: Mapping[Group, list[list[np.ndarray]]],
        scorers: list[Scorer],
        sides: list[Extracted],
        splits: list[tuple[list[int], int]],
        each: bool,
    ) -> dict[str, list[dict[str, Any]]]:
        """Return one row per class and, of ``each``, one row per item (first draw)."""
        items: list[dict[str, Any]] = []
        classes: list[dict[str, Any]] = []
        for group, runs in found.items():
            for scorer, scores, (_, test) in zip(scorers, runs[0], splits, strict=True):
                rows, truth, one, whole = sides[test].rows, scorer.truth, scorer.truth.one, scorer.whole(scores)
                for item, label in enumerate([] if one is None or not each else one.tolist()):
                    surest = int(whole[item].argmax())
                    items.append(
                        group.cells
                        | {"path": rows.path[item], "truth": truth.classes[label]}
                        | {
                            "found": truth.classes[surest],
                            "score of the truth": round(float(whole[item, label]), 4) if scorer.known[label] else "",
                        }
                    )
            several = [[scorer.per_class(one) for scorer, one in zip(scorers, run, strict=True)] for run in runs]
            with np.errstate(invalid="ignore"):
                means = np.array(
                    [
                        [np.nanmean(one) if np.isfinite(one).any() else np.nan for one in np.array(run).T]
                        for run in several
                    ]
                )
            for number, value in enumerate(means.mean(0)):
                classes.append(
                    group.cells | {"class": scorers[0].truth.classes[number], scorers[0].main: round(float(value), 4)}
                )
        return {"items": items, "classes": classes} if items else {"classes": classes}

    def _pictures(
        self,
        values: Mapping[Group, Values],
        found: Mapping[Group, list[list[np.ndarray]]],
        scorers: list[Scorer],
        encoder: Encoder,
        chance: float,
        main: str,
    ) -> dict[str, Image]:
        panels: dict[str, list[Curve]] = {}
        layers = sorted({group["layer"] for group in values}, key=lambda layer: layer_place(encoder, layer))
        for group in values:
            panels.setdefault(f"{group['probe']}, {group['labels']} labels", [])
        for title, curves in panels.items():
            lines: dict[str, list[tuple[int, float]]] = {}
            for group, scores in values.items():
                if f"{group['probe']}, {group['labels']} labels" == title:
                    place = layers.index(group["layer"])
                    lines.setdefault(group.row, []).append((place, 100 * float(scores[main].mean())))
            for row, points in lines.items():
                places, heights = zip(*sorted(points), strict=True)
                flat = len(points) == 1 and len(layers) > 1
                across = np.arange(len(layers)) if flat else np.array(places)
                curves.append(Curve(row, across.astype(float), np.resize(heights, len(across))))
            curves.append(Curve(CHANCE, np.arange(len(layers)).astype(float), np.full(len(layers), 100 * chance)))
        pictures = {"by_layer": curve_picture(panels, across="layer", up=f"{main}, %", marks=layers)}
        truth = scorers[0].truth
        if truth.one is not None and len(truth.classes) <= 60:
            group = next((one for one in found if one.row == TRAINED), next(iter(found)))
            counts = np.zeros((len(truth.classes), len(truth.classes)), int)
            np.add.at(counts, (truth.one, scorers[0].whole(found[group][0][0]).argmax(1)), 1)
            pictures["confusion"] = confusion_picture(
                counts, truth.classes, f"{group['probe']} on {group['layer']} of the row {group.row}"
            )
        return pictures

    def _protocol(self, sides: list[Extracted], labels: list[Labels], encoder: Encoder) -> dict[str, Any]:
        sizes = [len(side.rows) for side in sides]
        return {
            "encoder": type(encoder).__name__,
            "weights": digest(encoder),
            "layers": self.layers,
            "rows": f"{self.recipe.unit}s of {self.recipe.stream}",
            "crop": self.recipe.crop,
            "numbers per layer": f"maps averaged to at most {self.recipe.max_features}",
            "classes": len(labels[-1].classes),
            "data": f"{len(sizes)} folds of {sizes}" if self.folded else f"{sizes[0]} training, {sizes[1]} test",
            "shots": self.shots,
            "draws": self.draws,
            "labelled": "nested, the same for every row; every class at least once",
            "random": f"{self.initialisations} initialisations, batch statistics of the training data",
            "probes": {probe.name: probe.settings() for probe in self.probes},
            "shared groups": self.allow_shared_groups,
            "seed": self.seed,
            "torch": torch.__version__,
        }


def layer_place(encoder: Encoder, layer: str) -> int:
    """Return where a layer stands from shallow to deep; the output last."""
    return encoder.layers.index(layer) if layer in encoder.layers else len(encoder.layers)


def measured(scorers: Sequence[Scorer], run: Sequence[np.ndarray]) -> list[dict[str, float]]:
    """Return the measures of a run, fold by fold."""
    return [scorer.measure(one) for scorer, one in zip(scorers, run, strict=True)]


def mean_over(folds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the mean over folds of each measure."""
    return {name: float(np.mean([fold[name] for fold in folds])) for name in folds[0]}
