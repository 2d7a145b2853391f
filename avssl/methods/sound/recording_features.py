"""Features of whole recordings in one pass, for methods that cluster."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from avssl.methods.base import Batch, Features, Rows
from avssl.methods.sound.pairs import pairs_of
from avssl.transforms import Transform


@dataclass(frozen=True, eq=False, kw_only=True)
class Pooled:
    """Recordings, a row each; only those of which something is heard.

    Args:
        index: place in the data set, ``(N,)``.
        pictures: mean over the clips of what was made of the pictures, ``(N, dim)``.
        sounds: likewise of the sounds, ``(N, dim)``.
        label: classes, for measuring alone, -1 without, ``(N,)``.
        silent: share of windows that were left out.
    """

    index: Tensor
    pictures: Tensor
    sounds: Tensor
    label: Tensor
    silent: float

    def __len__(self) -> int:
        return len(self.index)


def pooled(
    features: Features,
    see: Callable[[Tensor], Tensor],
    hear: Callable[[Tensor], Tensor],
    views: Sequence[Transform],
    rate: int,
) -> Pooled:
    """Return features of recordings, the mean over those of their clips that are heard.

    Args:
        features: computes rows of all items, see `avssl.methods.Method.before_epoch`.
        see: pictures ``(N, frames, 3, H, W)`` to rows.
        hear: windows of sound ``(N, channels, samples)`` to rows.
        views: of the pictures; those of evaluation are applied.
        rate: samples a second that the sound encoder is made for.

    Raises:
        ValueError: if nothing is heard at all.
    """

    def rows_of(batch: Batch) -> Rows:
        pairs = pairs_of(batch, views, False, rate)
        videos = len(batch["key"])
        heard = pairs.heard.view(videos, -1, 1)
        found = {"label": batch.get("label", torch.full_like(batch["key"][:, 0], -1))}
        for name, rows in (("pictures", see(pairs.pictures)), ("sounds", hear(pairs.sound))):
            each = rows.float().view(videos, heard.shape[1], -1) * heard
            found[name] = each.sum(1) / heard.sum(1).clamp(min=1)
        return found | {"kept": heard.any(1).flatten(), "silent": (~heard).float().mean((1, 2))}

    found = features(rows_of)
    if not found or not found["kept"].any():
        raise ValueError("there is nothing to cluster: every window of sound is silent or missing")
    silent, kept = found.pop("silent").mean().item(), found.pop("kept")
    return Pooled(**{name: rows[kept] for name, rows in found.items()}, silent=silent)


@contextmanager
def looking(method: nn.Module, first: bool) -> Iterator[None]:
    """Put a method into evaluation mode and back.

    Args:
        method: whose mode it is.
        first: whether nothing was learned yet: then batch statistics stand in for the unknown running ones. They go
            into the running ones, of a process's share alone; at the first step DDP gives all the first one's. Nothing
            is dropped out even then.
    """
    training = method.training
    method.eval()
    for module in method.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.train(first)
    try:
        yield
    finally:
        method.train(training)
