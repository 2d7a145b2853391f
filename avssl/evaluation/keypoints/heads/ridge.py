"""Ridge regression from frozen feature maps to joints, in closed form."""

from typing import Any

import numpy as np
from torch import Tensor

from avssl.evaluation.keypoints.heads.base import Head, Labelled
from avssl.features.layers import Extractor, last_map
from avssl.nets import Encoder
from avssl.sampling import rng_for


class Ridge(Head):
    """Linear regression with a squared penalty on standardised features of one layer.

    Nothing of the encoder moves, so this asks what the features already say. The penalty is chosen on a part of the
    *labels*; the test pictures have no say in it. Features are standardised with the labels' mean and deviation.

    Args:
        layer: the layer to read, or ``"output"`` for the encoder's own features; None takes the deepest map of more
            than one cell.
        penalties: what to choose from, in units of the number of features.
        held_out: share of the labels that chooses the penalty; all of them fit the final weights.
    """

    def __init__(
        self,
        layer: str | None = None,
        penalties: tuple[float, ...] = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0),
        held_out: float = 0.25,
    ):
        if not penalties or min(penalties) <= 0:
            raise ValueError(f"penalties must be numbers above 0, got {penalties}")
        if not 0 < held_out < 1:
            raise ValueError(f"held_out must be a share between 0 and 1, got {held_out}")
        self.name = "ridge" if layer is None else f"ridge, {layer}"
        self.layer, self.penalties, self.held_out = layer, tuple(penalties), held_out

    def settings(self) -> dict[str, Any]:
        return {"layer": self.layer, "penalties": self.penalties, "held_out": self.held_out}

    def chosen(self, encoder: Encoder, pictures: Tensor) -> dict[str, Any]:
        return {"layer": self.layer or last_map(encoder, pictures)}

    def __call__(self, encoder: Encoder, labelled: Labelled, test: Tensor, extract: Extractor, seed: int) -> np.ndarray:
        layer = self.layer or last_map(encoder, test)
        features = standardised(flat(extract(encoder, labelled.middle, layer)), flat(extract(encoder, test, layer)))
        points = labelled.points.astype(np.float64).reshape(len(labelled), -1)
        counted = labelled.counted.repeat(2, axis=1)
        labelled.mean_pose()  # every joint must be shown by a label
        penalty = self.choose(features[0], points, counted, rng_for(seed, epoch=0, sample=0))
        found = predict(*features, points, counted, penalty * features[0].shape[1])
        return found.reshape(len(test), -1, 2).astype(np.float32)

    def choose(self, features: np.ndarray, points: np.ndarray, counted: np.ndarray, rng: np.random.Generator) -> float:
        """Return the penalty with the least squared error on held-out labels (the first of equals)."""
        order = rng.permutation(len(features))
        held = max(1, round(len(features) * self.held_out))
        held_out, learn = order[:held], order[held:]
        if not len(learn):
            raise ValueError(f"{len(features)} labels are too few to choose a penalty; use at least 2")
        errors = []
        for penalty in self.penalties:
            total = penalty * features.shape[1]
            found = predict(features[learn], features[held_out], points[learn], counted[learn], total)
            miss = np.where(counted[held_out] & np.isfinite(found), found - points[held_out], 0.0)
            errors.append((miss**2).sum())
        return self.penalties[int(np.argmin(errors))]


def predict(
    features: np.ndarray, others: np.ndarray, targets: np.ndarray, counted: np.ndarray, penalty: float
) -> np.ndarray:
    """Fit ridge regression with an unpenalised intercept and predict, in the dual form (few labels, many features).

    Args:
        features: ``(labels, dim)``.
        others: what to predict for, ``(pictures, dim)``.
        targets: ``(labels, outputs)``.
        counted: False where a label lacks an output: it is left out of that output's fit, ``(labels, outputs)``.
        penalty: weight of the squared coefficients.

    Returns:
        ``(pictures, outputs)``; NaN for an output that no label has.
    """
    found = np.full((len(others), targets.shape[1]), np.nan)
    patterns, which = np.unique(counted, axis=1, return_inverse=True)
    for number, rows in enumerate(patterns.T):
        if not rows.any():
            continue
        outputs = np.flatnonzero(which.ravel() == number)
        centre = features[rows].mean(0)
        known, asked = features[rows] - centre, others - centre
        wanted = targets[np.ix_(rows, outputs)]
        middle = wanted.mean(0)
        weights = np.linalg.solve(known @ known.T + penalty * np.eye(len(known)), wanted - middle)
        found[:, outputs] = asked @ (known.T @ weights) + middle
    return found


def standardised(features: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return both with the mean and deviation of the first taken out; what never varies becomes 0.

    The small number added keeps a nearly dead feature from being blown up.
    """
    middle, deviation = features.mean(0), features.std(0)
    scale = np.where(deviation > 0, 1 / (deviation + 1e-3), 0.0)
    return (features - middle) * scale, (others - middle) * scale


def flat(features: np.ndarray) -> np.ndarray:
    return features.reshape(len(features), -1).astype(np.float64)
