"""Layer-wise adaptive rate scaling.

You, Gitman and Ginsburg, "Large Batch Training of Convolutional Networks", 2017,
https://arxiv.org/abs/1708.03888; as the code of BYOL, Barlow Twins and MoCo v3 has it.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor


class LayerwiseSGD(torch.optim.Optimizer):
    """Stochastic gradient descent with momentum, each parameter's change scaled to the size of its weights.

    A step is ``change = gradient + weight_decay * weight``, ``v = momentum * v + local * change`` and
    ``weight -= lr * v``, with ``local = trust * |weight| / |change|`` for groups with ``adapt=True`` and 1 for others.
    Where the weights or the change are all zero, ``local`` is 1. SimCLR's code multiplies ``lr`` in before the
    momentum, which is the same while ``lr`` is; algorithm 1 of the paper divides by ``|gradient| + weight_decay *
    |weight|``, which is never less.

    Args:
        params: parameters, or groups of them.
        lr: the global learning rate.
        momentum: share of the last change that is kept.
        weight_decay: pull towards zero.
        trust: the paper's eta.
        adapt: scale the changes of a group.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        trust: float = 0.001,
        adapt: bool = True,
    ):
        defaults = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "trust": trust, "adapt": adapt}
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Take one step; ``closure``, if given, is run first and its loss returned."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                change = parameter.grad + group["weight_decay"] * parameter
                if group["adapt"]:
                    change = change * local_rate(parameter, change, group["trust"])
                state = self.state[parameter]
                if "momentum" not in state:
                    state["momentum"] = torch.zeros_like(parameter)
                state["momentum"].mul_(group["momentum"]).add_(change)
                parameter.sub_(state["momentum"], alpha=group["lr"])
        return loss


def local_rate(weight: Tensor, change: Tensor, trust: float) -> Tensor:
    """Return the scale of one parameter's change, a number without dimensions, without leaving the device."""
    size, slope = weight.norm(), change.norm()
    return torch.where((size > 0) & (slope > 0), trust * size / slope, torch.ones_like(size))
