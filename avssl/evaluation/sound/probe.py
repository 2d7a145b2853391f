"""Probing an encoder of sounds: which classes a linear machine reads from windows of sound, in folds or train and test.

Arandjelovic and Zisserman, "Look, Listen and Learn", ICCV 2017, section 4.2, https://arxiv.org/abs/1705.08168: a linear
machine, one against the rest, on standardised features of overlapping windows of one second; the scores of a recording
are the mean over its windows.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from avssl.config import ConfigError, describe
from avssl.data import Dataset
from avssl.evaluation.base import MethodEvaluator
from avssl.evaluation.baselines import calibrated, sounds_of
from avssl.evaluation.probes.base import Probe, joined, standardised
from avssl.evaluation.probes.scoring import Scorer, check_classes, class_notes, labels_of
from avssl.evaluation.probes.svm import SVM
from avssl.features.alignment import align_rows
from avssl.features.cache import FeatureCache
from avssl.features.extraction import Asked, Extracted, extract
from avssl.features.layers import OUTPUT
from avssl.features.rows import Recipe
from avssl.features.runs import FreshMethod
from avssl.methods import Method
from avssl.nets import LogMel, SoundEncoder
from avssl.report.comparison import format_mean, format_percent
from avssl.report.scores import CHANCE, LOG_MEL, RANDOM, TRAINED, Scores

POOL = 512  # windows at most that give random rows their batch statistics


class SoundProbe(MethodEvaluator):
    """Accuracy of classes read from the sound encoder of a method; a recording's scores are the mean over its windows.

    Scores: ``accuracy`` and, over folds, its ``deviation``, shares in [0, 1].

    Rows: the commonest class of training, random initialisations with the batch statistics of the data, mean and
    deviation of log-mel bands, and the trained encoder. Departures from section 4.2: the layer is the encoder's output
    (after pooling over the whole map) unless another is named, layers of maps are averaged and not max-pooled, rows are
    brought to length 1 after standardising, and the machine's cost is 1, which the paper does not state.

    Args:
        train: labelled sounds to learn from; None with ``folds``.
        test: labelled sounds to score; None with ``folds``.
        folds: data sets of which each is the test once while the others are learned from (ESC-50's protocol).
        layer: of the encoder, ``"output"`` or one of its layers.
        probe: what reads the features; None for `SVM` with a cost of 1.
        initialisations: random ones to compare with.
        seed: of random initialisations and fits.
        workers: processes that read ahead.
        quiet: show no progress.
    """

    name = "eval_sound_probe"
    truths = ("sound", "label")
    lacks = "does not hear; ask AVE, XDC or another method of sound"

    def __init__(
        self,
        train: Dataset | None = None,
        test: Dataset | None = None,
        folds: Sequence[Dataset] = (),
        layer: str = OUTPUT,
        probe: Probe | None = None,
        initialisations: int = 3,
        seed: int = 0,
        workers: int = 0,
        quiet: bool = False,
    ):
        if bool(folds) == (train is not None or test is not None) or len(folds) == 1:
            raise ValueError("give train and test, or at least two folds")
        sides = list(folds) or [side for side in (train, test) if side is not None]
        if len(sides) < 2:
            raise ValueError("give both train and test")
        if initialisations < 1:
            raise ValueError(f"initialisations must be at least 1; got {initialisations}")
        self.sides, self.folded, self.layer = sides, bool(folds), layer
        self.probe = probe or SVM(costs=(1.0,))
        self.initialisations, self.seed, self.workers, self.quiet = initialisations, seed, workers, quiet

    def refuses(self, method: Method) -> str:
        return "" if hears(method) else f"{type(method).__name__} {self.lacks}"

    def __call__(self, method: Method, fresh: FreshMethod, folder: Path | None = None, device: str = "cpu") -> Scores:
        sound = encoder_of(method)
        for side in self.sides:
            if (rate := getattr(side, "rate", sound.spec.rate)) != sound.spec.rate:
                raise ConfigError(
                    f"evaluator: sounds come at {rate} Hz, the encoder hears {sound.spec.rate} Hz; set rate to that"
                )
        pool = sounds_of(self.sides[0], POOL, windows="middle")
        made = [encoder_of(fresh(self.seed + one)) for one in range(self.initialisations)]
        encoders = {
            f"{RANDOM} {number}": calibrated(one, pool, run=one, device=device, batch=None)
            for number, one in enumerate(made)
        }
        asked = {name: Asked(one, (self.layer,)) for name, one in encoders.items()}
        asked |= {LOG_MEL: Asked(LogMel(sound.spec)), TRAINED: Asked(sound, (self.layer,))}
        recipe, cache = Recipe(unit="clip", stream="sound"), FeatureCache(folder)
        sides = [
            extract(asked, side, recipe, cache, device, word, workers=self.workers, quiet=self.quiet)
            for side, word in zip(self.sides, self._words, strict=True)
        ]
        aligned = align_rows([side.rows for side in sides], self._words)
        sides = [replace(side, rows=one) for side, one in zip(sides, aligned, strict=True)]
        splits = [([one for one in range(len(sides)) if one != test], test) for test in range(len(sides))]
        found, notes = self.read(sides, splits if self.folded else [([0], 1)], list(asked))
        rows = {row: np.array([one for name, one in found.items() if name.partition(" ")[0] == row]).mean(0)
                for row in (CHANCE, RANDOM, LOG_MEL, TRAINED)}  # fmt: skip
        return self.scores(rows, sides, type(method).__name__, notes)

    @property
    def _words(self) -> list[str]:
        return [f"fold {number + 1}" for number in range(len(self.sides))] if self.folded else ["training", "test"]

    def read(
        self, sides: list[Extracted], splits: list[tuple[list[int], int]], names: list[str]
    ) -> tuple[dict[str, list[float]], list[str]]:
        """Return the accuracy on recordings of each test side, by name of the features; of chance; and what to note."""
        labels = [labels_of(side.rows, word) for side, word in zip(sides, self._words, strict=True)]
        if any(one.one is None for one in labels):
            raise ConfigError("evaluator: recordings with several labels; the probe of sounds asks for one class each")
        found: dict[str, list[float]] = {name: [] for name in (CHANCE, *names)}
        notes: list[str] = []
        for learned, test in splits:
            for one in learned:  # each against the test: a group on both sides is learned by heart
                check_groups(sides[one], sides[test])
            known = joined([labels[one] for one in learned])
            first, place = np.unique(sides[test].rows.item, return_index=True, return_inverse=True)[1:]
            scorer = Scorer(labels[test].take(first), known.shown)
            check_classes(known, scorer.truth)
            notes += [f"{self._words[test]}: " * self.folded + note for note in class_notes(known, scorer.truth)]
            narrowed = known.among(known.shown)  # what training never shows can not be learned
            found[CHANCE].append(scorer.chance(known)["accuracy"])
            for name in names:
                layer = OUTPUT if name == LOG_MEL else self.layer
                train = np.concatenate([sides[one].features[name][layer] for one in learned])
                ready = standardised(train, sides[test].features[name][layer])
                scores = self.probe(ready[0], narrowed, ready[1], self.seed)
                found[name].append(scorer.measure(averaged(scores, place))["accuracy"])
        return found, notes

    def scores(self, rows: dict[str, np.ndarray], sides: list[Extracted], method: str, about: list[str]) -> Scores:
        """Return the table: mean and deviation over folds of each row, and every fold beside them."""
        count = len(rows[TRAINED])
        table = []
        for row, values in rows.items():
            line = {"row": row, "accuracy": format_mean(values, spread=False)}
            if count > 1:
                line |= {"±": format_percent(values.std(ddof=1))}
                line |= {f"fold {number}": format_percent(value) for number, value in enumerate(values, start=1)}
            table.append(line)
        failures = [failure for side in sides for failure in side.rows.failures]
        notes = ["Accuracy on recordings in %; ±: deviation over folds."] if count > 1 else ["Accuracy in %."]
        notes += about
        if failures:
            notes.append(f"{len(failures)} recordings could not be read, such as {failures[0]}.")
        return Scores(
            title="Classes of sounds by a linear probe of the encoder of sounds, in %",
            numbers={f"{row}/accuracy": float(values.mean()) for row, values in rows.items()}
            | ({f"{row}/deviation": float(values.std(ddof=1)) for row, values in rows.items()} if count > 1 else {}),
            protocol={
                "sides": [describe(side) for side in self.sides],
                "recordings": [len(np.unique(side.rows.item)) for side in sides],
                "windows": [len(side.rows) for side in sides],
                "scored": f"{count} folds, each the test once" if self.folded else "the test, learned from train",
                "features": f"{self.layer} of the encoder of sounds, standardised; scores averaged over windows",
                "probe": f"{self.probe.name} {self.probe.settings()}",
                "random": f"{self.initialisations} initialisations, batch statistics of the first side",
                "method": method,
                "seed": self.seed,
            },
            table=tuple(table),
            notes=tuple(notes),
        )


def encoder_of(method: Method) -> SoundEncoder:
    """Return the encoder of sounds of a method.

    Raises:
        ConfigError: if it does not hear.
    """
    if not hears(method):
        raise ConfigError(f"{type(method).__name__} {SoundProbe.lacks}")
    sound = method.sound
    assert isinstance(sound, SoundEncoder)
    return sound


def hears(method: Method) -> bool:
    """Tell whether a method has an encoder of sounds."""
    return isinstance(getattr(method, "sound", None), SoundEncoder)


def averaged(scores: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Return the mean of the rows of each recording.

    Examples:
        >>> averaged(np.array([[1.0], [3.0], [5.0]]), np.array([0, 0, 1])).tolist()
        [[2.0], [5.0]]
    """
    sums = np.zeros((place.max() + 1, scores.shape[1]))
    np.add.at(sums, place, scores)
    return sums / np.bincount(place)[:, None]


def check_groups(train: Extracted, test: Extracted) -> None:
    """Refuse recordings of one group on both sides.

    Raises:
        ConfigError: naming one.
    """
    both = sorted(set(train.rows.group.tolist()) & set(test.rows.group.tolist()))
    if both:
        raise ConfigError(f"evaluator: {len(both)} groups are in training and in test, such as {both[0]!r}; split them")
