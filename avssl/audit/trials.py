"""Short trainings of one method under several settings, side by side on the same batches."""

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from avssl.audit.blind import Learner
from avssl.config import describe, make
from avssl.data import Dataset
from avssl.methods import Method
from avssl.training.feed import Feed, batches_of
from avssl.training.optim import Optim
from avssl.training.schedule import Schedule

if TYPE_CHECKING:
    from avssl.training.feed import Fabric


@dataclass(frozen=True)
class Told:
    """How often a method was right.

    Args:
        mean: accuracy, over groups of held-out pictures and over seeds.
        error: standard error of that, from the spread between groups; 0 for a single group.
    """

    mean: float
    error: float

    @property
    def text(self) -> str:
        """The mean and two standard errors."""
        return f"{self.mean:.3f} ± {2 * self.error:.3f}"

    @classmethod
    def of(cls, groups: list[float]) -> "Told":
        """Return mean and standard error of independent groups of equal size."""
        values = torch.tensor(groups, dtype=torch.float64)
        return cls(values.mean().item(), values.std().item() / math.sqrt(len(groups)) if len(groups) > 1 else 0.0)


def with_settings(method: Method, changed: Mapping[str, Any], seed: int) -> Method:
    """Return a new method with some arguments changed, and initial weights that the seed fixes."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make(describe(method) | dict(changed), "avssl.methods.Method", "method")


@dataclass(frozen=True, kw_only=True)
class Trial:
    """How each short training is done.

    Args:
        fabric: knows the device.
        optim: makes the optimisers.
        schedule: of the learning rate.
        rounds: steps.
        seed: of the order of pictures, and of all that is drawn.
    """

    fabric: "Fabric"
    optim: Optim
    schedule: Schedule | None
    rounds: int
    seed: int

    def __call__(
        self,
        learners: Mapping[str, tuple[Method, Callable[..., Any]]],
        sets: Sequence[Dataset],
        batch_size: int,
        watch: Callable[[], None],
    ) -> dict[str, list[float]]:
        """Train on the first set, and return the accuracy on each batch of the second.

        Args:
            learners: from a name to a method with initial weights, and what is done to its batches.
            sets: to learn from, and to measure on; incomplete batches of the second are left out.
            batch_size: items.
            watch: called after each step.
        """
        made = {}
        for name, (method, alter) in learners.items():
            method.to(self.fabric.device)
            made[name] = Learner(method, self.optim(method.parameter_groups()), alter)
        loading: dict[str, Any] = {"batch_size": batch_size, "workers": 0}
        with closing(Feed(self.fabric, sets[0], seed=self.seed, start=0, prefetch=2, **loading)) as feed:
            for step in range(1, self.rounds + 1):
                (batch,) = feed.take(1)
                for learner in made.values():
                    learner.step(batch, step, self.rounds, self.schedule, self.seed)
                watch()
        whole = [one for one in batches_of(self.fabric, sets[1], 0, None, **loading) if len(one["key"]) == batch_size]
        with torch.no_grad():
            return {name: [learner.measure([batch])["accuracy"] for batch in whole] for name, learner in made.items()}
