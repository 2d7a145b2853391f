"""A running average of the weights: smoother than any single step's."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

STATISTICS = ("running_mean", "running_var")  # buffers of batch normalisation, averaged like weights


class Average:
    """An exponential moving average of a module's weights and batch statistics.

    Other buffers (queues, counters) are those of the last step. Early on the average forgets faster, by
    ``min(decay, (1 + step) / (10 + step))``, or the random first weights would weigh for long.

    Args:
        module: whose weights.
        decay: share of the average that each step keeps, in [0, 1).
    """

    def __init__(self, module: nn.Module, decay: float):
        self.decay, self.module = decay, module
        self.values = {name: single(value.detach()).clone() for name, value in module.state_dict().items()}

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        """Take in the weights after step number ``step``, counted from 1."""
        keep = min(self.decay, (1 + step) / (10 + step))
        weights = {name for name, _ in module.named_parameters()}
        for name, value in module.state_dict().items():
            if name in weights or name.rpartition(".")[2] in STATISTICS:
                self.values[name].lerp_(single(value), 1 - keep)
            else:
                self.values[name].copy_(value)

    def restart(self, module: nn.Module, names: Iterable[str]) -> None:
        """Take over weights that were made anew, such as a head's, instead of averaging them with what they were."""
        for name in names:
            self.values[name].copy_(module.get_parameter(name).detach())

    @contextmanager
    def applied(self, module: nn.Module) -> Iterator[None]:
        """Put the averaged weights into the module for a while."""
        own = {name: value.clone() for name, value in module.state_dict().items()}
        fill(module, self.values)
        try:
            yield
        finally:
            fill(module, own)

    def state_dict(self) -> dict[str, Tensor]:
        """Return the averaged values by name, for a checkpoint."""
        return self.values

    def load_state_dict(self, values: dict[str, Tensor]) -> None:
        """Take up the values of a checkpoint; the module translates the names of an earlier version."""
        if values.keys() != self.values.keys():
            own = {name: value.clone() for name, value in self.module.state_dict().items()}
            self.module.load_state_dict(values)
            values = {name: value.clone() for name, value in self.module.state_dict().items()}
            fill(self.module, own)
        for name, value in self.values.items():
            value.copy_(values[name])


@torch.no_grad()
def fill(module: nn.Module, values: dict[str, Tensor]) -> None:
    for name, value in module.state_dict().items():
        value.copy_(values[name])


def single(value: Tensor) -> Tensor:
    """Return weights in single precision: half precision would lose what a step adds to an average."""
    return value.float() if value.dtype in (torch.float16, torch.bfloat16) else value
