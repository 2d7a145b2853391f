"""The pictures of a batch: each frame of a video is one, and has a key of its own."""

from collections.abc import Sequence

from torch import Tensor

from avssl.methods.base import Batch
from avssl.methods.recordings import recordings_of
from avssl.transforms import Draws, Transform
from avssl.transforms.base import apply_views
from avssl.transforms.draws import numbered


def pictures_of(batch: Batch) -> tuple[Tensor, Tensor]:
    """Return the pictures of a batch and a key for each; frames that only pad are left out.

    Args:
        batch: ``frames``, uint8 ``(items, clips, frames, 3, H, W)``; ``key``, int64 ``(items, parts)``; optionally
            ``valid``, bool ``(items, clips, frames)``.

    Returns:
        Pictures, float in [0, 1], ``(pictures, 3, H, W)``, and keys, int64 ``(pictures, parts + 1)``: the last part is
        the number of the picture within its item.

    Raises:
        ValueError: if the frames are not those of ``Pictures`` or ``Videos``.
    """
    frames, key = batch["frames"], batch["key"]
    if frames.ndim != 6 or frames.shape[3] != 3:
        raise ValueError(f"pictures come as frames (items, clips, frames, 3, H, W); got {tuple(frames.shape)}")
    keys = numbered(key, frames.shape[1] * frames.shape[2]).flatten(0, 1)
    pictures = frames.flatten(0, 2)
    if "valid" in batch:
        pictures, keys = pictures[batch["valid"].flatten()], keys[batch["valid"].flatten()]
    return pictures.float() / 255, keys


def owners_of(batch: Batch) -> Tensor:
    """Return a number for the recording of each picture that `pictures_of` returns, int64 ``(pictures,)``."""
    owners = recordings_of(batch).repeat_interleave(batch["frames"].shape[1] * batch["frames"].shape[2])
    return owners[batch["valid"].flatten()] if "valid" in batch else owners


def view_pictures(pictures: Tensor, draws: Draws, views: Sequence[Transform], train: bool) -> Tensor:
    """Return pictures ``(pictures, 3, H, W)`` as the views show them."""
    return apply_views(views, pictures[:, None], draws, train)[:, 0]
