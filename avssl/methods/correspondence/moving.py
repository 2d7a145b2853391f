"""What methods of correspondence take of a batch: clips, with a key and a weight for each."""

from collections.abc import Sequence

import torch
from torch import Tensor

from avssl.distributed import all_gather
from avssl.methods.base import Batch
from avssl.methods.inputs import as_batch, to_float
from avssl.nets import Encoder
from avssl.transforms import Draws, Transform
from avssl.transforms.base import apply_views
from avssl.transforms.draws import numbered


def moving_clips(batch: Batch | Tensor, least: int, who: str) -> tuple[Tensor, Tensor, Tensor]:
    """Return the clips of a batch; clips of one frame each, as pairs and segments are, make one clip together.

    Args:
        batch: as `avssl.methods.inputs.as_batch` takes it.
        least: frames that a clip needs.
        who: what needs them, for the message.

    Returns:
        Clips, float in [0, 1], ``(clips, frames, 3, H, W)``; keys, int64 ``(clips, parts)``; and 1 for clips that are
        whole, 0 for those that are padded, float ``(clips,)``: what stands still teaches nothing.

    Raises:
        ValueError: for fewer frames.
    """
    batch = as_batch(batch)
    frames, valid = batch["frames"], batch.get("valid")
    valid = torch.ones(frames.shape[:3], dtype=torch.bool, device=frames.device) if valid is None else valid
    if frames.shape[2] == 1:
        frames, valid = frames.transpose(1, 2), valid.transpose(1, 2)
    if frames.shape[2] < least:
        raise ValueError(
            f"{who} goes from frame to frame and needs clips of at least {least} frames; got {frames.shape[2]}: let "
            f"the sampler give clips, such as RandomClip(frames={max(4, least)})"
        )
    keys = numbered(batch["key"], frames.shape[1]).flatten(0, 1)
    return to_float(frames.flatten(0, 1)), keys, valid.all(2).flatten().float()


def view_frames(clips: Tensor, keys: Tensor, views: Sequence[Transform], train: bool) -> tuple[Tensor, Tensor]:
    """Return clips whose frames were each changed on their own, ``(clips, frames, 3, h, w)``, and keys of the frames.

    Args:
        clips: ``(clips, frames, 3, H, W)``.
        keys: of the clips, ``(clips, parts)``.
        views: transforms; each frame is a tuple to them, so that none can be shared by a clip.
        train: whether to learn from them.
    """
    each = numbered(keys, clips.shape[1])
    shown = apply_views(views, clips.flatten(0, 1)[:, None], Draws(each.flatten(0, 1)), train)
    return shown[:, 0].unflatten(0, clips.shape[:2]), each


def weighted_mean(values: Tensor, weights: Tensor) -> Tensor:
    """Return the mean over the clips of all processes, one number; 0 where nothing has weight.

    Args:
        values: ``(clips,)``.
        weights: ``(clips,)``.
    """
    return all_gather(values * weights).sum() / all_gather(weights).sum().clamp(min=1e-12)


def grey_notes(encoder: Encoder) -> list[str]:
    """Return a line where an encoder that learns from grey pictures does not make pictures grey itself in use."""
    if getattr(encoder, "grey", False):
        return []
    return ["the encoder learns from grey pictures and does not make pictures grey itself: give it grey ones in use"]
