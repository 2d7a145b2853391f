"""The kinds of devices that settings can name, and whether one is there."""

from typing import Literal

import torch

from avssl.training.errors import TrainingError

Accelerator = Literal["auto", "cpu", "gpu", "cuda", "mps"]


def require_accelerator(accelerator: Accelerator) -> None:
    """Refuse a GPU that is not there, and say what is.

    Raises:
        TrainingError: if PyTorch finds none of the kind.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    wanted = {"gpu": [*there]}.get(accelerator, [accelerator])
    if any(there.get(kind, True) for kind in wanted):
        return
    other = next((kind for kind, found in there.items() if found), "cpu")
    raise TrainingError(
        f"accelerator={accelerator}: PyTorch finds no such device here; accelerator=auto takes what there is ({other})"
    )
