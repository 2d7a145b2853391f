"""How far clusters are classes: those of a head that was learned without labels, beside k-means of the same features.

Van Gansbeke et al., "SCAN: Learning to Classify Images without Labels", ECCV 2020, section 3.1 (accuracy after the
best matching, NMI, ARI), https://arxiv.org/abs/2005.12320.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from avssl.config import ConfigError, describe
from avssl.data import Dataset
from avssl.evaluation.base import Evaluator
from avssl.evaluation.baselines import baselines, compared_encoders, pool_of
from avssl.evaluation.probes.scoring import kmeans_clusters, labels_of
from avssl.features.cache import FeatureCache, digest
from avssl.features.extraction import Asked, Rows, extract
from avssl.features.layers import OUTPUT
from avssl.features.rows import Recipe
from avssl.features.runs import Fresh
from avssl.metrics.agreement import agreement, count_pairs
from avssl.nets import Classifier, Encoder
from avssl.report.comparison import Group, by_metric, format_percent, group_at, numbers_of, percent, table_of
from avssl.report.scores import CHANCE, TRAINED, Scores

HEAD, KMEANS = "head", "k-means"
ACC = "ACC"


class Clusters(Evaluator):
    """Agreement of clusters with classes, without a label being learned from.

    Scores: ``ACC``, accuracy after the best matching of clusters with classes, ``NMI`` and ``ARI``, and
    ``many-to-one``, each cluster taken for its commonest class, where clusters are more than classes; all shares.

    Rows: ``random`` (initial weights, batch statistics of the data), ``trained``, further runs or files, ``pixels`` and
    ``hog``; each by k-means of its features, and classifiers of clusters (``export: classifier`` of a run of `SCAN` or
    `SelfLabel`) by their head too, whose features are those before it. ``chance``: the trained clusters, dealt out to
    the items by lot.

    Args:
        data: labelled data sets by name, such as ``val`` and ``test``. Choose by the first, and report the last.
        seeds: runs of k-means, with as many clusters as the head has, without a head as there are classes.
        initialisations: of the random row.
        extra: further rows, from a name to the folder of a run or a file, such as the classifier of an earlier step.
        max_features: numbers that pixels and HOG are averaged to at most, where they are maps.
        seed: of the first of each.
        workers: processes that read ahead.
        quiet: show no progress.

    Raises:
        ValueError: without data, or if a number is below 1.
    """

    name = "eval_clusters"
    truths = ("label",)

    def __init__(
        self,
        data: Mapping[str, Dataset],
        seeds: int = 3,
        initialisations: int = 3,
        extra: Mapping[str, str] | None = None,
        max_features: int | None = 9216,
        seed: int = 0,
        workers: int = 0,
        quiet: bool = False,
    ):
        if not data or seeds < 1 or initialisations < 1:
            raise ValueError(
                f"needs data, seeds and initialisations of at least 1; got {len(data)}, {seeds}, {initialisations}"
            )
        self.data, self.seeds, self.initialisations = dict(data), seeds, initialisations
        self.extra, self.recipe = dict(extra or {}), Recipe(max_features=max_features)
        self.seed, self.workers, self.quiet = seed, workers, quiet

    def __call__(
        self, encoder: Encoder, fresh: Fresh | None = None, folder: Path | None = None, device: str = "cpu"
    ) -> Scores:
        cache = FeatureCache(folder)
        asked = self._asked(encoder, fresh, device)
        found: dict[Group, list[dict[str, float]]] = {}
        sizes: list[dict[str, Any]] = []
        for name, data in self.data.items():
            texts = {" ".join(map(str, key)): key for key in asked}
            networks = {text: Asked(asked[key]) for text, key in texts.items()}
            loading = {"workers": self.workers, "quiet": self.quiet}
            taken = extract(networks, data, self.recipe, cache, device, name, **loading)
            truth = classes_of(taken.rows, name)
            features = {key: taken.features[text][OUTPUT] for text, key in texts.items()}
            clusters = self._clusters(features, truth, encoder, cache)
            for (row, kind), runs in clusters.items():
                found[group_at(row, data=name, clusters=kind)] = [agreement(one, truth) for one in runs]
            mine = clusters.get((TRAINED, HEAD), clusters[TRAINED, KMEANS])[0]
            found[group_at(CHANCE, data=name, clusters="")] = self._chance(mine, truth)
            sizes += sizes_of(name, mine, truth, taken.rows.classes)
        return self._scores(found, sizes, encoder)

    def _asked(self, encoder: Encoder, fresh: Fresh | None, device: str) -> dict[tuple[str, str, int], Encoder]:
        """Return the networks by row, by what clusters their outputs, and by run."""
        pool = pool_of(next(iter(self.data.values())), takes=encoder.takes)
        rows = compared_encoders(encoder, pool, fresh, device, self.initialisations, self.seed, self.extra)
        asked: dict[tuple[str, str, int], Encoder] = {}
        for row, ones in (rows | baselines(pool)).items():
            for number, one in enumerate(ones):
                if isinstance(one, Classifier):
                    asked[row, HEAD, number] = one
                asked[row, KMEANS, number] = one.inner if isinstance(one, Classifier) else one
        return asked

    def _clusters(
        self,
        features: Mapping[tuple[str, str, int], np.ndarray],
        truth: np.ndarray,
        encoder: Encoder,
        cache: FeatureCache,
    ) -> dict[tuple[str, str], list[np.ndarray]]:
        """Return the cluster of each item by row and by what clusters, for each run."""
        count = encoder.dim if isinstance(encoder, Classifier) else len(np.unique(truth))
        if len(truth) < count:
            raise ConfigError(f"{len(truth)} items cannot make {count} clusters; give more data")
        found: dict[tuple[str, str], list[np.ndarray]] = {}
        for (row, kind, _), table in sorted(features.items(), key=lambda one: one[0][1]):
            if kind == HEAD:
                found.setdefault((row, kind), []).append(table.argmax(1))
                continue
            for seed in range(self.seed, self.seed + self.seeds):
                key = {"features": digest(table), "k-means": count, "seed": seed}
                made = cache(key, lambda table=table, seed=seed: kmeans_clusters(table, count, seed))
                found.setdefault((row, kind), []).append(made)
        return found

    def _chance(self, clusters: np.ndarray, truth: np.ndarray) -> list[dict[str, float]]:
        chance = np.random.default_rng(self.seed)
        return [agreement(chance.permutation(clusters), truth) for _ in range(self.seeds)]

    def _scores(
        self, found: Mapping[Group, list[dict[str, float]]], sizes: list[dict[str, Any]], encoder: Encoder
    ) -> Scores:
        scores = {group: by_metric([named(run, shared(runs)) for run in runs]) for group, runs in found.items()}
        names = dict.fromkeys(name for values in scores.values() for name in values)
        order = [ACC, *(name for name in names if name != ACC)]
        return Scores(
            title="Clusters as classes, in %",
            numbers=numbers_of(scores),
            protocol=self._protocol(encoder),
            table=table_of(scores, [percent(name) for name in order]),
            notes=tuple(notes_of(scores, sizes)),
            tables={"clusters": sizes},
        )

    def _protocol(self, encoder: Encoder) -> dict[str, Any]:
        return {
            "encoder": type(encoder).__name__,
            "weights": digest(encoder),
            "data": {name: describe(data) for name, data in self.data.items()},
            "head": "the surest cluster of the mean logits of an item",
            "k-means": f"{self.seeds} seeds of scikit-learn's, best of 4 starts, rows at length 1",
            "random": f"{self.initialisations} initialisations, batch statistics of the first data",
            "seed": self.seed,
            "torch": torch.__version__,
        }


def classes_of(rows: Rows, name: str) -> np.ndarray:
    """Return the class of each item.

    Raises:
        ConfigError: if some have none, or several.
    """
    truth = labels_of(rows, name).one
    if truth is None:
        raise ConfigError(f"{name}: clusters are compared with one class an item, and these items may have several")
    return truth


def shared(runs: list[dict[str, float]]) -> list[str]:
    """Return the names that all runs have, in order."""
    return [name for name in runs[0] if all(name in run for run in runs)]


def named(run: Mapping[str, float], names: list[str]) -> dict[str, float]:
    """Return the measures of these names; the matched accuracy under the name of papers on clusters."""
    return {(ACC if name == "matched accuracy" else name): run[name] for name in names}


def sizes_of(name: str, clusters: np.ndarray, truth: np.ndarray, classes: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return for each cluster how many items it has, their commonest class and its share; empty ones are left out."""
    return [
        {
            "data": name,
            "cluster": number,
            "items": int(counts.sum()),
            "commonest": classes[int(counts.argmax())] if classes else str(int(counts.argmax())),
            "share": round(float(counts.max() / counts.sum()), 4),
        }
        for number, counts in enumerate(count_pairs(clusters, truth))
        if counts.sum()
    ]


def notes_of(found: Mapping[Group, Mapping[str, np.ndarray]], sizes: list[dict[str, Any]]) -> list[str]:
    """Return how many clusters are used, and what the trained head has above k-means of its features."""
    notes = []
    for group, values in found.items():
        if group.row != TRAINED:
            continue
        data, kind = group["data"], group["clusters"]
        other = found.get(group_at(TRAINED, data=data, clusters=KMEANS))
        if kind == HEAD and other is not None:
            more = 100 * (values[ACC].mean() - other[ACC].mean())
            notes.append(f"{data}: the trained head has {more:+.1f} points of ACC over k-means of the same features.")
    for data in dict.fromkeys(one["data"] for one in sizes):
        items = [one["items"] for one in sizes if one["data"] == data]
        notes.append(
            f"{data}: {len(items)} clusters are used; the largest has "
            f"{format_percent(max(items) / sum(items))} % of the items."
        )
    return notes
