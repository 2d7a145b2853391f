"""Half precision that trains: what must be exact stays in single precision, and what cannot be done is said first."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch
from lightning_fabric.plugins import Precision as Plugin
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from avssl.methods import Method
from avssl.training.errors import TrainingError
from avssl.training.optim import AdamW, Optim

Precision = Literal["32-true", "16-mixed", "bf16-mixed", "16-true", "bf16-true"]
HALVES = {"16-true": torch.float16, "bf16-true": torch.bfloat16}
LEAST_EPS = 1e-4  # squares of gradients below it vanish in 16 bits, and steps would be divided by next to nothing


class Halves(Plugin):
    """Layers in half precision; batches, spectrograms, buffers and losses stay in single precision.

    The weights of every layer are halved, and what comes into a layer is brought to them. Batch normalisation keeps its
    own and its statistics, as do numbers that belong to the method itself (a scale, a bias of a loss): both take
    changes that half precision would lose. Fabric's own plugin halves all of it, and the batches too: times of clips,
    the description of spectrograms, banks and running means would be wrong in silence.

    Args:
        precision: ``"16-true"`` or ``"bf16-true"``.
    """

    def __init__(self, precision: str):
        self.precision = precision  # pyright: ignore[reportAttributeAccessIssue]
        self.dtype = HALVES[precision]

    def convert_module(self, module: nn.Module) -> nn.Module:
        """Halve the layers of a method, in place."""
        for part in module.modules():
            if isinstance(part, Method | _BatchNorm):
                continue
            own = [weight for weight in part.parameters(recurse=False) if weight.is_floating_point()]
            for weight in own:
                weight.data = weight.data.to(self.dtype)
            if own:
                part.register_forward_pre_hook(self.bring, with_kwargs=True)
        return module

    def bring(self, _part: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Return what comes into a layer in half precision."""
        return tuple(map(self.halved, inputs)), {name: self.halved(value) for name, value in named.items()}

    def halved(self, value: Any) -> Any:
        return value.to(self.dtype) if isinstance(value, Tensor) and value.is_floating_point() else value


def halves_of(precision: str, strategy: Any, optims: list[Optim | None]) -> Halves | None:
    """Return what halves a method; None where Fabric knows what a precision asks.

    Raises:
        TrainingError: for a precision that there is not, or that does not go with the other settings.
    """
    known = Precision.__args__
    if precision not in known:
        raise TrainingError(f"precision={precision!r} is none of those there are: {', '.join(known)}")
    if precision not in HALVES:
        return None
    if not isinstance(strategy, str):
        raise TrainingError(f"precision={precision} does not go with fsdp; use bf16-mixed, or strategy=ddp")
    if precision == "16-true" and any(isinstance(one, AdamW) and one.eps < LEAST_EPS for one in optims):
        raise TrainingError(
            f"precision=16-true: AdamW divides by numbers that 16 bits do not hold; set optim.eps={LEAST_EPS:g} or "
            "more, or use SGD, bf16-true or 16-mixed"
        )
    return Halves(precision)


@contextmanager
def possible(precision: str, device: torch.device) -> Iterator[None]:
    """Say in one line which operation a device has not in a precision."""
    try:
        yield
    except (RuntimeError, NotImplementedError) as error:
        text = str(error)
        if "not implemented for 'Half'" not in text and "not implemented for 'BFloat16'" not in text:
            raise
        raise TrainingError(
            f"precision={precision} is not possible on {device.type} for this method: {text.splitlines()[0]}; use "
            "32-true or bf16-mixed"
        ) from error
