"""How heads on pictures learn: the same pictures, steps and rates for every encoder, and the last step is scored."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from avssl.config import ConfigError, Count, Positive
from avssl.data import Dataset, Endless
from avssl.data.scene_changes import VOID, cut, mirrored, scaled
from avssl.sampling import rng_for
from avssl.training.optim import AdamW, Optim, set_rates
from avssl.training.schedule import OneCycle, Schedule

Batch = list[dict[str, Any]]  # items as `changed` gives them
REMEMBERED = 1 << 30  # bytes of pictures that are held in memory once read


@dataclass(frozen=True, kw_only=True)
class Fitting:
    """The schedule of a fit; nothing in it is chosen on test pictures.

    Args:
        steps: optimiser steps.
        batch: pictures a step; each picture once before any comes again.
        optim: makes the optimiser; its rate is that of what is new.
        schedule: multiplies the rates; None leaves them as they are.
        encoder_lr: rate of the encoder where it learns too; None takes the optimiser's.
        batch_norm: ``"frozen"``: the encoder's batch normalisation keeps its statistics, as is usual with few pictures
            a step; ``"trained"``: it learns along where the encoder does.
        scale: bring each picture to a random size between these shares of its own (masks and normals by the nearest
            pixel) before it is cut; None leaves it.
        crop: a random part of each picture, (height, width) in pixels, filled up with grey where the picture is
            smaller; None for whole pictures.
        flip: mirror half of the pictures. Left and right of a body would change places unnoticed.
        workers: processes that read ahead.
    """

    steps: Count = 300
    batch: Count = 16
    optim: Optim = field(default_factory=lambda: AdamW(lr=3e-3, weight_decay=1e-3))
    schedule: Schedule | None = field(default_factory=OneCycle)
    encoder_lr: Positive | None = None
    batch_norm: Literal["frozen", "trained"] = "frozen"
    scale: tuple[Positive, Positive] | None = None
    crop: tuple[int, int] | None = None
    flip: bool = False
    workers: int = 0


def learn(
    network: nn.Module,
    encoder: nn.Module,
    batches: Iterator[Batch],
    loss_of: Callable[[Batch], Tensor],
    fitting: Fitting,
    freeze: bool,
) -> None:
    """Let a network learn, and leave it in evaluation mode.

    Args:
        network: all that may learn.
        encoder: the part of it that is scored.
        batches: see `batches_of`.
        loss_of: the loss of a batch.
        fitting: the schedule.
        freeze: keep the encoder as it is.

    Raises:
        ConfigError: if the loss is not finite.
    """
    own = {id(parameter) for parameter in encoder.parameters()}
    encoder.requires_grad_(not freeze)
    groups: list[dict[str, Any]] = [{"params": [one for one in network.parameters() if id(one) not in own]}]
    if not freeze:
        rate = {} if fitting.encoder_lr is None else {"lr": fitting.encoder_lr}
        groups.append({"params": list(encoder.parameters())} | rate)
    optimizer = fitting.optim([group for group in groups if group["params"]])
    network.train()
    if freeze or fitting.batch_norm == "frozen":
        encoder.eval()
    for step, batch in enumerate(islice(batches, fitting.steps)):
        set_rates(optimizer, fitting.schedule, step, fitting.steps)
        loss = loss_of(batch)
        if not torch.isfinite(loss):
            raise ConfigError(f"the loss of step {step} is {loss.item()}; lower the rates in evaluator.fitting.optim")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    network.eval()


def batches_of(data: Dataset, rows: Sequence[int], fitting: Fitting, seed: int, truth: str) -> Iterator[Batch]:
    """Yield batches of items without end; the same seed gives the same ones to every encoder.

    Args:
        data: items with ``frames`` and a truth.
        rows: which items to draw from.
        fitting: says how many, and how they are cut and mirrored.
        seed: fixes order, crops and mirrors.
        truth: what is cut and mirrored along: ``"mask"``, ``"normals"`` or ``"boxes"``.
    """
    items = _read(data, rows, fitting, seed)
    number = 0
    while True:
        batch = []
        for item in islice(items, fitting.batch):
            number += 1
            if "failure" not in item:
                batch.append(changed(item, fitting, seed, number, truth))
        if batch:
            yield batch


def _read(data: Dataset, rows: Sequence[int], fitting: Fitting, seed: int) -> Iterator[dict[str, Any]]:
    order = ((0, rows[place]) for _, place in Endless(len(rows), seed))
    if fitting.workers:
        data.prepare()
        endless: Any = order  # a loader takes any iterable of keys
        yield from DataLoader(data, batch_size=None, sampler=endless, num_workers=fitting.workers, prefetch_factor=4)
    seen: dict[int, dict[str, Any]] = {}
    used = 0
    for key in order:
        item = seen.get(key[1])
        if item is None:
            item = data[key]
            size = sum(value.nbytes for value in item.values() if isinstance(value, Tensor))
            if used + size <= REMEMBERED:
                seen[key[1]], used = item, used + size
        yield item


def changed(item: dict[str, Any], fitting: Fitting, seed: int, number: int, truth: str) -> dict[str, Any]:
    """Return the picture ``(3, H, W)`` under ``"image"`` and its truth, cut and mirrored by chance alone.

    Args:
        item: of a data set, its only frame is taken.
        fitting: says how.
        seed: fixes the draw, together with
        number: the place of the picture among all that are drawn.
        truth: the key of the truth.
    """
    rng = rng_for(seed, 0, number)
    found = {"image": item["frames"][0, 0], "path": item["path"]} | {
        name: item[name] for name in (truth, "kinds", "ignored") if name in item
    }
    for what in ("scale", "crop"):
        if getattr(fitting, what) is not None:
            _no_objects(what, truth)
    if fitting.scale is not None:
        found = scaled(found, float(rng.uniform(*fitting.scale)), truth)
    if fitting.crop is not None:
        found = cut(found, fitting.crop, rng.random(2).tolist(), truth)
    if fitting.flip and rng.random() < 0.5:
        found = mirrored(found, truth)
    return found


def _no_objects(what: str, truth: str) -> None:
    if truth not in VOID:
        raise ConfigError(f"evaluator.fitting.{what}: is not for objects; leave it out and set the detector's sizes")


def stacked(batch: Batch, name: str, device: torch.device) -> Tensor:
    """Return one part of a batch as a tensor.

    Raises:
        ConfigError: if the pictures differ in size.
    """
    sizes = {tuple(item[name].shape): item["path"] for item in batch}
    if len(sizes) > 1:
        (one, path), (other, elsewhere) = list(sizes.items())[:2]
        raise ConfigError(
            f"pictures of different sizes cannot be a batch: {one[-2:]} from {path} and {other[-2:]} from {elsewhere}; "
            "set evaluator.fitting.crop=[height, width], or the size of the data"
        )
    return torch.stack([item[name] for item in batch]).to(device)
