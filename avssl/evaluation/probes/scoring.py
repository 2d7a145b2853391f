"""What a probe's scores are worth, item by item and in all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from avssl.config import ConfigError
from avssl.evaluation.probes.base import Labels
from avssl.features.alignment import check_common, listed
from avssl.features.extraction import Rows
from avssl.metrics import agreement, classification
from avssl.metrics.classification import Precision


def labels_of(rows: Rows, what: str) -> Labels:
    """Return what rows of features, whose classes are aligned with the other side's, are.

    Raises:
        ConfigError: if they have no classes, or some row has none.
    """
    if rows.labels is not None:
        return Labels(None, rows.labels, rows.classes)
    without = int((rows.label < 0).sum())
    if without:
        raise ConfigError(
            f"{without} of the {len(rows)} {what} rows have no class; probes need folders of classes, or a manifest "
            "with a column 'label' or 'labels'"
        )
    return Labels(rows.label, None, rows.classes)


def check_split(train: Rows, test: Rows, ours: Labels, theirs: Labels, shared: bool) -> None:
    """Say what is wrong between training and test items.

    Raises:
        ConfigError: if they share items or groups, or `check_classes` finds something.
    """
    check_groups(train, test, shared)
    check_classes(ours, theirs)


def check_groups(train: Rows, test: Rows, shared: bool) -> None:
    """Say that training and test share items or groups, unless they may.

    Raises:
        ConfigError: if they do.
    """
    both = sorted(set(train.group.tolist()) & set(test.group.tolist()))
    if both and not shared:
        raise ConfigError(
            f"{len(both)} groups (files, or what the manifest's 'group' says) are in training and in test, such as "
            f"{both[0]!r}: what they share would be learned by heart; split by group, or allow_shared_groups: true"
        )


def check_classes(ours: Labels, theirs: Labels) -> None:
    """Say what is wrong between the classes of training and test, which are aligned.

    Raises:
        ConfigError: if items have one class on one side and several on the other, training has one class alone, or no
            class is on both sides.
    """
    if (ours.one is None) != (theirs.one is None):
        kinds = ["several classes" if side.one is None else "one class" for side in (ours, theirs)]
        raise ConfigError(f"items of training have {kinds[0]} each, those of the test {kinds[1]}; use one kind")
    if ours.shown.sum() < 2 and ours.one is not None:
        raise ConfigError("training has one class alone; there is nothing to tell apart")
    check_common(ours.shown, theirs.shown, ours.classes, ("training", "the test"))


def class_notes(ours: Labels, theirs: Labels) -> list[str]:
    """Return a line for the classes that only the test has, and one for those that only training has.

    Args:
        ours: of all training items.
        theirs: of test items, aligned.
    """
    never, idle = theirs.shown & ~ours.shown, ours.shown & ~theirs.shown
    notes, names = [], np.array([*ours.classes, ""])[:-1]
    if never.any() and theirs.one is not None:
        notes.append(
            f"{int(never[theirs.one].sum())} of {len(theirs)} test items are of classes without a training item "
            f"({listed(names[never].tolist())}): they cannot be right and count as wrong."
        )
    elif never.any():
        notes.append(
            f"{never.sum()} classes of the test have no training item ({listed(names[never].tolist())}): "
            "they cannot be found and their average precision counts as 0."
        )
    if idle.any():
        notes.append(f"{idle.sum()} classes of training have no test item: {listed(names[idle].tolist())}.")
    return notes


@dataclass(frozen=True, eq=False)
class Scorer:
    """Judges scores of test items. Classes that training never saw are never found: items of them count as wrong.

    Args:
        truth: what the test items are.
        known: which classes training has, bool ``(classes,)``; scores are of these alone, in order.
        precision: for several labels an item: ``"voc07"`` or ``"area"``.
    """

    truth: Labels
    known: np.ndarray
    precision: Precision = "area"

    def whole(self, scores: np.ndarray) -> np.ndarray:
        """Return scores of all classes, ``(items, classes)``: those that were never learned come last."""
        table = np.repeat(scores.min(1, keepdims=True) - 1, len(self.known), 1)
        table[:, self.known] = scores
        return table

    @property
    def main(self) -> str:
        """The name of the measure that differences are given in."""
        return "accuracy" if self.truth.one is not None else f"mAP ({self.precision})"

    def measure(self, scores: np.ndarray) -> dict[str, float]:
        """Return every measure by name."""
        if self.truth.one is None:
            return {self.main: float(np.nanmean(self.per_class(scores)))}
        table = self.whole(scores)
        found = {"accuracy": classification.accuracy(table, self.truth.one)}
        found["mean class accuracy"] = classification.mean_class_accuracy(table, self.truth.one)
        if len(self.known) > 10:
            found["top-5 accuracy"] = classification.accuracy(table, self.truth.one, 5)
        return found

    def each(self, scores: np.ndarray) -> np.ndarray:
        """Return 1 or 0 an item, ``(items, 1)``; for several labels the average precision a class, ``(classes, 1)``."""
        if self.truth.one is not None:
            return classification.right_at(self.whole(scores), self.truth.one)[:, None]
        return self.per_class(scores)[:, None]

    def per_class(self, scores: np.ndarray) -> np.ndarray:
        """Return the accuracy or the average precision of each class, ``(classes,)``; NaN for those not tested."""
        if self.truth.one is None:
            found = classification.average_precisions(self.whole(scores), self.truth.table, self.precision)
            return np.where(self.known | np.isnan(found), found, 0.0)
        right = self.each(scores)[:, 0]
        groups = [right[self.truth.one == label] for label in range(len(self.truth.classes))]
        return np.array([group.mean() if len(group) else np.nan for group in groups])

    def chance(self, train: Labels) -> dict[str, float]:
        """Return what chance scores: the commonest class of training for all; or the classes' shares.

        Of several commonest classes it is the mean, so that the order of their names says nothing.
        """
        if self.truth.one is None:
            shares = np.nansum(self.truth.table, 0) / np.maximum((~np.isnan(self.truth.table)).sum(0), 1)
            return {self.main: float(np.where(self.known, shares, 0)[shares > 0].mean())}
        assert train.one is not None
        counts = np.bincount(train.one, minlength=len(self.known))
        guess = (counts == counts.max()) / (counts == counts.max()).sum()
        return {
            "accuracy": float(guess[self.truth.one].mean()),
            "mean class accuracy": float(guess[self.truth.shown].mean()),
        }


def clusters_of(features: np.ndarray, classes: np.ndarray, seeds: Sequence[int]) -> Mapping[str, np.ndarray]:
    """Return how far k-means with as many clusters as classes agrees with them, a number for each seed.

    Args:
        features: ``(items, dim)``; rows are brought to length 1.
        classes: ``(items,)``.
        seeds: of k-means, see `kmeans_clusters`.
    """
    count = len(np.unique(classes))
    runs = [agreement.agreement(kmeans_clusters(features, count, seed), classes) for seed in seeds]
    return {name: np.array([run[name] for run in runs]) for name in ("NMI", "ARI", "matched accuracy")}


def kmeans_clusters(features: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Return the cluster of each item by scikit-learn's k-means (k-means++, best of 4 starts), ``(items,)``.

    Args:
        features: ``(items, ...)``; rows are brought to length 1.
        count: of clusters.
        seed: of the starts.
    """
    from sklearn.cluster import KMeans

    flat = features.reshape(len(features), -1).astype(np.float64)
    rows = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12)
    found = KMeans(count, n_init=4, random_state=seed)  # pyright: ignore[reportArgumentType]
    return found.fit_predict(rows)
