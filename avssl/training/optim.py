"""Optimisers as plain settings: each makes a torch optimiser for a method's groups of parameters."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import torch

from avssl.config import NotNegative, Positive, Share
from avssl.training.errors import TrainingError
from avssl.training.lars import LayerwiseSGD
from avssl.training.schedule import Schedule

Groups = list[dict[str, Any]]  # as Method.parameter_groups returns them


class Optim(ABC):
    """Makes an optimiser.

    Parameters of one dimension (biases, gains of norms) are never decayed, unless their group says so itself.
    A group may depart from the settings: ``{"params": [...], "lr": 0.1}``. Groups of an adversary are marked by
    ``"adversary": True`` and get an optimiser of their own; both step together.
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

    Parameters of one dimension are neither decayed nor adapted.

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
    groups: Groups, optim: Optim, adversary: Optim | None, learner: str = "the method"
) -> list[torch.optim.Optimizer]:
    """Return the optimiser of a method's own groups and, if it has an adversary, that of the adversary's.

    Args:
        groups: all of the method's; the adversary's are marked by ``"adversary": True``.
        optim: of its own groups.
        adversary: of the adversary's.
        learner: the method's name, for messages.

    Raises:
        TrainingError: if there is an adversary without settings, or settings without an adversary.
    """
    marked = [group for group in groups if group.get("adversary")]
    if marked and adversary is None:
        raise TrainingError(
            f"{learner} trains an adversary, which needs an optimiser of its own; set adversary beside optim, such as "
            "adversary={name: AdamW, lr: 2e-4}"
        )
    if adversary is not None and not marked:
        raise TrainingError(f"adversary: {learner} has no adversary to train; take this setting out")
    plain = [
        [{name: value for name, value in group.items() if name != "adversary"} for group in part]
        for part in ([group for group in groups if not group.get("adversary")], marked)
    ]
    return [optim(plain[0])] if adversary is None else [optim(plain[0]), adversary(plain[1])]


def split(groups: Groups, weight_decay: float) -> Groups:
    """Divide each group into parameters that are decayed and those of one dimension, which are not."""
    parts = []
    for group in groups:
        wanted = [parameter for parameter in group["params"] if parameter.requires_grad]
        weights = [parameter for parameter in wanted if parameter.ndim > 1]
        others = [parameter for parameter in wanted if parameter.ndim <= 1]
        for parameters, decay in ((weights, weight_decay), (others, 0.0)):
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
