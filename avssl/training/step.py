"""One optimiser step, from batches to changed weights."""

import math
from collections.abc import Sequence
from typing import Any, cast

import torch
from lightning_fabric import Fabric

from avssl.methods.recordings import count
from avssl.training.errors import TrainingError
from avssl.training.feed import Batch, is_empty

ADVERSARY = "adversary_loss"  # what a method calls the loss of its adversary, which `loss` must not move
NORMS = ("gradient_norm", "adversary_gradient_norm")  # before clipping, of the method and of its adversary


def agree(fabric: Fabric, asked: int, batches: Sequence[Batch], least: int = 1) -> tuple[int, list[Batch]]:
    """Return what every process will do alike: which signal to stop for (0: none), and the batches to use.

    A batch that is empty in one process, or holds fewer recordings than a method learns from, is left out in all, or
    the others would wait for its gradients for ever.
    """
    usable = [not is_empty(batch) and (least < 2 or count(batch) >= least) for batch in batches]
    if fabric.world_size > 1:
        mine = torch.tensor([-asked, *usable], device=fabric.device, dtype=torch.int32)
        gathered = cast(torch.Tensor, fabric.all_gather(mine))
        every = gathered.view(fabric.world_size, -1).amin(0).tolist()
        asked, usable = -every[0], [bool(value) for value in every[1:]]
    return asked, [batch for batch, use in zip(batches, usable, strict=True) if use]


def update(
    fabric: Fabric, module: Any, optimizers: Sequence[Any], batches: Sequence[Batch], step: int, clip: float | None
) -> dict[str, float]:
    """Take one step on the mean gradient of the batches.

    One backward pass serves both optimisers of a method with an adversary: ``loss`` reaches the method's own
    parameters alone, ``adversary_loss`` the adversary's alone, so their sum gives each its own gradient.

    Args:
        fabric: scales, synchronises and clips.
        module: the method, as Fabric set it up.
        optimizers: likewise; the adversary's, if there is one, is the second.
        batches: at least one, none empty.
        step: for messages, counted from 1.
        clip: greatest norm of each optimiser's gradient; None leaves it as it is.

    Returns:
        The mean of the method's scalars, and ``gradient_norm`` before clipping (left out where 16-mixed overflowed
        and its scaler dropped the step); ``adversary_gradient_norm`` beside it where there is an adversary.

    Raises:
        TrainingError: for a loss or gradient that is not finite; the weights are then still those of the last step.
    """
    scalars: dict[str, list[torch.Tensor]] = {}
    for number, batch in enumerate(batches, 1):
        with fabric.no_backward_sync(module, enabled=number < len(batches)):
            losses = module(batch)
            total = losses["loss"] + losses[ADVERSARY] if len(optimizers) > 1 else losses["loss"]
            fabric.backward(total / len(batches))
        for name, value in losses.items():
            scalars.setdefault(name, []).append(value.detach().float())
    names, means = list(scalars), [torch.stack(values).mean() for values in scalars.values()]
    for name, optimizer in zip(NORMS, optimizers, strict=False):
        norm = fabric.clip_gradients(module, optimizer, max_norm=clip or math.inf, error_if_nonfinite=False)
        assert norm is not None
        names.append(name)
        means.append(norm.detach().float().to(means[0].device))  # without any gradient it is a 0 on the CPU
    # One transfer a step: a bad loss is caught before it reaches the weights, and waiting is measured honestly.
    values = dict(zip(names, torch.stack(means).tolist(), strict=True))
    bad = nonfinite(values, getattr(fabric.strategy.precision, "scaler", None))
    if bad:
        raise TrainingError(complaint(bad, values[bad], batches, step))
    for optimizer in optimizers:
        optimizer.step()
        optimizer.zero_grad()
    return {name: value for name, value in values.items() if name not in NORMS or math.isfinite(value)}


def nonfinite(values: dict[str, float], scaler: Any) -> str | None:
    """Return the name of a loss or of a gradient's norm that must not reach the weights, or None.

    Scaled gradients (16-mixed) may overflow: the scaler then drops the step and halves its scale. Below a scale of 1
    it is not the scaling that overflows.
    """
    for name in ("loss", ADVERSARY):
        if not math.isfinite(values.get(name, 0.0)):
            return name
    if scaler is not None and scaler.get_scale() >= 1:
        return None
    return next((name for name in NORMS if not math.isfinite(values.get(name, 0.0))), None)


def complaint(what: str, value: float, batches: Sequence[Batch], step: int) -> str:
    """Return what to say of a value that is not finite: the step, the batch's files, what to try."""
    odd = [path for batch in batches for path in odd_files(batch)]
    paths = odd or [str(path) for batch in batches for path in batch.get("path", [])]
    files = ", ".join(paths[:8]) + (f" and {len(paths) - 8} more" if len(paths) > 8 else "")
    return (
        f"step {step}: {what} is {value}; the weights were left as they were, and the last checkpoint is good. "
        f"Try a lower optim.lr, a longer schedule.warmup, clip=1 or precision=32-true, and look at the batch's files"
        f"{' that hold values which are not finite' if odd else ''}: {files or '(the data names none)'}"
    )


def odd_files(batch: Batch) -> list[str]:
    """Return the files of a batch whose pictures or sounds hold values that are not finite."""
    paths, bad = batch.get("path", []), set()
    for name in ("frames", "sound"):
        values = batch.get(name)
        if isinstance(values, torch.Tensor) and values.is_floating_point() and len(values) == len(paths):
            bad.update((~values.flatten(1).isfinite().all(1)).nonzero().flatten().tolist())
    return [str(paths[place]) for place in sorted(bad)]
