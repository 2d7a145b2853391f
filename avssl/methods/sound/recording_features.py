"""Features of whole recordings in one pass, for methods that cluster."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

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
