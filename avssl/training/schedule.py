"""Learning rates over time: pure functions of the step, so that a resumed run needs no memory of them."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from avssl.config import NotNegative, Positive, Share


class Schedule(ABC):
    """Says by what the optimiser's learning rate is multiplied at each step.

    Lengths (``warmup``, ``milestones``) are a share of the whole run below 1, and a number of steps from 1 on.
    """

    @abstractmethod
    def __call__(self, step: int, steps: int) -> float:
        """Return the factor for one step.

        Args:
            step: the step about to be taken, from 0.
            steps: how many steps the run has.
        """


@dataclass(frozen=True, kw_only=True)
class Constant(Schedule):
    """The optimiser's learning rate throughout, after a linear warm-up.

    Args:
        warmup: length of the rise.

    Examples:
        >>> [Constant(warmup=4)(step, 100) for step in (0, 1, 3, 50)]
        [0.25, 0.5, 1.0, 1.0]
    """

    warmup: NotNegative = 0.0

    def __call__(self, step: int, steps: int) -> float:
        return rise(step, length(self.warmup, steps))


@dataclass(frozen=True, kw_only=True)
class Cosine(Schedule):
    """Half a cosine from 1 down to ``end``, after a linear warm-up.

    Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", ICLR 2017, without restarts.
    https://arxiv.org/abs/1608.03983

    Args:
        warmup: length of the rise.
        end: the factor at the end.

    Examples:
        >>> [round(Cosine(end=0.1)(step, 100), 3) for step in (0, 50, 100)]
        [1.0, 0.55, 0.1]
    """

    warmup: NotNegative = 0.0
    end: Share = 0.0

    def __call__(self, step: int, steps: int) -> float:
        start = length(self.warmup, steps)
        if step < start:
            return rise(step, start)
        return fall(1.0, self.end, (step - start) / max(1, steps - start))


@dataclass(frozen=True, kw_only=True)
class Step(Schedule):
    """A fixed factor more at each milestone, after a linear warm-up.

    Args:
        milestones: where it changes.
        factor: what each milestone multiplies by.
        warmup: length of the rise.

    Examples:
        >>> [round(Step(milestones=[0.5, 80])(step, 100), 3) for step in (49, 50, 80)]
        [1.0, 0.1, 0.01]
    """

    milestones: Sequence[float]
    factor: Positive = 0.1
    warmup: NotNegative = 0.0

    def __call__(self, step: int, steps: int) -> float:
        passed = sum(step >= length(milestone, steps) for milestone in self.milestones)
        return rise(step, length(self.warmup, steps)) * self.factor**passed


@dataclass(frozen=True, kw_only=True)
class OneCycle(Schedule):
    """Half a cosine up from ``start``, then half a cosine down to ``end``.

    Smith and Topin, "Super-Convergence", 2018, with the cosines of later practice. https://arxiv.org/abs/1708.07120

    Args:
        warmup: length of the rise.
        start: the factor at the beginning.
        end: the factor at the end.

    Examples:
        >>> [round(OneCycle(warmup=0.2)(step, 100), 3) for step in (0, 20, 60, 100)]
        [0.04, 1.0, 0.5, 0.0]
    """

    warmup: NotNegative = 0.3
    start: Share = 0.04
    end: Share = 0.0

    def __call__(self, step: int, steps: int) -> float:
        top = length(self.warmup, steps)
        if step < top:
            return fall(self.start, 1.0, step / top)
        return fall(1.0, self.end, (step - top) / max(1, steps - top))


def length(value: float, steps: int) -> int:
    """Return a length in steps: a share of the run below 1, steps from 1 on."""
    return round(value * steps if value < 1 else value)


def rise(step: int, warmup: int) -> float:
    """Return the linear warm-up's factor; its last step has 1."""
    return min(1.0, (step + 1) / warmup) if warmup else 1.0


def fall(first: float, last: float, part: float) -> float:
    """Return the height of half a cosine from ``first`` to ``last`` where ``part`` of it has passed."""
    return last + (first - last) * (1 + math.cos(math.pi * min(1.0, part))) / 2
