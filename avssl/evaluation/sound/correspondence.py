"""Telling pictures and sounds that belong together from those that do not, beside rows that cannot know.

Arandjelovic and Zisserman, "Look, Listen and Learn", ICCV 2017, section 4.1, https://arxiv.org/abs/1705.08168; the
shortcuts: "Objects that Sound", ECCV 2018, section 3.3, https://arxiv.org/abs/1712.06651.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from avssl.config import describe
from avssl.data import Dataset
from avssl.evaluation.base import MethodEvaluator
from avssl.evaluation.sound.clips import Heard, listen, others, score_numbered
from avssl.evaluation.sound.fresh import untrained
from avssl.features.runs import FreshMethod
from avssl.methods import Method
from avssl.methods.sound.base import PairScorer
from avssl.metrics import pairing
from avssl.report.comparison import Metric, by_metric, group_at, numbers_of, table_of
from avssl.report.scores import RANDOM, TRAINED, Scores

BLIND = ("sound only", "picture only", "shuffled pairs")


class Correspondence(MethodEvaluator):
    """Accuracy in telling true pairs of picture and sound from false ones, on held-out recordings.

    Scores: ``accuracy``, ``AUC`` and the choice between two alternatives (``2AFC``), shares in [0, 1]; chance is 0.5.

    False pairs take the sound of another recording, each sound as often as every other. ``sound only`` and
    ``picture only`` ask the trained method with one mean picture, or one faint noise, for all; ``shuffled pairs`` calls
    pairs true that are not. All three must be at chance.

    Args:
        data: recordings with sound; their classes, if any, serve for measuring alone.
        validation: to choose a threshold on; None asks at 0 only.
        items: at most so many recordings of each, spread evenly; None for all.
        negatives: false sounds for each picture.
        initialisations: random ones to compare with.
        seed: of what is drawn.
        workers: processes that load.
    """

    name = "eval_correspondence"
    truths = ("sound",)
    needs = PairScorer
    lacks = "does not score pairs of picture and sound; ask AVE, AVOL or L3"

    def __init__(
        self,
        data: Dataset,
        validation: Dataset | None = None,
        items: int | None = None,
        negatives: int = 5,
        initialisations: int = 3,
        seed: int = 0,
        workers: int = 2,
    ):
        if negatives < 1 or initialisations < 1:
            raise ValueError(f"negatives and initialisations must be at least 1; got {negatives}, {initialisations}")
        self.data, self.validation, self.items, self.workers = data, validation, items, workers
        self.negatives, self.initialisations, self.seed = negatives, initialisations, seed

    def __call__(self, method: Method, fresh: FreshMethod, folder: Path | None = None, device: str = "cpu") -> Scores:
        self.require(method)
        assert isinstance(method, PairScorer)
        rate = method.sound.spec.rate
        heard = self.hear(self.data, rate)
        partner = others(heard.recording, self.negatives, self.seed)
        threshold = None
        if self.validation is not None:
            tuning = self.hear(self.validation, rate)
            true, false = score_pairs(method, tuning, others(tuning.recording, self.negatives, self.seed), device)
            threshold = pairing.best_threshold(true, false.flatten())
        rows = {TRAINED: [score_pairs(method, heard, partner, device)]}
        grey = heard.frames.float().mean(0, keepdim=True).round().to(torch.uint8).expand_as(heard.frames)
        noise = torch.randn(heard.sound.shape[1:], generator=torch.Generator().manual_seed(self.seed)) * 1e-2
        shuffled = heard.sound[others(heard.recording, 1, self.seed + 1)[0]]
        rows["sound only"] = [score_pairs(method, heard, partner, device, frames=grey)]
        rows["picture only"] = [score_pairs(method, heard, partner, device, sound=noise.expand_as(heard.sound))]
        rows["shuffled pairs"] = [score_pairs(method, heard, partner, device, sound=shuffled)]
        made = (
            untrained(fresh, self.seed + one, heard.frames, heard.sound, device) for one in range(self.initialisations)
        )
        rows[RANDOM] = [score_pairs(one, heard, partner, device) for one in made]
        same = (heard.label == heard.label[partner]).numpy() if (heard.label >= 0).all() else None
        return self.scores(rows, heard, same, threshold, method)

    def hear(self, data: Dataset, rate: int) -> Heard:
        return listen(data, self.items, workers=self.workers, rate=rate)

    def scores(
        self,
        rows: Mapping[str, list[tuple[np.ndarray, np.ndarray]]],
        heard: Heard,
        same: np.ndarray | None,
        threshold: float | None,
        method: Method,
    ) -> Scores:
        scores = {
            group_at(row): by_metric([measures(true, false, same, threshold) for true, false in rows[row]])
            for row in (RANDOM, *BLIND, TRAINED)
        }
        metrics = [Metric(name=name, column=name, form=".3f", spread=True) for name in scores[group_at(TRAINED)]]
        numbers = numbers_of(scores)
        notes = [
            "Chance is 0.5 in every column; what the blind rows have above it is a shortcut.",
            f"{heard.silent:.1%} of the windows are silent and were left out; "
            f"{len(heard.failures)} recordings could not be read.",
        ]
        if same is not None:
            numbers["ceiling"] = pairing.ceiling(same)
            notes.insert(
                1,
                f"Knowing classes perfectly would give an accuracy of {numbers['ceiling']:.3f}: false pairs of "
                f"one class ({same.mean():.1%}) cannot be told apart.",
            )
        true, false = rows[TRAINED][0]
        items = [
            {"path": path, "clip": int(clip), "true": float(yes), "false": float(no)}
            for path, clip, yes, no in zip(heard.paths, heard.clip, true, false.mean(0), strict=True)
        ]
        protocol: dict[str, Any] = {
            "data": describe(self.data),
            "recordings": len(heard.recording.unique()),
            "pairs": len(heard),
            "negatives": f"{self.negatives} sounds of other recordings for each picture",
            "threshold": 0.0 if threshold is None else f"0, and {threshold:.3f} chosen on other data",
            "random": f"{self.initialisations} initialisations, batch statistics of these data",
            "method": type(method).__name__,
            "seed": self.seed,
        }
        return Scores(
            title="Which sound belongs to a picture",
            numbers=numbers,
            protocol=protocol,
            table=table_of(scores, metrics),
            notes=tuple(notes),
            tables={"items": items},
        )


def score_pairs(
    method: Method,
    heard: Heard,
    partner: Tensor,
    device: str,
    frames: Tensor | None = None,
    sound: Tensor | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the scores of true pairs ``(N,)`` and of false ones ``(times, N)``.

    Args:
        method: satisfies `avssl.methods.sound.base.PairScorer`.
        heard: the pairs.
        partner: whose sounds make false ones, ``(times, N)``.
        device: where the method runs.
        frames: shown instead of the pairs' own.
        sound: played instead of the pairs' own.
    """
    assert isinstance(method, PairScorer)
    method.to(device).eval()
    shown = heard.frames if frames is None else frames, heard.sound if sound is None else sound
    played = torch.cat([torch.arange(len(heard))[None], partner])  # true pairs, and then the false ones
    seen = torch.arange(len(heard)).expand_as(played)
    scores = score_numbered(method, shown, (seen.flatten(), played.flatten()), heard.key, device).view(played.shape)
    return scores[0].numpy(), scores[1:].numpy()


def measures(true: np.ndarray, false: np.ndarray, same: np.ndarray | None, threshold: float | None) -> dict[str, float]:
    """Return every score of a row by name."""
    from sklearn.metrics import roc_auc_score  # slow to import

    truth = np.concatenate([np.ones(len(true)), np.zeros(false.size)])
    found = {"accuracy": pairing.accuracy(true, false.flatten())}
    if threshold is not None:
        found["at the chosen threshold"] = pairing.accuracy(true, false.flatten(), threshold)
    found["AUC"] = float(roc_auc_score(truth, np.concatenate([true, false.flatten()])))
    found["2AFC"] = pairing.two_alternatives(true, false)
    if same is not None and not same.all():
        found["other class"] = pairing.accuracy(true, false[~same])
        found["2AFC, other"] = pairing.two_alternatives(true, np.where(same, np.nan, false))
    return found
