"""Fine-tuning: the whole encoder and a linear layer learn classes, from all labels or a few.

The question of every pretext paper's main table (Misra et al., "Shuffle and Learn", ECCV 2016, section 4): is what was
learned a better start than chance? Every row gets the same items, steps, rates and augmentation, and the last step is
scored.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from avssl.data import Dataset
from avssl.evaluation.base import Evaluator
from avssl.evaluation.baselines import compared_encoders
from avssl.evaluation.probes.base import Labels
from avssl.evaluation.probes.samples import (
    Samples,
    align_samples,
    apply_views,
    failure_notes,
    read_samples,
)
from avssl.evaluation.probes.saved import file_of, is_saved, require_savable
from avssl.evaluation.probes.scoring import Scorer, check_split, class_notes, labels_of
from avssl.evaluation.probes.shots import labelled
from avssl.evaluation.probes.tuning import Tuning
from avssl.evaluation.side_by_side import Job, Workers, do_all
from avssl.features.cache import FeatureCache, digest, name_of
from avssl.features.rows import frames_per_pass
from avssl.features.runs import Fresh
from avssl.metrics.classification import Precision
from avssl.nets import Encoder
from avssl.nets.encoders import require_takes
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
from avssl.transforms import Transform


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
        workers: processes that train networks on a CPU, see `avssl.evaluation.side_by_side.do_all`; 0 for this one
            alone. What is found does not depend on it.
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
        workers: Workers = "auto",
        quiet: bool = False,
    ):
        if min(draws, steps) < 1 or batch < 2 or not shots:
            raise ValueError(
                f"needs draws, steps >= 1, batch >= 2 and shots; got {draws}, {steps}, {batch}, {list(shots)}"
            )
        self.train, self.test, self.shots, self.draws = train, test, list(shots), draws
        self.views, self.extra, self.seed = tuple(views), dict(extra or {}), seed
        self.tuning = Tuning(
            views=self.views,
            freeze=freeze,
            steps=steps,
            batch=batch,
            lr=lr,
            head_lr=head_lr,
            weight_decay=weight_decay,
        )
        self.quiet = quiet
        self.workers: Workers = workers
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
        scorer = Scorer(truth, labels.shown, self.precision)
        asked = labels.among(labels.shown)  # what training never shows can not be learned
        fits = [(row, shots, draw) for row in rows for shots in self.shots for draw in range(self.draws)]
        jobs = [
            self._job(row, rows[row][draw % len(rows[row])], train, asked, test, shots, draw, device, folder)
            for row, shots, draw in fits
        ]
        found: dict[Group, list[np.ndarray]] = {}
        scores = do_all(jobs, "fine-tuning", self.workers, device, self.quiet)
        for (row, shots, _), one in zip(fits, scores, strict=True):
            found.setdefault(group_at(row, prefix="fine-tuned", labels=str(shots)), []).append(one)
        return self._scores(found, scorer, labels, test, encoder, train)

    def _job(
        self,
        row: str,
        start: Encoder,
        train: Samples,
        labels: Labels,
        test: Samples,
        shots: str | int,
        draw: int,
        device: str,
        folder: Path | None,
    ) -> Job[np.ndarray]:
        """Return what gives scores of the test items, ``(items, classes)``, and saves the classifier."""
        chosen, cache = labelled(labels, shots, draw, self.seed), FeatureCache(folder)
        file = file_of(folder, shots, draw) if folder and self.save and row == TRAINED else None
        key = {
            "settings": self.tuning.settings(),
            "weights": digest(start),
            "train": digest(train.images, np.nan_to_num(labels.table, nan=-1), chosen),
            "test": digest(test.images),
            "seed": [self.seed, draw],
            "device": torch.device(device).type,
        }
        learned = name_of({name: part for name, part in key.items() if name != "test"} | {"classes": labels.classes})

        def kept() -> np.ndarray | None:
            return cache.get(key) if file is None or is_saved(file, learned) else None

        return Job(
            about=f"fine-tuning, {row}, {shots} labels, draw {draw + 1}",
            work=partial(self.tuning, start, train, labels, test, chosen, self.seed + draw, device, file, learned),
            kept=kept,
            keep=partial(cache.put, key),
        )

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
            title=f"{'A linear layer learned' if self.tuning.freeze else 'Fine-tuned'}: {main.name} in %",
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

    def _protocol(self, encoder: Encoder, train: Samples, test: Samples, labels: Labels) -> dict[str, Any]:
        unit = "clips" if test.images.ndim == 5 else "frames"
        return {
            "encoder": type(encoder).__name__,
            "weights": digest(encoder),
            "classes": len(labels.classes),
            "data": f"{len(train.rows)} training items, {len(test.rows)} test items, {len(test.images)} test {unit}",
            "shots": self.shots,
            "draws": self.draws,
            "training": self.tuning.settings() | {"optimiser": "AdamW, one cycle", "scored": "last step"},
            "test": f"mean of the scores over an item's {unit}, no augmentation",
            "random": f"{self.draws} initialisations",
            "shared groups": self.allow_shared_groups,
            "seed": self.seed,
            "torch": torch.__version__,
        }
