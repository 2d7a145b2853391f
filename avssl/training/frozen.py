"""Features of a data set's items by an encoder as it stands, with their labels: nothing of it is trained or changed."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from lightning_fabric import Fabric
from torch import Tensor

from avssl.config import describe
from avssl.config.describe import UNRECORDED
from avssl.data import Dataset
from avssl.data.items import items_of
from avssl.methods.inputs import to_float
from avssl.methods.rows import gathered
from avssl.nets import Encoder
from avssl.training.errors import TrainingError
from avssl.training.feed import Batch, batches_under, is_empty, share_of
from avssl.transforms.multiview import clips_of

Fail = Callable[[list[dict[str, str]]], None]


@dataclass(frozen=True, eq=False)
class Items:
    """Items of a data set.

    Args:
        name: the word for the data set in messages.
        rows: a feature vector for each item that could be read, in order of the items, float32 ``(items, dim)``.
        labels: the class of each, -1 without one, int64 ``(items,)``.
        classes: names of the classes; empty where labels are bare numbers.
    """

    name: str
    rows: Tensor
    labels: Tensor
    classes: Sequence[str]

    def labelled(self) -> "Items":
        """Return the items that have a label.

        Raises:
            TrainingError: if none has.
        """
        known = self.labels >= 0
        if not known.any():
            raise TrainingError(
                f"{self.name}: none of its {len(known)} items has a label; a monitor of accuracy needs one class an "
                "item (RankMonitor needs none)"
            )
        return Items(self.name, self.rows[known], self.labels[known], self.classes)


def identity(data: Dataset) -> str:
    """Return a text that is equal for data sets of the same settings and items, so that one can stand for the other."""
    text = json.dumps([describe(data), items_of(data)], default=str)
    return f"object {id(data)}" if UNRECORDED in text else text


@torch.no_grad()
def freeze(
    fabric: Fabric,
    encoder: Encoder,
    data: Dataset,
    name: str,
    *,
    items: int | None = None,
    batch_size: int,
    workers: int,
    fail: Fail,
) -> Items:
    """Return features and labels of items of a data set: each process computes a share, and all get all.

    Shares hold the batches that one process would make, so that features are the same on any number of processes.

    Args:
        fabric: knows the device and this process's share.
        encoder: of pictures or of clips, in evaluation mode.
        data: looked at as it is in epoch 0.
        name: the word for it in messages.
        items: how many, spread evenly over the data set; None for all.
        batch_size: items a batch.
        workers: processes that load.
        fail: is told of items that could not be read, each by one process.

    Raises:
        TrainingError: if nothing could be read, features are not finite, or clips are needed and items hold none.
    """
    count = len(data) if items is None else min(items, len(data))
    first, last = share_of(count, batch_size, fabric.global_rank, fabric.world_size)
    keys = [(0, place * len(data) // count) for place in range(first, last)]
    rows, labels = [], []
    what = f"features of {name}"
    for batch in batches_under(fabric, data, keys, batch_size, workers, what) if keys else ():
        if batch["failures"]:
            fail([failure | {"data": name} for failure in batch["failures"]])
        if not is_empty(batch):
            with fabric.autocast():
                rows.append(encode_items(encoder, batch, name))
            labels.append(labels_of(batch, rows[-1]))
    mine = {"rows": torch.cat(rows), "labels": torch.cat(labels)} if rows else {}
    found = gathered(mine, fabric.device)
    if not found:
        raise TrainingError(f"{name}: none of its {count} items could be read; failures.jsonl says why")
    if not found["rows"].isfinite().all():
        raise TrainingError(f"{name}: the encoder's features are not finite")
    return Items(name, found["rows"], found["labels"], tuple(getattr(data, "classes", ())))


def labels_of(batch: Batch, rows: Tensor) -> Tensor:
    """Return the class of each item, -1 where it has none, or several."""
    if "label" in batch and "labels" not in batch:
        return batch["label"].to(rows.device, torch.int64)
    return torch.full((len(rows),), -1, device=rows.device)


def encode_items(encoder: Encoder, batch: Batch, name: str = "data") -> Tensor:
    """Return a vector for each item, float32 ``(items, dim)``: the mean over its clips, or over its frames.

    What only pads does not count.

    Args:
        encoder: one of clips sees each clip whole, one of pictures each frame.
        batch: ``frames``, and ``valid`` where some only pad.
        name: the word for the data in messages.

    Raises:
        TrainingError: if there are no frames, or single ones where clips are needed.
    """
    if "frames" not in batch:
        raise TrainingError(f"{name}: its items hold no frames, and monitors look at the encoder of pictures or clips")
    frames = clips_of(batch["frames"])
    valid = batch["valid"].reshape(frames.shape[:3]) if "valid" in batch else frames.new_ones(frames.shape[:3]).bool()
    if encoder.takes == "clips" and frames.shape[2] < 2:
        raise TrainingError(
            f"{name}: {type(encoder).__name__} takes clips, and these items hold single frames; choose a sampler of "
            "several frames a clip"
        )
    shown, counts = (frames, valid.any(2)) if encoder.takes == "clips" else (frames.flatten(1, 2), valid.flatten(1))
    rows = encoder(to_float(shown.flatten(0, 1))).float().unflatten(0, counts.shape)
    weights = counts.float() / counts.sum(1, keepdim=True).clamp(min=1)
    return (rows * weights[..., None]).sum(1)
