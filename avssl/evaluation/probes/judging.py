"""What a probe's scores are worth, item by item and in all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from avssl.config import ConfigError
from avssl.evaluation.probes.base import Labels
from avssl.features.extraction import Rows
from avssl.metrics import agreement, classification
from avssl.metrics.classification import Precision


def labels_of(rows: Rows, what: str) -> Labels:
    """Return what rows of features are.

    Raises:
        ConfigError: if they have no classes, or some row has none.
    """
    if rows.labels is not None:
        return Labels(None, rows.labels, names_of(rows, rows.labels.shape[1]))
    without = int((rows.label < 0).sum())
    if without:
        raise ConfigError(
            f"{without} of the {len(rows)} {what} rows have no class; probes need folders of classes, or a manifest "
            "with a column 'label' or 'labels'"
        )
    return Labels(rows.label, None, names_of(rows, int(rows.label.max()) + 1))


def names_of(rows: Rows, count: int) -> tuple[str, ...]:
    names = tuple(map(str, rows.classes))
    return names if len(names) >= count else tuple(str(number) for number in range(count))


def check_split(train: Rows, test: Rows, ours: Labels, theirs: Labels, shared: bool) -> None:
    """Say what is wrong between training and test items.

    Raises:
        ConfigError: if they share items or groups, their classes differ, there is one class alone, or a class of the
            test has no training item.
    """
    both = sorted(set(train.group.tolist()) & set(test.group.tolist()))
    if both and not shared:
        raise ConfigError(
            f"{len(both)} groups (files, or what the manifest's 'group' says) are in training and in test, such as "
            f"{both[0]!r}: what they share would be learned by heart; split by group, or allow_shared_groups: true"
        )
    if (ours.one is None) != (theirs.one is None) or (ours.one is None and ours.classes != theirs.classes):
        raise ConfigError(f"training has {len(ours.classes)} classes, the test {len(theirs.classes)}, of another kind")
    known, asked = np.nansum(ours.table, 0) > 0, np.nansum(theirs.table, 0) > 0
    if known.sum() < 2 and ours.one is not None:
        raise ConfigError("training has one class alone; there is nothing to tell apart")
    lacking = np.flatnonzero(
        np.pad(asked, (0, max(0, len(known) - len(asked)))) & ~np.pad(known, (0, max(0, len(asked) - len(known))))
    )
    if len(lacking):
        names = ours.classes if len(ours.classes) > lacking[0] else theirs.classes
        raise ConfigError(f"{len(lacking)} classes of the test have no training item, such as {names[lacking[0]]!r}")


@dataclass(frozen=True, eq=False)
class Judge:
    """Judges scores of test items.

    Args:
        truth: what the test items are.
        precision: for several labels an item: ``"voc07"`` or ``"area"``.
    """

    truth: Labels
    precision: Precision = "area"

    @property
    def main(self) -> str:
        """The name of the measure that differences are told in."""
        return "accuracy" if self.truth.one is not None else f"mAP ({self.precision})"

    def measure(self, scores: np.ndarray) -> dict[str, float]:
        """Return every measure by name."""
        if self.truth.one is None:
            return {self.main: classification.mean_average_precision(scores, self.truth.table, self.precision)}
        found = {"accuracy": classification.accuracy(scores, self.truth.one)}
        found["mean class accuracy"] = classification.mean_class_accuracy(scores, self.truth.one)
        if scores.shape[1] > 10:
            found["top-5 accuracy"] = classification.accuracy(scores, self.truth.one, 5)
        return found

    def each(self, scores: np.ndarray) -> np.ndarray:
        """Return 1 or 0 an item, ``(items, 1)``; for several labels the average precision a class, ``(classes, 1)``."""
        if self.truth.one is not None:
            return classification.right_at(scores, self.truth.one)[:, None]
        return classification.average_precisions(scores, self.truth.table, self.precision)[:, None]

    def per_class(self, scores: np.ndarray) -> np.ndarray:
        """Return the accuracy or the average precision of each class, ``(classes,)``; NaN for those not tested."""
        if self.truth.one is None:
            return classification.average_precisions(scores, self.truth.table, self.precision)
        right = classification.right_at(scores, self.truth.one)
        groups = [right[self.truth.one == label] for label in range(len(self.truth.classes))]
        return np.array([group.mean() if len(group) else np.nan for group in groups])

    def chance(self, train: Labels) -> dict[str, float]:
        """Return what knowing nothing scores: the commonest class of training for all; or the classes' shares."""
        if self.truth.one is None:
            shares = np.nansum(self.truth.table, 0) / np.maximum((~np.isnan(self.truth.table)).sum(0), 1)
            return {self.main: float(shares[shares > 0].mean())}
        assert train.one is not None
        commonest = np.bincount(train.one).argmax()
        count = len(np.unique(self.truth.one))
        return {"accuracy": float((self.truth.one == commonest).mean()), "mean class accuracy": 1 / count}


def clusters_of(features: np.ndarray, classes: np.ndarray, seeds: Sequence[int]) -> Mapping[str, np.ndarray]:
    """Return how far k-means with as many clusters as classes agrees with them, a number for each seed.

    Args:
        features: ``(items, dim)``; rows are brought to length 1.
        classes: ``(items,)``.
        seeds: of scikit-learn's k-means (k-means++, best of 4 starts).
    """
    from sklearn.cluster import KMeans

    flat = features.reshape(len(features), -1).astype(np.float64)
    rows = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12)
    count = len(np.unique(classes))
    found: dict[str, list[float]] = {"NMI": [], "ARI": [], "matched accuracy": []}
    for seed in seeds:
        clusters = KMeans(count, n_init=4, random_state=seed).fit_predict(rows)  # pyright: ignore[reportArgumentType]
        found["NMI"].append(agreement.mutual_information(clusters, classes))
        found["ARI"].append(agreement.rand_index(clusters, classes))
        found["matched accuracy"].append(agreement.matched_accuracy(clusters, classes))
    return {name: np.array(values) for name, values in found.items()}
