"""What finished classifiers score, as they are: nothing is learned here.

Chen et al., "Big Self-Supervised Models are Strong Semi-Supervised Learners" (SimCLR v2), NeurIPS 2020, section 3,
scores fine-tuned networks and the students distilled from them. https://arxiv.org/abs/2006.10029
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from avssl.config import ConfigError, describe
from avssl.data import Dataset
from avssl.evaluation.base import Evaluator
from avssl.evaluation.baselines import compared_encoders
from avssl.evaluation.probes.base import Labels
from avssl.evaluation.probes.samples import OfClips, Samples, apply_views, item_scores, read_samples
from avssl.evaluation.probes.scoring import Scorer, labels_of
from avssl.features.alignment import align_classes, check_common, renumbered
from avssl.features.cache import FeatureCache, digest
from avssl.features.rows import frames_per_pass
from avssl.features.runs import Fresh
from avssl.nets import Classifier, Encoder
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
from avssl.report.scores import CHANCE, RANDOM, TRAINED, Scores
from avssl.transforms import Transform


class Classification(Evaluator):
    """Accuracy of classifiers that were fine-tuned or distilled; scores are averaged over an item's frames or clips.

    Classes are matched by name. Scores: ``accuracy``, ``mean class accuracy`` and, of more than ten classes, ``top-5
    accuracy``, shares in [0, 1].

    Rows: ``random`` (initial weights), ``trained``, further classifiers, and ``chance`` (the test's commonest class).

    Args:
        test: labelled data to score.
        views: transforms of the pictures, with the look of evaluation.
        extra: further rows, from a name to the file of a classifier, such as the teacher's.
        initialisations: of the random row.
        against: the row that the others are compared with, such as one of ``extra``.
        seed: of the first.
        quiet: show no progress.
    """

    name = "eval_classifier"
    truths = ("classifier",)

    def __init__(
        self,
        test: Dataset,
        views: Sequence[Transform] = (),
        extra: Mapping[str, str] | None = None,
        initialisations: int = 3,
        against: str = RANDOM,
        seed: int = 0,
        quiet: bool = False,
    ):
        if against not in (rows := (RANDOM, TRAINED, *(extra or {}))):
            raise ValueError(f"against: there is no row {against!r}; there is {', '.join(rows)}")
        if initialisations < 1:
            raise ValueError(f"needs initialisations of at least 1; got {initialisations}")
        self.test, self.views, self.extra = test, tuple(views), dict(extra or {})
        self.initialisations, self.seed, self.quiet, self.against = initialisations, seed, quiet, against

    def __call__(
        self, encoder: Encoder, fresh: Fresh | None = None, folder: Path | None = None, device: str = "cpu"
    ) -> Scores:
        require_classifier(encoder, TRAINED)
        test = read_samples(self.test, "test", self.quiet, encoder.takes)
        pool = test.images[: frames_per_pass(512, test.images)]
        pool = (apply_views(self.views, pool, torch.zeros(len(pool), 3).long(), False) * 255).round().byte()
        rows = compared_encoders(encoder, pool, fresh, device, self.initialisations, self.seed, self.extra)
        known = {row: [require_classifier(one, row) for one in ones] for row, ones in rows.items()}
        for row, ones in known.items():
            if encoder.takes == "pictures":
                require_takes(ones[0], "pictures", f"row {row!r}, beside a classifier of pictures,")
        truth, places = aligned(test, {row: ones[0].classes for row, ones in known.items()})
        scorer, cache = Scorer(truth, np.ones(len(truth.classes), bool)), FeatureCache(folder)
        found = {
            group_at(row): [
                over_all(self._scores_of(one, test, device, cache), places[row], len(truth.classes)) for one in ones
            ]
            for row, ones in known.items()
        }
        return self._scores(found, scorer, test, encoder)

    def _scores_of(self, one: Classifier, test: Samples, device: str, cache: FeatureCache) -> np.ndarray:
        """Return the logits of the test items, ``(items, classes of the classifier)``."""
        key = {
            "weights": digest(one),
            "test": digest(test.images, test.item),
            "views": describe(list(self.views)),
            "device": torch.device(device).type,
        }
        network = OfClips(one) if test.images.ndim == 5 else one
        place = torch.device(device)
        return cache(key, lambda: item_scores(network.to(place), test, self.views, place))

    def _scores(
        self, found: Mapping[Group, list[np.ndarray]], scorer: Scorer, test: Samples, encoder: Encoder
    ) -> Scores:
        scores: dict[Group, Values] = {
            group: by_metric([scorer.measure(one) for one in runs]) for group, runs in found.items()
        }
        metrics = [percent(name) for name in next(iter(scores.values()))]
        scores[group_at(CHANCE)] = by_metric([scorer.chance(scorer.truth)])
        main = percent(scorer.main)
        each = {group: np.stack([scorer.each(one) for one in runs]) for group, runs in found.items()}
        differences = {
            group: item_difference(ours, theirs, test.rows.group)
            for group, ours, theirs in compared(each, self.against)
        }
        return Scores(
            title="Classifiers as they are: accuracy in %",
            numbers=numbers_of(scores) | difference_numbers(differences, main.name, self.against),
            protocol=self._protocol(encoder, test),
            table=table_of(scores, metrics),
            notes=tuple(difference_notes(differences, main, self.against)),
            tables={"items": items_of(found, scorer.truth, test)},
        )

    def _protocol(self, encoder: Encoder, test: Samples) -> dict[str, Any]:
        looks = "clips" if test.images.ndim == 5 else "frames"
        return {
            "encoder": type(encoder).__name__,
            "weights": digest(encoder),
            "data": f"{len(test.rows)} test items, {len(test.images)} test {looks}",
            "test": f"mean of the logits over an item's {looks}, no augmentation",
            "random": f"{self.initialisations} initialisations",
            "seed": self.seed,
            "torch": torch.__version__,
        }


def require_classifier(encoder: Encoder, row: str) -> Classifier:
    """Return an encoder that is a classifier.

    Raises:
        ConfigError: if it is not.
    """
    if not isinstance(encoder, Classifier):
        raise ConfigError(
            f"row {row!r}: needs a classifier, and this is a {type(encoder).__name__}; give the file of one that was "
            "fine-tuned with evaluator.save=true, or a distilled run with export=classifier"
        )
    return encoder


def aligned(test: Samples, sides: Mapping[str, Sequence[str]]) -> tuple[Labels, dict[str, np.ndarray]]:
    """Return what the test items are, by the classes of all, and where each row's classes stand among them.

    Args:
        test: what is scored.
        sides: the classes of each row's classifier.

    Raises:
        ConfigError: if items have no class or several, or none that a classifier knows.
    """
    if test.rows.labels is not None:
        raise ConfigError("the test: a classifier answers one class, and these items may have several")
    words = [f"the classifier of row {row!r}" for row in sides]
    used = [np.arange(len(names)) for names in sides.values()]
    classes, places = align_classes([*sides.values(), test.rows.classes], [*used, test.rows.label], [*words, "test"])
    truth = labels_of(replace(test.rows, label=renumbered(test.rows.label, places[-1]), classes=classes), "test")
    for word, place in zip(words, places[:-1], strict=True):
        check_common(np.isin(np.arange(len(classes)), place), truth.shown, classes, (word, "the test"))
    return truth, dict(zip(sides, places[:-1], strict=True))


def over_all(scores: np.ndarray, place: np.ndarray, count: int) -> np.ndarray:
    """Return scores of all classes, ``(items, count)``: those that a classifier does not know come last.

    Examples:
        >>> over_all(np.array([[0.5, 2.0]]), place=np.array([2, 0]), count=3)
        array([[ 2. , -0.5,  0.5]])
    """
    table = np.repeat(scores.min(1, keepdims=True) - 1, count, 1)
    table[:, place] = scores
    return table


def items_of(found: Mapping[Group, list[np.ndarray]], truth: Labels, test: Samples) -> list[dict[str, Any]]:
    """Return what each row's first classifier answers for each item, and its class."""
    assert truth.one is not None
    return [
        group.cells
        | {"path": test.rows.path[item], "found": truth.classes[int(scores.argmax())]}
        | {"truth": truth.classes[int(truth.one[item])]}
        for group, runs in found.items()
        for item, scores in enumerate(runs[0])
    ]
