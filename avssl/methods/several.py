"""Several tasks at once: each batch is of one of them, and all learn the same trunk.

Doersch and Zisserman, "Multi-task Self-Supervised Visual Learning", ICCV 2017, section 4: one trunk, a head a task.
https://arxiv.org/abs/1708.07860
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from math import isfinite
from typing import Any

import torch
from torch import Tensor, nn

from avssl.config import describe
from avssl.methods.base import Batch, Features, Method
from avssl.nets import Encoder
from avssl.nets.teacher import Teacher
from avssl.transforms import Draws
from avssl.transforms.draws import seed_of

STREAM = -7  # last number of the key that tasks are drawn by, so that they share no chance with views


class SeveralTasks(Method):
    """Any methods on one trunk; each step is of one task, drawn by weight.

    Which task a step is of follows from the seed of the data and the number of the step alone: the same in all
    processes, whatever loads the data, and after any interruption. All batches that make one step are of its task.
    A head that a step does not use gets no gradient, and the optimiser leaves it as it is.

    All tasks use the encoder of the first; those of the others, which must be alike, are given up. So a config says
    ``encoder: &trunk {...}`` once, and ``encoder: *trunk`` in the other tasks. A task's teacher becomes a copy of the
    shared encoder.

    Departures from the paper: a step is of one task where the paper adds the gradients of all; all tasks read the same
    layer, where the paper lets each choose a mixture of layers (section 4.1, "lasso").

    Args:
        methods: the tasks, in any number; one alone learns as it does by itself.
        weights: how often each is drawn, as shares of their sum; None for all alike.

    Raises:
        ValueError: if weights are not one per task and above zero, or encoders differ.

    Examples:
        >>> from avssl.methods import RelativePosition, Rotation
        >>> from avssl.nets import SmallNet
        >>> small = {"patch": 8, "gap": 2, "jitter": 1}
        >>> several = SeveralTasks([Rotation(SmallNet(16, 4)), RelativePosition(SmallNet(16, 4), **small)], [1, 3])
        >>> batch = {"frames": torch.zeros(4, 1, 1, 3, 32, 32, dtype=torch.uint8), "key": torch.zeros(4, 3).long()}
        >>> sorted(several(batch))
        ['RelativePosition/accuracy', 'RelativePosition/loss', 'loss']
    """

    partial = True
    steps: Tensor

    def __init__(self, methods: Sequence[Method], weights: Sequence[float] | None = None):
        super().__init__()
        weights = [1.0] * len(methods) if weights is None else list(weights)
        if not methods or len(weights) != len(methods) or not all(isfinite(one) and one > 0 for one in weights):
            raise ValueError(
                f"needs at least one method and a weight above 0 for each; got {len(methods)} methods and {weights=}"
            )
        self.shares = [weight / sum(weights) for weight in weights]
        self.names = named(methods)
        self.encoder = methods[0].encoder
        for number, method in enumerate(methods):
            share(method, self.encoder, f"methods.{number}")
        self.tasks = nn.ModuleList(methods)
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        self.least_recordings = max(method.least_recordings for method in methods)
        self.remembers = any(method.remembers for method in methods)
        self.remembered = next((method.remembered for method in methods if method.remembered is not None), None)
        self.against = any(group.get("optimizer") == "adversary" for group in self.parameter_groups())

    def forward(self, batch: Batch | Tensor) -> dict[str, Tensor]:
        """Let the task of this step learn; in evaluation, judge all tasks.

        Returns:
            What the task returns, each under the task's name, such as ``Rotation/accuracy``; ``loss`` is its loss, in
            evaluation the mean over tasks by weight; ``adversary_loss`` if a task has one, 0 in steps of others.
        """
        chosen = [self.drawn(batch)] if self.training else range(len(self.tasks))
        found: dict[str, dict[str, Tensor]] = {self.names[number]: self.tasks[number](batch) for number in chosen}
        scores = {f"{name}/{key}": value for name, values in found.items() for key, value in values.items()}
        shares = [1.0] if self.training else self.shares
        loss = torch.stack([s * values["loss"] for s, values in zip(shares, found.values(), strict=True)]).sum()
        total = {"loss": loss}
        if self.against:
            against = [values["adversary_loss"] for values in found.values() if "adversary_loss" in values]
            total["adversary_loss"] = torch.stack(against).sum() if against else torch.zeros_like(loss)
        return total | scores

    def drawn(self, batch: Batch | Tensor) -> int:
        """Return the number of the task that this step is of; without ``key`` the seed is 0, in all processes alike."""
        seed = int(seed_of(batch["key"])[0]) if isinstance(batch, dict) and "key" in batch else 0
        key = torch.tensor([[seed, int(self.steps), STREAM]])
        place = Draws(key).uniform().item()
        return bisect_right(list(accumulate(self.shares))[:-1], place)

    def measure(self, batches: Iterable[Any]) -> dict[str, float]:
        """Return each task's scores under its name, and ``loss``, the mean by weight of what decides each task.

        The batches are kept in memory, for every task looks at them.
        """
        kept, scores = list(batches), dict[str, float]()
        for name, task in self.named_tasks():
            scores |= {f"{name}/{key}": value for key, value in task.measure(kept).items()}
        deciding = [f"{name}/{task.decides}" for name, task in self.named_tasks()]
        losses = [scores[name] for name in deciding if name in scores]
        if len(losses) < len(self.names):
            return scores
        return {"loss": sum(share * loss for share, loss in zip(self.shares, losses, strict=True))} | scores

    def named_tasks(self) -> Iterable[tuple[str, Method]]:
        """Yield each task with its name."""
        return zip(self.names, self.tasks, strict=True)  # pyright: ignore[reportReturnType]

    def facts(self) -> list[str]:
        """Return how often each task is drawn, and what the tasks say."""
        drawn = ", ".join(f"{name} {share:.0%}" for name, share in zip(self.names, self.shares, strict=True))
        return [f"steps by task: {drawn}", *(f"{n}: {line}" for n, task in self.named_tasks() for line in task.facts())]

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return the groups of all tasks; what of the trunk no task claims is a group of its own."""
        groups, taken = [], set()
        for _, task in self.named_tasks():
            for group in task.parameter_groups():
                own = [parameter for parameter in group["params"] if id(parameter) not in taken]
                taken |= {id(parameter) for parameter in own}
                groups += [group | {"params": own}] if own else []
        trunk = [one for one in self.encoder.parameters() if one.requires_grad and id(one) not in taken]
        return ([{"params": trunk}] if trunk else []) + groups

    def before_epoch(self, features: Features) -> list[str]:
        """Let every task look at the data, as it does before a pass; return what they made anew."""
        anew = list[str]()
        for number, (_, task) in enumerate(self.named_tasks()):
            for name in task.before_epoch(features) or ():
                anew.append(name if name.startswith("encoder.") else f"tasks.{number}.{name}")
        return anew

    def after_backward(self, step: int, steps: int) -> None:
        """Let every task do what it does when gradients are there."""
        for _, task in self.named_tasks():
            task.after_backward(step, steps)

    def after_step(self, step: int, steps: int) -> None:
        """Count, and let every task do what it does after a step: the trunk has moved for all."""
        self.steps.fill_(step)
        for _, task in self.named_tasks():
            task.after_step(step, steps)

    def after_measure(self, scores: Mapping[str, float]) -> None:
        """Tell every task what was measured of it."""
        for name, task in self.named_tasks():
            mine = [(key, *key.partition(f"/{name}/")) for key in scores]
            task.after_measure({f"{data}/{rest}": scores[key] for key, data, parted, rest in mine if parted})


def named(methods: Sequence[Method]) -> list[str]:
    """Return the names of methods' classes; those that stand there again are numbered, ``Rotation_2``."""
    counts: Counter[str] = Counter()
    names = []
    for method in methods:
        name = type(method).__name__
        counts[name] += 1
        names.append(name if counts[name] == 1 else f"{name}_{counts[name]}")
    return names


def share(method: Method, encoder: Encoder, where: str) -> None:
    """Let a method use an encoder in place of its own, without holding it: one place has its weights.

    Raises:
        ValueError: if its own encoder is another kind or none, or is still in use elsewhere within it.
    """
    own = method.encoder
    if not isinstance(own, Encoder):
        raise ValueError(f"{where} has no encoder of pictures or clips to share: {type(method).__name__} only hears")
    if isinstance(method, SeveralTasks) or "encoder" not in method._modules:
        raise ValueError(f"{where} is part of several tasks already, or one of them; list every method once")
    compared = {"settings": (describe(own), describe(encoder)), "weights": (shapes(own), shapes(encoder))}
    for what, (mine, theirs) in compared.items():
        odd = sorted(str(key) for key in {**mine, **theirs} if mine.get(key) != theirs.get(key))
        if odd:
            raise ValueError(
                f"tasks share one trunk, and the encoder of {where} has other {what} than that of methods.0 "
                f"({', '.join(odd[:3])}); write encoder: &trunk {{...}} in the first, and encoder: *trunk in the others"
            )
    del method.encoder
    held = {id(parameter) for parameter in own.parameters()} & {id(parameter) for parameter in method.parameters()}
    if held and own is not encoder:
        raise ValueError(
            f"{where}: {type(method).__name__} holds parts of its encoder elsewhere, so it cannot share one"
        )
    if own is not encoder:
        follow(method, own, encoder, where)
    object.__setattr__(method, "encoder", encoder)  # beside its modules: weights and states are those of one place


@torch.no_grad()
def follow(method: Method, own: Encoder, encoder: Encoder, where: str) -> None:
    """Let copies of a method's own encoder, such as in a teacher, be copies of the shared one.

    Raises:
        ValueError: if a teacher holds a copy of a part of it, which would stay that of an encoder nobody trains.
    """
    for module in method.modules():
        if isinstance(module, Encoder) and same(module.state_dict(), own.state_dict()):
            module.load_state_dict(encoder.state_dict())
        if isinstance(module, Teacher) and not any(isinstance(part, Encoder) for part in module.modules()):
            held = (one for one in module.parameters() if one.ndim > 1)
            if any(one.shape == other.shape and one.equal(other) for one in held for other in own.parameters()):
                raise ValueError(
                    f"{where}: a teacher of {type(method).__name__} holds parts of its encoder, which is given up for "
                    "the shared one; list it first, give it the same encoder object, or copy the encoder whole"
                )


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    """Tell whether two states hold the same names and numbers."""
    return one.keys() == other.keys() and all(value.equal(other[name]) for name, value in one.items())


def shapes(encoder: Encoder) -> dict[str, tuple[int, ...]]:
    """Return the shape of every weight by its name."""
    return {name: tuple(value.shape) for name, value in encoder.state_dict().items()}
