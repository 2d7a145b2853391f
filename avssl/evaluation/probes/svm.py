"""One support vector machine a class, as on PASCAL VOC 2007.

Goyal, Mahajan, Gupta and Misra, "Scaling and Benchmarking Self-Supervised Visual Representation Learning", ICCV 2019,
appendix B: features of length 1, LIBLINEAR, the cost chosen by three-fold cross-validation on the training items.
https://arxiv.org/abs/1905.01235
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from avssl.evaluation.probes.base import Labels, Probe
from avssl.metrics.classification import average_precision

if TYPE_CHECKING:
    from sklearn.svm import LinearSVC  # slow to load, and other probes need none of it


class SVM(Probe):
    """Linear support vector machines, one against the rest, items to be ignored left out of their class.

    Departures: costs are ten times apart instead of a finer grid; class weights are balanced.

    Args:
        costs: what to choose from, for each class by average precision.
        folds: of the cross-validation; fewer where a class has fewer items.
        iterations: of LIBLINEAR at most.
    """

    name = "SVM"

    def __init__(self, costs: Sequence[float] = (0.01, 0.1, 1.0, 10.0), folds: int = 3, iterations: int = 5000):
        if not costs or min(costs) <= 0 or folds < 2:
            raise ValueError(f"needs costs above 0 and at least 2 folds; got {costs}, {folds}")
        self.costs, self.folds, self.iterations = tuple(costs), folds, iterations

    def __call__(self, train: np.ndarray, labels: Labels, test: np.ndarray, seed: int) -> np.ndarray:
        known, asked = (unit(side) for side in (train, test))
        columns = [self._one(known, truth, asked, seed) for truth in labels.table.T]
        return np.stack(columns, 1)

    def _one(self, known: np.ndarray, truth: np.ndarray, asked: np.ndarray, seed: int) -> np.ndarray:
        """Return the scores of one class; those of a class that all or none shows are all the same."""
        counted = ~np.isnan(truth)
        features, present = known[counted], truth[counted] > 0
        if present.all() or not present.any():
            return np.full(len(asked), -1.0)
        return self._fit(features, present, self._choose(features, present, seed), seed).decision_function(asked)

    def _choose(self, features: np.ndarray, present: np.ndarray, seed: int) -> float:
        from sklearn.model_selection import StratifiedKFold

        folds = min(self.folds, int(present.sum()), int((~present).sum()))
        if len(self.costs) == 1 or folds < 2:
            return self.costs[0]
        found = dict.fromkeys(self.costs, 0.0)
        for learn, held_out in StratifiedKFold(folds, shuffle=True, random_state=seed).split(features, present):
            for cost in self.costs:
                scores = self._fit(features[learn], present[learn], cost, seed).decision_function(features[held_out])
                found[cost] += average_precision(scores, present[held_out])
        return max(found, key=lambda cost: found[cost])

    def _fit(self, features: np.ndarray, present: np.ndarray, cost: float, seed: int) -> "LinearSVC":
        from sklearn.svm import LinearSVC

        machine = LinearSVC(
            C=cost, class_weight="balanced", dual="auto", max_iter=self.iterations, tol=1e-3, random_state=seed
        )
        return machine.fit(features, present)


def unit(features: np.ndarray) -> np.ndarray:
    """Return rows of length 1, float64."""
    flat = features.reshape(len(features), -1).astype(np.float64)
    return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12)
