"""One optimiser step, from batches to changed weights."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import torch
from lightning_fabric import Fabric

from avssl.methods.recordings import count
from avssl.training.errors import TrainingError
from avssl.training.feed import Batch, is_empty
from avssl.training.optim import OWN


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
    fabric: Fabric,
    module: Any,
    optimizers: Mapping[str, Any],
    batches: Sequence[Batch],
    step: int,
    clip: float | None,
    ready: Callable[[], None] = lambda: None,
) -> dict[str, float]:
    """Take one step on the mean gradient of the batches.

    One backward pass serves all optimisers: with an adversary ``loss`` reaches the method's own parameters alone,
    ``adversary_loss`` the adversary's alone, so their sum gives each its own gradient.

    Args:
        fabric: scales, synchronises and clips.
        module: the method, as Fabric set it up.
        optimizers: likewise, by name, as `avssl.training.optim.optimizers` gives them; of one called ``adversary`` the
            method may return a loss of its own, ``adversary_loss``.
        batches: at least one, none empty.
        step: for messages, counted from 1.
        clip: greatest norm of each optimiser's gradient; None leaves it as it is.
        ready: called when the gradients are there, before they are clipped.

    Returns:
        The mean of the method's scalars, and ``gradient_norm`` before clipping (left out where 16-mixed overflowed
        and its scaler dropped the step); ``adversary_gradient_norm`` beside it where there is an adversary.

    Raises:
        TrainingError: for a loss or gradient that is not finite; the weights are then still those of the last step.
    """
    losses_of = ["loss", *(prefixed(name, "loss") for name in optimizers if name != OWN)]
    norms = [prefixed(name, "gradient_norm") for name in optimizers]
    scalars: dict[str, list[torch.Tensor]] = {}
    for number, batch in enumerate(batches, 1):
        with fabric.no_backward_sync(module, enabled=number < len(batches)):
            losses = module(batch)
            total = losses["loss"]
            for name in losses_of[1:]:
                total = total + losses[name] if name in losses else total
            fabric.backward(total / len(batches))
        for name, value in losses.items():
            scalars.setdefault(name, []).append(value.detach().float())
    ready()
    names, means = list(scalars), [torch.stack(values).mean() for values in scalars.values()]
    for name, optimizer in zip(norms, optimizers.values(), strict=True):
        norm = fabric.clip_gradients(module, optimizer, max_norm=clip or math.inf, error_if_nonfinite=False)
        assert norm is not None
        names.append(name)
        means.append(norm.detach().float().to(means[0].device))  # without any gradient it is a 0 on the CPU
    # One transfer a step: a bad loss is caught before it reaches the weights, and waiting is measured honestly.
    values = dict(zip(names, torch.stack(means).tolist(), strict=True))
    bad = nonfinite(values, losses_of, norms, getattr(fabric.strategy.precision, "scaler", None))
    if bad:
        raise TrainingError(complaint(bad, values[bad], batches, step))
    for optimizer in optimizers.values():
        optimizer.step()
        optimizer.zero_grad()
    return {name: value for name, value in values.items() if name not in norms or math.isfinite(value)}


def prefixed(name: str, what: str) -> str:
    """Return what the log calls something of an optimiser, such as ``lr`` and ``adversary_lr``."""
    return what if name == OWN else f"{name}_{what}"


def nonfinite(values: dict[str, float], losses: Sequence[str], norms: Sequence[str], scaler: Any) -> str | None:
    """Return the name of a loss or of a gradient's norm that must not reach the weights, or None.

    Scaled gradients (16-mixed) may overflow: the scaler then drops the step and halves its scale. Below a scale of 1
    it is not the scaling that overflows.
    """
    for name in losses:
        if not math.isfinite(values.get(name, 0.0)):
            return name
    if scaler is not None and scaler.get_scale() >= 1:
        return None
    return next((name for name in norms if not math.isfinite(values.get(name, 0.0))), None)


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
