"""Optimisers as plain settings: each makes a torch optimiser for a method's groups of parameters."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from avssl.config import NotNegative, Positive, Share
from avssl.training.errors import TrainingError
from avssl.training.lars import LayerwiseSGD
from avssl.training.schedule import Schedule

OWN = "optimizer"  # the name of the optimiser of groups that name none
Groups = list[dict[str, Any]]  # as Method.parameter_groups returns them


class Optim(ABC):
    """Makes an optimiser.

    Parameters of one dimension (biases, gains of norms) are not decayed, unless their group has ``"decay_all": True``
    or a ``weight_decay`` of its own. A group may depart from the settings: ``{"params": [...], "lr": 0.1}``.
    """

    @abstractmethod
    def __call__(self, groups: Groups) -> torch.optim.Optimizer:
        """Return the optimiser of ``groups``."""


@dataclass(frozen=True, kw_only=True)
class SGD(Optim):
    """Stochastic gradient descent.

    Args:
        lr: learning rate.
        momentum: share of the last step that is kept.
        weight_decay: pull of weights towards zero.
        nesterov: look ahead along the momentum.
    """

    lr: Positive
    momentum: Share = 0.9
    weight_decay: NotNegative = 0.0
    nesterov: bool = False

    def __call__(self, groups: Groups) -> torch.optim.Optimizer:
        parts = split(groups, self.weight_decay)
        return started(torch.optim.SGD(parts, lr=self.lr, momentum=self.momentum, nesterov=self.nesterov))


@dataclass(frozen=True, kw_only=True)
class AdamW(Optim):
    """Adam with decoupled weight decay (Loshchilov and Hutter, ICLR 2019, https://arxiv.org/abs/1711.05101).

    Args:
        lr: learning rate.
        betas: share of the past in the running means of the gradient and of its square.
        eps: added to the root of the squares.
        weight_decay: pull of weights towards zero, times the learning rate.
    """

    lr: Positive
    betas: tuple[Share, Share] = (0.9, 0.999)
    eps: Positive = 1e-8
    weight_decay: NotNegative = 0.01

    def __call__(self, groups: Groups) -> torch.optim.Optimizer:
        parts = split(groups, self.weight_decay)
        return started(torch.optim.AdamW(parts, lr=self.lr, betas=self.betas, eps=self.eps))


@dataclass(frozen=True, kw_only=True)
class LARS(Optim):
    """Layer-wise adaptive rate scaling, for batches of thousands (https://arxiv.org/abs/1708.03888).

    The formula is that of BYOL's and MoCo v3's code, see `avssl.training.lars`. Parameters of one dimension are not
    adapted, unless their group has ``"adapt": True``, nor decayed.

    Args:
        lr: the global learning rate.
        momentum: share of the last step that is kept.
        weight_decay: pull of weights towards zero.
        trust: how far a layer may move relative to its size (the paper's eta).
    """

    lr: Positive
    momentum: Share = 0.9
    weight_decay: NotNegative = 0.0
    trust: Positive = 0.001

    def __call__(self, groups: Groups) -> torch.optim.Optimizer:
        parts = split(groups, self.weight_decay)
        for part in parts:
            part.setdefault("adapt", part["params"][0].ndim > 1)
        return started(LayerwiseSGD(parts, lr=self.lr, momentum=self.momentum, trust=self.trust))


def optimizers(
    groups: Groups, optim: Optim, others: Mapping[str, Optim | None], learner: str = "the method"
) -> dict[str, torch.optim.Optimizer]:
    """Return the optimisers of a method's parameters by name: ``"optimizer"``, and those that groups name.

    Args:
        groups: all of the method's; ``"optimizer": "adversary"`` gives one to the optimiser of that name.
        optim: of the groups that name none.
        others: of those that do; None for a setting that was not given.
        learner: the method's name, for messages.

    Raises:
        TrainingError: if a group names an optimiser without settings, there are settings that no group names, or a
            group has a setting that its optimiser does not know.
    """
    named: dict[str, Groups] = {OWN: []}
    for group in groups:
        rest = {key: value for key, value in group.items() if key != "optimizer"}
        named.setdefault(group.get("optimizer", OWN), []).append(rest)
    for name in named.keys() - {OWN}:
        if others.get(name) is None:
            raise TrainingError(
                f"{learner} trains its {name}, which needs an optimiser of its own; "
                + (
                    f"set {name} beside optim, such as {name}={{name: AdamW, lr: 2e-4}}"
                    if name in others
                    else f"there is none of that name: use {' or '.join(map(repr, others))}"
                )
            )
    for name, made in others.items():
        if made is not None and name not in named:
            raise TrainingError(f"{name}: {learner} has no {name} to train; take this setting out")
    makers = {OWN: optim, **{name: made for name, made in others.items() if made is not None}}
    found = {name: makers[name](named[name]) for name in makers}
    for optimizer in found.values():
        known = {*optimizer.defaults, "params", "initial_lr"}
        odd = sorted({key for group in optimizer.param_groups for key in group} - known)
        if odd:
            raise TrainingError(
                f"{learner}: a group of its parameters has {odd[0]!r}, which {type(optimizer).__name__} does not know; "
                f"it knows {', '.join(sorted(optimizer.defaults))}, and every optimiser optimizer and decay_all"
            )
    return found


def forget(optimizers: Iterable[Any], parameters: Iterable[nn.Parameter]) -> None:
    """Drop what optimisers remember of parameters that were made anew, such as their momentum."""
    made = list(parameters)
    for optimizer in optimizers:
        for parameter in made:
            optimizer.state.pop(parameter, None)


def split(groups: Groups, weight_decay: float) -> Groups:
    """Divide each group into matrices and kernels, which are decayed, and the rest, decayed by ``decay_all`` alone."""
    parts = []
    for group in groups:
        rest = weight_decay if group.get("decay_all") else 0.0
        group = {key: value for key, value in group.items() if key != "decay_all"}
        wanted = [parameter for parameter in group["params"] if parameter.requires_grad]
        weights = [parameter for parameter in wanted if parameter.ndim > 1]
        others = [parameter for parameter in wanted if parameter.ndim <= 1]
        for parameters, decay in ((weights, weight_decay), (others, rest)):
            if parameters:
                parts.append({"weight_decay": decay} | group | {"params": parameters})
    return parts


def started(optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
    """Let each group remember the learning rate that schedules multiply."""
    for group in optimizer.param_groups:
        group["initial_lr"] = group["lr"]
    return optimizer


def set_rates(optimizer: torch.optim.Optimizer, schedule: Schedule | None, step: int, steps: int) -> float:
    """Set every group's learning rate for a step; return the first group's."""
    factor = 1.0 if schedule is None else schedule(step, steps)
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"] * factor
    return optimizer.param_groups[0]["lr"]
