"""Logistic regression for several penalties at once: L-BFGS for each, and two products of matrices a step for all.

Liu and Nocedal, "On the limited memory BFGS method for large scale optimization", Mathematical Programming, 1989.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from avssl.evaluation.probes.line_search import STILL, Point, strong_wolfe

MEMORY = 10  # steps, and changes of the gradient along them, that curvature is read from
BENT = 1e-10  # a step along which the gradient changes by less says nothing of it
FLAT = 1e-7  # a gradient without a larger number is that of the minimum
TRIALS = 1.25  # points that all line searches together may try, of the steps
Fitted = tuple[np.ndarray, np.ndarray]  # weights (dim, classes) and biases (classes,)


def fit_all(
    features: np.ndarray, truth: np.ndarray, several: bool, penalties: Sequence[float], steps: int
) -> list[Fitted]:
    """Return logistic regression for each penalty.

    Each descent is L-BFGS by itself, from weights of 0; what the others do says nothing in it. Scores are linear in the
    weights, so that a line search needs no product of matrices.

    Args:
        features: ``(items, dim)``.
        truth: 1 present, 0 absent, NaN to be ignored, ``(items, classes)``.
        several: items may have several classes: one regression for each.
        penalties: of the mean loss, a weight of 1 costing half as much.
        steps: of L-BFGS at most.
    """
    across = torch.from_numpy(np.concatenate([features, np.ones((len(features), 1), features.dtype)], 1))  # the bias
    down = across.T.contiguous()  # products are quickest along rows
    loss = Loss(truth, several, across.dtype)
    shape = truth.shape[1], across.shape[1]
    descents = [Descent(loss, penalty, shape, trials=int(steps * TRIALS)) for penalty in penalties]
    going = descents
    for _ in range(steps):
        slopes = torch.cat([one.slopes for one in going])
        for one, gradient in zip(going, (slopes @ across).numpy().reshape(-1, *shape), strict=True):
            one.turn(gradient)
        if not (going := [one for one in going if not one.done]):
            break
        directions = torch.from_numpy(np.concatenate([one.direction for one in going]))
        for one, ahead in zip(going, (directions @ down).split(shape[0]), strict=True):
            one.move(ahead)
        if not (going := [one for one in going if not one.done]):
            break
    return [(one.weights[:, :-1].T.copy(), one.weights[:, -1].copy()) for one in descents]


class Loss:
    """The mean loss of scores ``(classes, items)``.

    Args:
        truth: 1 present, 0 absent, NaN to be ignored, ``(items, classes)``.
        several: items may have several classes.
        dtype: of the scores.
    """

    def __init__(self, truth: np.ndarray, several: bool, dtype: torch.dtype):
        table = torch.from_numpy(np.ascontiguousarray(truth.T)).to(dtype)
        self.truth, self.counted = table.nan_to_num(), (~table.isnan()).to(dtype)
        self.classes, self.several = self.truth.sum(0), several

    def __call__(self, scores: Tensor) -> tuple[float, Tensor]:
        """Return the loss, and how it changes with each score."""
        if self.several:
            losses = F.softplus(scores) * self.counted
            slopes = scores.sigmoid() * self.counted - self.truth
        else:
            total = scores.logsumexp(0)
            losses = total * self.classes
            slopes = (scores - total).exp_() * self.classes - self.truth
        right = (scores * self.truth).sum(dtype=torch.float64)
        return float(losses.sum(dtype=torch.float64) - right) / scores.shape[1], slopes / scores.shape[1]


class Descent:
    """L-BFGS with a line search on the mean loss and a penalty on the squared weights.

    Args:
        loss: of scores.
        penalty: a weight of 1 costs half as much; biases cost nothing.
        shape: classes, and weights of each with its bias, the last.
        trials: points that are tried at most.
    """

    def __init__(self, loss: Loss, penalty: float, shape: tuple[int, int], trials: int):
        self.loss, self.penalty, self.trials, self.done = loss, penalty, trials - 1, False
        self.scores = torch.zeros_like(loss.truth)
        self.value, self.slopes = loss(self.scores)
        kind = loss.truth.numpy().dtype
        self.weights, self.gradient, self.direction = (np.zeros(shape, kind) for _ in range(3))
        self.steps: list[tuple[np.ndarray, np.ndarray, float]] = []  # a step, its change of the gradient, their product
        self.began, self.at, self.bent = False, 1.0, 1.0

    def turn(self, gradient: np.ndarray) -> None:
        """Choose the direction from here.

        Args:
            gradient: how the mean loss changes with each weight, ``(classes, dim + 1)``.
        """
        gradient[:, :-1] += self.penalty * self.weights[:, :-1]
        step, change = self.at * self.direction, gradient - self.gradient
        if self.began and (product := float(np.vdot(step, change))) > BENT:
            self.steps = [*self.steps[1 - MEMORY :], (step, change, product)]
            self.bent = product / float(np.vdot(change, change))
        self.gradient = gradient
        self.direction = self._direction()
        self.slope = float(np.vdot(gradient, self.direction))
        self.done = float(np.abs(gradient).max()) <= FLAT or self.slope > -STILL

    def _direction(self) -> np.ndarray:
        """Return minus the gradient by the inverse of the curvature that the last steps show."""
        direction, shares = -self.gradient, []
        for step, change, product in reversed(self.steps):
            shares.append(float(np.vdot(step, direction)) / product)
            direction -= shares[-1] * change
        direction *= self.bent
        for (step, change, product), share in zip(self.steps, reversed(shares), strict=True):
            direction += (share - float(np.vdot(change, direction)) / product) * step
        return direction

    def move(self, ahead: Tensor) -> None:
        """Go along the direction.

        Args:
            ahead: how the scores change with it, ``(classes, items)``.
        """
        here, longest = self.scores, float(np.abs(self.direction).max())
        cost, slope, bend = (
            self.penalty * float(np.vdot(one[:, :-1], other[:, :-1]))
            for one, other in (
                (self.weights, self.weights),
                (self.weights, self.direction),
                (self.direction, self.direction),
            )
        )

        def evaluate(at: float) -> Point:
            self.at, self.trials = at, self.trials - 1
            self.scores = here + at * ahead
            value, self.slopes = self.loss(self.scores)
            along = float((self.slopes * ahead).sum(dtype=torch.float64))
            return Point(at, value + cost / 2 + at * slope + at**2 * bend / 2, along + slope + at * bend)

        start = Point(0.0, self.value, self.slope)
        first = 1.0 if self.began else min(1.0, 1 / float(np.abs(self.gradient).sum()))
        point = strong_wolfe(evaluate, start, first, longest, self.trials)
        if point.at != self.at:
            evaluate(point.at)
        self.weights += point.at * self.direction
        still = abs(point.loss - self.value) < STILL or point.at * longest <= STILL
        self.began, self.value, self.done = True, point.loss, still or self.trials <= 0
