"""Fine-tuning: the whole encoder and a linear layer learn classes, from all labels or a few.

The question of every pretext paper's main table (Misra et al., "Shuffle and Learn", ECCV 2016, section 4): is what was
learned a better start than chance? Every row gets the same items, steps, rates and augmentation, and the last step is
scored.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from avssl.config import describe
from avssl.data import Dataset
from avssl.evaluation.base import Evaluator
from avssl.evaluation.baselines import compared_encoders
from avssl.evaluation.probes.base import Labels
from avssl.evaluation.probes.linear import loss_of
from avssl.evaluation.probes.samples import (
    OfClips,
    Samples,
    align_samples,
    apply_views,
    failure_notes,
    item_scores,
    read_samples,
)
from avssl.evaluation.probes.saved import file_of, is_saved, require_savable, save_classifier
from avssl.evaluation.probes.scoring import Scorer, check_split, class_notes, labels_of
from avssl.evaluation.probes.shots import labelled
from avssl.features.cache import FeatureCache, digest, name_of
from avssl.features.rows import frames_per_pass
from avssl.features.runs import Fresh
from avssl.metrics.classification import Precision
from avssl.nets import Encoder
from avssl.nets.encoders import require_takes
from avssl.progress import Bar
from avssl.report.comparison import (
    Group,
    Values,
    by_metric,
    compared,
    difference_notes,
    difference_numbers,
    group_at,
    item_difference,
    numbers_of,
    percent,
    table_of,
)
from avssl.report.scores import CHANCE, TRAINED, Scores
from avssl.transforms import Draws, Transform


class FineTune(Evaluator):
    """Accuracy of the encoder trained along with a linear layer; its scores are averaged over a test item's frames.

    Scores: as of `avssl.evaluation.probes.evaluator.Probes`, shares in [0, 1].

    Encoders of clips see the clips of the data's sampler whole, and scores are means over a test item's clips; a
    further row of pictures then gives the mean of a clip's frames.

    Rows: ``random`` (initial weights, another initialisation for each draw), ``trained``, further runs or weights, and
    ``chance``.

    Args:
        train: labelled data to learn from; each step draws an item and one of its frames, or clips.
        test: labelled data to score.
        views: transforms of the pictures: drawn in training, the look of evaluation on the test.
        shots: labelled training items: ``"all"``, a share such as ``"10%"``, or a number for each class.
        draws: how many times labels and initialisations are drawn.
        freeze: keep the encoder as it is and learn the linear layer alone.
        steps: of AdamW, one cycle of the learning rate.
        batch: pictures, or clips, a step.
        lr: highest learning rate of the encoder.
        head_lr: highest learning rate of the linear layer.
        weight_decay: of AdamW.
        precision: for several labels an item: ``"voc07"`` or ``"area"``.
        save: write the classifiers of row ``trained`` beside the results, such as ``10percent_draw1.safetensors``, for
            `avssl.nets.load_classifier`; each item then has one class.
        extra: further rows, from a name to the folder of a run or a file of weights.
        allow_shared_groups: training and test may share groups; then say so with the result.
        seed: fixes every draw.
        quiet: show no progress.
    """

    name = "eval_finetune"
    truths = ("label",)

    def __init__(
        self,
        train: Dataset,
        test: Dataset,
        views: Sequence[Transform] = (),
        shots: Sequence[str | int] = ("all",),
        draws: int = 3,
        freeze: bool = False,
        steps: int = 300,
        batch: int = 32,
        lr: float = 1e-3,
        head_lr: float = 3e-3,
        weight_decay: float = 1e-3,
        precision: Precision = "area",
        save: bool = False,
        extra: Mapping[str, str] | None = None,
        allow_shared_groups: bool = False,
        seed: int = 0,
        quiet: bool = False,
    ):
        if min(draws, steps) < 1 or batch < 2 or not shots:
            raise ValueError(
                f"needs draws, steps >= 1, batch >= 2 and shots; got {draws}, {steps}, {batch}, {list(shots)}"
            )
        self.train, self.test, self.views, self.shots, self.draws = train, test, tuple(views), list(shots), draws
        self.freeze, self.steps, self.batch, self.lr, self.head_lr = freeze, steps, batch, lr, head_lr
        self.weight_decay, self.extra, self.seed, self.quiet = weight_decay, dict(extra or {}), seed, quiet
        self.precision: Precision = precision
        self.allow_shared_groups, self.save = allow_shared_groups, save

    def __call__(
        self, encoder: Encoder, fresh: Fresh | None = None, folder: Path | None = None, device: str = "cpu"
    ) -> Scores:
        train, test = align_samples(
            read_samples(self.train, "training", self.quiet, encoder.takes),
            read_samples(self.test, "test", self.quiet, encoder.takes),
        )
        labels, truth = labels_of(train.rows, "training"), labels_of(test.rows, "test")
        check_split(train.rows, test.rows, labels, truth, self.allow_shared_groups)
        if self.save:
            require_savable(encoder, labels, folder)
        pool = train.images[: frames_per_pass(512, train.images)]
        pool = apply_views(self.views, pool, torch.zeros(len(pool), 3).long(), False)
        pool = (pool * 255).round().byte()
        rows = compared_encoders(encoder, pool, fresh, device, self.draws, self.seed, self.extra)
        for row in self.extra:
            if encoder.takes == "pictures":
                require_takes(rows[row][0], "pictures", f"evaluator.extra.{row}, beside an encoder of pictures,")
        scorer, cache = Scorer(truth, labels.shown, self.precision), FeatureCache(folder)
        asked = labels.among(labels.shown)  # what training never shows can not be learned
        jobs = [(row, shots, draw) for row in rows for shots in self.shots for draw in range(self.draws)]
        found: dict[Group, list[np.ndarray]] = {}
        with Bar("fine-tuning", len(jobs), self.quiet) as bar:
            for row, shots, draw in jobs:
                bar.describe(f"fine-tuning, {row}, {shots} labels, draw {draw + 1}")
                start = rows[row][draw % len(rows[row])]
                chosen = labelled(asked, shots, draw, self.seed)
                file = file_of(folder, shots, draw) if folder and self.save and row == TRAINED else None
                scores = self._one(start, train, asked, test, chosen, draw, device, cache, file)
                group = group_at(row, prefix="fine-tuned", labels=str(shots))
                found.setdefault(group, []).append(scores)
                bar.advance()
        return self._scores(found, scorer, labels, test, encoder, train)

    def _one(
        self,
        start: Encoder,
        train: Samples,
        labels: Labels,
        test: Samples,
        chosen: np.ndarray,
        draw: int,
        device: str,
        cache: FeatureCache,
        file: Path | None,
    ) -> np.ndarray:
        """Return scores of the test items, ``(items, classes)``, learned now or before; and save the classifier."""
        key = {
            "settings": self._settings(),
            "weights": digest(start),
            "train": digest(train.images, np.nan_to_num(labels.table, nan=-1), chosen),
            "test": digest(test.images),
            "seed": [self.seed, draw],
            "device": torch.device(device).type,
        }
        found = cache.get(key)
        learned = name_of({name: part for name, part in key.items() if name != "test"} | {"classes": labels.classes})
        if found is None or (file is not None and not is_saved(file, learned)):
            found, network = self._learn(start, train, labels, test, chosen, draw, torch.device(device))
            if file is not None:
                save_classifier(file, network, labels.classes, {"learned": learned, "labels": str(len(chosen))})
            cache.put(key, found)
        return found

    def _learn(
        self,
        start: Encoder,
        train: Samples,
        labels: Labels,
        test: Samples,
        chosen: np.ndarray,
        draw: int,
        device: torch.device,
    ) -> tuple[np.ndarray, nn.Sequential]:
        """Return scores of the test items, and the encoder and the linear layer that gave them, on the CPU."""
        frames = [torch.from_numpy(np.flatnonzero(train.item == item)) for item in chosen]
        truth = torch.from_numpy(labels.table[chosen]).float().to(device)
        gpus = [device] if device.type == "cuda" else []
        with torch.random.fork_rng(devices=gpus):
            torch.manual_seed(self.seed + draw)
            network = nn.Sequential(
                OfClips(deepcopy(start)) if train.images.ndim == 5 else deepcopy(start),
                nn.Linear(start.dim, truth.shape[1]),
            ).to(device)
            nn.init.zeros_(network[1].weight)  # pyright: ignore[reportArgumentType]
            network[0].requires_grad_(not self.freeze)
            groups = [{"params": list(network[1].parameters()), "lr": self.head_lr}]
            if not self.freeze:
                groups.append({"params": list(network[0].parameters()), "lr": self.lr})
            optimiser = torch.optim.AdamW(groups, weight_decay=self.weight_decay)
            rates = [group["lr"] for group in groups]
            schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rates, total_steps=self.steps)
            for step in range(self.steps):
                network[0].train(not self.freeze)
                key = torch.tensor([[self.seed + draw, step, item] for item in range(self.batch)])
                draws = Draws(key)
                items = draws.integers(low=0, high=len(chosen) - 1)
                share = draws.uniform()
                rows = torch.stack(
                    [frames[item][int(part * len(frames[item]))] for item, part in zip(items, share, strict=True)]
                )
                pictures = apply_views(self.views, train.images[rows], key, True).to(device)
                optimiser.zero_grad()
                loss_of(network(pictures), truth[items.to(device)], labels.several is not None).backward()
                optimiser.step()
                schedule.step()
        scores = item_scores(network, test, self.views, device)
        return scores, network.cpu()

    def _scores(
        self,
        found: Mapping[Group, list[np.ndarray]],
        scorer: Scorer,
        labels: Labels,
        test: Samples,
        encoder: Encoder,
        train: Samples,
    ) -> Scores:
        scores: dict[Group, Values] = {
            group: by_metric([scorer.measure(one) for one in found[group]])
            for group in sorted(found, key=lambda group: list(map(str, self.shots)).index(group["labels"]))
        }
        metrics = [percent(name) for name in next(iter(scores.values()))]
        scores[group_at(CHANCE, labels="")] = by_metric([scorer.chance(labels)])
        main = percent(scorer.main)
        differences = {
            group: item_difference(self._each(scorer, ours), self._each(scorer, theirs), test.rows.group)
            for group, ours, theirs in compared(found)
        }
        return Scores(
            title=f"{'A linear layer learned' if self.freeze else 'Fine-tuned'}: {main.name} in %",
            numbers=numbers_of(scores) | difference_numbers(differences, main.name),
            protocol=self._protocol(encoder, train, test, labels),
            table=table_of(scores, metrics),
            notes=(
                *class_notes(labels, scorer.truth),
                *difference_notes(differences, main),
                *failure_notes(train, test),
                *self._saved_notes(),
            ),
            tables={"items": self._items(found, scorer, test)},
        )

    def _saved_notes(self) -> list[str]:
        """Return a line on the files of classifiers, if they are saved."""
        files = [file_of(Path("results", "kept"), shots, draw) for shots in self.shots for draw in range(self.draws)]
        listed = ", ".join(file.name for file in files)
        return [f"Classifiers of row {TRAINED!r}, beside these results: {listed}."] if self.save else []

    @staticmethod
    def _each(scorer: Scorer, runs: Sequence[np.ndarray]) -> np.ndarray:
        return np.stack([scorer.each(one) for one in runs])

    def _items(self, found: Mapping[Group, list[np.ndarray]], scorer: Scorer, test: Samples) -> list[dict[str, Any]]:
        rows = []
        for group, several in found.items():
            for item, scores in enumerate(scorer.whole(several[0])):
                about: dict[str, Any] = group.cells | {"path": test.rows.path[item]}
                about |= {"found": scorer.truth.classes[int(scores.argmax())]}
                if scorer.truth.one is not None:
                    about["truth"] = scorer.truth.classes[int(scorer.truth.one[item])]
                rows.append(about)
        return rows

    def _settings(self) -> dict[str, Any]:
        names = ("freeze", "steps", "batch", "lr", "head_lr", "weight_decay")
        return {name: getattr(self, name) for name in names} | {"views": describe(list(self.views))}

    def _protocol(self, encoder: Encoder, train: Samples, test: Samples, labels: Labels) -> dict[str, Any]:
        unit = "clips" if test.images.ndim == 5 else "frames"
        return {
            "encoder": type(encoder).__name__,
            "weights": digest(encoder),
            "classes": len(labels.classes),
            "data": f"{len(train.rows)} training items, {len(test.rows)} test items, {len(test.images)} test {unit}",
            "shots": self.shots,
            "draws": self.draws,
            "training": self._settings() | {"optimiser": "AdamW, one cycle", "scored": "last step"},
            "test": f"mean of the scores over an item's {unit}, no augmentation",
            "random": f"{self.draws} initialisations",
            "shared groups": self.allow_shared_groups,
            "seed": self.seed,
            "torch": torch.__version__,
        }
