"""Layer-wise adaptive rate scaling.

You, Gitman and Ginsburg, "Large Batch Training of Convolutional Networks", 2017, algorithm 1.
https://arxiv.org/abs/1708.03888
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor


class LayerwiseSGD(torch.optim.Optimizer):
    """Stochastic gradient descent with momentum, each parameter's step scaled by the size of its weights.

    A step is ``v = momentum * v + lr * local * (gradient + weight_decay * weight)``, ``weight -= v``, with
    ``local = trust * |weight| / (|gradient| + weight_decay * |weight|)`` for groups with ``adapt=True`` and 1 for
    others. Where the weights or the gradient are all zero, ``local`` is 1 (the paper does not say; 0 would keep a
    layer that starts at zero there for ever).

    Args:
        params: parameters, or groups of them.
        lr: the global learning rate.
        momentum: share of the last step that is kept.
        weight_decay: pull towards zero.
        trust: the paper's eta.
        adapt: scale the steps of a group.
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
                    change = change * local_rate(parameter, parameter.grad, group["trust"], group["weight_decay"])
                state = self.state[parameter]
                if "momentum" not in state:
                    state["momentum"] = torch.zeros_like(parameter)
                state["momentum"].mul_(group["momentum"]).add_(change, alpha=group["lr"])
                parameter.sub_(state["momentum"])
        return loss


def local_rate(weight: Tensor, gradient: Tensor, trust: float, weight_decay: float) -> Tensor:
    """Return the scale of one parameter's step, a number without dimensions, without leaving the device."""
    size, slope = weight.norm(), gradient.norm()
    rate = trust * size / (slope + weight_decay * size)
    return torch.where((size > 0) & (slope > 0), rate, torch.ones_like(rate))
