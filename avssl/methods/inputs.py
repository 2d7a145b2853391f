"""What methods take: a dict or a tensor becomes a batch; its frames become pictures, each with a key of its own."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from avssl.methods.base import Batch
from avssl.methods.recordings import recordings_of
from avssl.transforms import Draws, Transform
from avssl.transforms.base import apply_views, unit
from avssl.transforms.draws import numbered
from avssl.transforms.multiview import clips_of

ROUNDING = 1e-3  # beyond [0, 1], which resizing in half precision may leave


def as_batch(batch: Any, remembers: bool = False) -> Batch:
    """Return a batch as a dict with ``frames`` ``(items, clips, frames, 3, H, W)`` and a ``key`` for each item.

    Args:
        batch: a dict with ``frames``, or the frames alone: pictures ``(N, 3, H, W)``, clips ``(N, frames, 3, H, W)`` or
            several clips an item ``(N, clips, frames, 3, H, W)``; uint8, or float in [0, 1]. ``key``, int64 ``(N,
            parts)``, is (seed, epoch, index of the item) first. Without it torch's generator draws one seed, which
            ``torch.manual_seed`` fixes, and items are numbered by their place. ``valid``, bool, has a value for each
            frame.
        remembers: whether items must have numbers of their own, as a memory of each has its place by them.

    Raises:
        ValueError: if it is neither, has other shapes, or no keys where they are needed.
    """
    if isinstance(batch, Tensor):
        batch = {"frames": batch}
    if not isinstance(batch, dict) or not isinstance(batch.get("frames"), Tensor):
        what = (
            f"a dict of {', '.join(map(str, batch)) or 'nothing'}" if isinstance(batch, dict) else type(batch).__name__
        )
        raise ValueError(
            f"a batch is a tensor of pictures or clips, or a dict with such a tensor as frames; got {what}"
        )
    frames = clips_of(batch["frames"])
    if "key" not in batch and remembers:
        raise ValueError(
            "this method remembers each item by its number, and the batch has none: give it as "
            "{'frames': ..., 'key': int64 (N, 3)}, a row (seed, epoch, index of the item) for each"
        )
    key = batch["key"] if "key" in batch else drawn_key(len(frames), frames.device)
    if key.ndim != 2 or len(key) != len(frames) or key.dtype != torch.int64:
        raise ValueError(
            f"key is int64 (items, parts), a row for each of {len(frames)} items; got {key.dtype} {tuple(key.shape)}"
        )
    made = batch | {"frames": frames, "key": key}
    if "valid" in batch:
        made["valid"] = batch["valid"].reshape(frames.shape[:3])
    return made


def drawn_key(items: int, device: torch.device) -> Tensor:
    """Return keys (seed, 0, place) of items that have none, int64 ``(items, 3)``; the seed is drawn on the CPU."""
    place = torch.arange(items, device=device)
    return torch.stack([torch.full_like(place, int(torch.randint(1 << 62, ()))), torch.zeros_like(place), place], 1)


def to_float(frames: Tensor) -> Tensor:
    """Return frames, uint8 or float in [0, 1], as float32 in [0, 1].

    Values that are not numbers stay: the training loop names the files that they come from.

    Raises:
        ValueError: for other whole numbers, whose range nothing tells, or values outside [0, 1].
    """
    made = unit(frames).float()
    if frames.is_floating_point() and frames.numel():
        least, most = torch.stack(torch.aminmax(made)).tolist()
        if least < -ROUNDING or most > 1 + ROUNDING:
            raise ValueError(
                f"frames are uint8, or float in [0, 1]; got values from {least:.4g} to {most:.4g}; do not normalise "
                "them, as encoders do it themselves; divide by 255, or clamp what resizing overshoots"
            )
    return made


def pictures_of(batch: Batch | Tensor) -> tuple[Tensor, Tensor]:
    """Return the pictures of a batch and a key for each; frames that only pad are left out.

    Args:
        batch: as `as_batch` takes it.

    Returns:
        Pictures, float in [0, 1], ``(pictures, 3, H, W)``, and keys, int64 ``(pictures, parts + 1)``: the last part is
        the number of the picture within its item.

    Raises:
        ValueError: if the frames are not those of pictures or clips.
    """
    batch = as_batch(batch)
    frames, key = batch["frames"], batch["key"]
    keys = numbered(key, frames.shape[1] * frames.shape[2]).flatten(0, 1)
    pictures = frames.flatten(0, 2)
    if "valid" in batch:
        pictures, keys = pictures[batch["valid"].flatten()], keys[batch["valid"].flatten()]
    return to_float(pictures), keys


def owners_of(batch: Batch | Tensor) -> Tensor:
    """Return a number for the recording of each picture that `pictures_of` returns, int64 ``(pictures,)``."""
    batch = as_batch(batch)
    owners = recordings_of(batch).repeat_interleave(batch["frames"].shape[1] * batch["frames"].shape[2])
    return owners[batch["valid"].flatten()] if "valid" in batch else owners


def view_clips(batch: Batch, views: Sequence[Transform], train: bool) -> Tensor:
    """Return all clips of a batch as the views show them, each clip by a stream of chance of its own.

    Args:
        batch: as `as_batch` returns it.
        views: transforms of the frames, in order.
        train: whether views draw, or show their look of evaluation.

    Returns:
        float ``(items x clips, frames, 3, H, W)``, the clips of an item side by side.
    """
    key = numbered(batch["key"], batch["frames"].shape[1]).flatten(0, 1)
    return apply_views(views, to_float(batch["frames"].flatten(0, 1)), Draws(key), train)


def view_pictures(pictures: Tensor, draws: Draws, views: Sequence[Transform], train: bool) -> Tensor:
    """Return pictures ``(pictures, 3, H, W)`` as the views show them."""
    return apply_views(views, pictures[:, None], draws, train)[:, 0]
