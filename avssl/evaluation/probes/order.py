"""Order: whether frozen features tell that a frame lies between two others in time.

The question of Misra, Zitnick and Hebert, "Shuffle and Learn", ECCV 2016, section 3, https://arxiv.org/abs/1603.08561,
asked of any encoder: what a pretext task makes the same at all times, such as contrast of clips, cannot answer it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from avssl.config import ConfigError
from avssl.data import Dataset
from avssl.evaluation.base import Evaluator
from avssl.evaluation.baselines import baselines, compared_encoders, pool_of
from avssl.evaluation.probes.base import Labels
from avssl.evaluation.probes.linear import Linear
from avssl.features.cache import FeatureCache, digest
from avssl.features.extraction import Asked, Extracted, extract
from avssl.features.layers import OUTPUT, check_layer
from avssl.features.rows import Recipe
from avssl.features.runs import Fresh
from avssl.nets import Encoder
from avssl.nets.encoders import require_takes
from avssl.report.comparison import (
    Group,
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
from avssl.report.scores import CHANCE, Scores

FRAMES = 5  # a < b < c < d < e of a tuple
TRIPLETS = ((1, 2, 3), (1, 0, 3), (1, 4, 3))  # b c d is in order; b a d and b e d have the same ends and are not


class Order(Evaluator):
    """Whether the middle of three frames lies between the others, read from frozen features of single frames.

    A logistic regression sees the absolute differences of the three pairs of features. Scores: ``right``, the share of
    pairs of an ordered and a shuffled triplet with the same ends in which the ordered one scores higher, chance 0.5.

    Rows: ``random`` (initial weights, batch statistics of the training data), ``trained``, further runs or weights,
    ``pixels`` and ``hog``, and ``chance``. In smooth videos pixels alone know much: judge beside them.

    Args:
        train: tuples to learn from, of five frames in order of time, as `OrderedFrames` samples them.
        test: tuples to judge by.
        layers: names of layers, ``"output"`` among them.
        crop: the middle of each frame that is looked at.
        max_features: numbers that a layer of maps is averaged to at most.
        initialisations: of the random row.
        extra: further rows, from a name to the folder of a run or a file of weights.
        seed: fixes initialisations and fits.
        workers: processes that read ahead.
        quiet: show no progress.

    Raises:
        ConfigError: when called with an encoder of clips, or data without such tuples.
    """

    name = "eval_order"
    truths = ("video",)
    takes = ("pictures",)

    def __init__(
        self,
        train: Dataset,
        test: Dataset,
        layers: Sequence[str] = (OUTPUT,),
        crop: int | tuple[int, int] | None = None,
        max_features: int | None = 3072,
        initialisations: int = 3,
        extra: Mapping[str, str] | None = None,
        seed: int = 0,
        workers: int = 0,
        quiet: bool = False,
    ):
        if initialisations < 1 or not layers:
            raise ValueError(f"needs layers, and initialisations of at least 1; got {list(layers)}, {initialisations}")
        self.train, self.test, self.layers = train, test, tuple(layers)
        self.recipe = Recipe(unit="frame", crop=crop, max_features=max_features)
        self.initialisations, self.extra, self.seed = initialisations, dict(extra or {}), seed
        self.workers, self.quiet = workers, quiet

    def __call__(
        self, encoder: Encoder, fresh: Fresh | None = None, folder: Path | None = None, device: str = "cpu"
    ) -> Scores:
        require_takes(encoder, "pictures", type(self).__name__)
        for layer in self.layers:
            check_layer(encoder, layer)
        cache, pool = FeatureCache(folder), pool_of(self.train, crop=self.recipe.crop)
        rows = compared_encoders(encoder, pool, fresh, device, self.initialisations, self.seed, self.extra)
        asked = {
            f"{row} {number}": Asked(one, self.layers)
            for row, several in rows.items()
            for number, one in enumerate(several)
        } | {f"{row} 0": Asked(one) for row, (one,) in baselines(pool).items()}
        sides = [
            extract(asked, data, self.recipe, cache, device, name, workers=self.workers, quiet=self.quiet)
            for data, name in ((self.train, "training"), (self.test, "test"))
        ]
        places = [tuples_of(side, name) for side, name in zip(sides, ("training", "test"), strict=True)]
        found: dict[Group, list[np.ndarray]] = {}
        for name, one in asked.items():
            for layer in one.layers:
                features = [side.features[name][layer][place] for side, place in zip(sides, places, strict=True)]
                found.setdefault(group_at(name.rpartition(" ")[0], layer=layer), []).append(self.right(*features))
        groups = sides[1].rows.group[places[1][:, 0]]
        return self.scores(found, groups, [len(place) for place in places], encoder)

    def right(self, train: np.ndarray, test: np.ndarray) -> np.ndarray:
        """Return for each test tuple the share of its shuffled triplets that score below its ordered one.

        Args:
            train: features of tuples, ``(tuples, 5, ...)``.
            test: the same.
        """
        known, asked = (differences(side) for side in (train, test))
        truth = Labels(np.tile([1, 0, 0], len(known)), None, ("shuffled", "ordered"))
        scores = Linear()(known.reshape(-1, known.shape[2]), truth, asked.reshape(-1, asked.shape[2]), self.seed)
        margin = (scores[:, 1] - scores[:, 0]).reshape(len(asked), len(TRIPLETS))
        ordered, shuffled = margin[:, :1], margin[:, 1:]
        return ((ordered > shuffled) + 0.5 * (ordered == shuffled)).mean(1)

    def scores(
        self, found: Mapping[Group, list[np.ndarray]], groups: np.ndarray, counts: list[int], encoder: Encoder
    ) -> Scores:
        """Return what is told of the shares of each row."""
        metric = percent("right")
        values = {group: by_metric([{"right": float(run.mean())} for run in runs]) for group, runs in found.items()}
        values[group_at(CHANCE, layer="")] = by_metric([{"right": 0.5}])
        gaps = {
            group: item_difference(np.stack(ours)[..., None], np.stack(theirs)[..., None], groups)
            for group, ours, theirs in compared(found)
        }
        return Scores(
            title="Is the middle frame between the others? Right pairs in %",
            numbers=numbers_of(values) | difference_numbers(gaps, "right"),
            protocol={
                "encoder": type(encoder).__name__,
                "weights": digest(encoder),
                "layers": self.layers,
                "crop": self.recipe.crop,
                "tuples": f"{counts[0]} training, {counts[1]} test",
                "probe": "logistic regression on absolute differences of the three pairs of features",
                "random": f"{self.initialisations} initialisations, batch statistics of the training data",
                "seed": self.seed,
                "torch": torch.__version__,
            },
            table=table_of(values, [metric]),
            notes=tuple(difference_notes(gaps, metric)),
        )


def differences(features: np.ndarray) -> np.ndarray:
    """Return the absolute differences of the pairs of each triplet's features, ``(tuples, 3, 3 * dim)``.

    Args:
        features: of tuples, ``(tuples, 5, ...)``.
    """
    flat = features.reshape(len(features), FRAMES, -1)
    first, middle, last = (flat[:, [triplet[place] for triplet in TRIPLETS]] for place in range(3))
    return np.abs(np.concatenate([first - middle, middle - last, first - last], 2))


def tuples_of(side: Extracted, name: str) -> np.ndarray:
    """Return the rows of each whole tuple, in order of time, int64 ``(tuples, 5)``.

    Raises:
        ConfigError: if there is none.
    """
    rows = side.rows
    _, first, counts = np.unique(np.stack([rows.item, rows.clip]), axis=1, return_index=True, return_counts=True)
    whole = first[counts == FRAMES, None] + np.arange(FRAMES)
    whole = whole[(np.diff(rows.start[whole], axis=1) > 0).all(1)] if len(whole) else whole
    if not len(whole):
        raise ConfigError(
            f"the {name} data has no tuples of five frames in order of time; sample them with "
            "{name: OrderedFrames, gaps: [2, 6], count: 8}"
        )
    return whole
