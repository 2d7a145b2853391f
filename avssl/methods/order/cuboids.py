"""Pieces of a clip, cut in space and time, and how well they fit."""

import torch
from torch import Tensor

PIECES = 4  # a clip is cut in 2 x 2 places and 4 stretches of time; a puzzle has four pieces


def cuboids(clips: Tensor, kind: str, where: Tensor) -> Tensor:
    """Return four pieces of each clip, ``(N, 4, frames // 4, 3, H // 2, W // 2)``.

    Args:
        clips: ``(N, frames, 3, H, W)``; frames and pixels that do not divide are left out at the end.
        kind: ``"space"`` for the four places at one stretch of time, ``"time"`` for the four stretches at one place.
        where: that stretch or place, int64 ``(N,)``.

    Raises:
        ValueError: if pieces would be empty.
    """
    count, frames, _, height, width = clips.shape
    long, high, wide = frames // PIECES, height // 2, width // 2
    if min(long, high, wide) < 1:
        raise ValueError(f"clips of {frames} frames of {height} x {width} pixels cannot be cut in 4 x 2 x 2 pieces")
    cut = clips[:, : long * PIECES, :, : high * 2, : wide * 2].unflatten(1, (PIECES, long))
    cut = cut.unflatten(5, (2, wide)).unflatten(4, (2, high))  # (N, time, long, 3, row, high, column, wide)
    cut = cut.permute(0, 1, 4, 6, 2, 3, 5, 7).flatten(2, 3)  # (N, time, place, long, 3, high, wide)
    number = torch.arange(count, device=clips.device)
    return cut[number, where] if kind == "space" else cut[number, :, where]


def gaps(pieces: Tensor, near: str, far: str) -> Tensor:
    """Return how far the far rim of piece i is from the near rim of piece j, ``(N, 4, 4)``, in squared pixel values.

    Args:
        pieces: ``(N, 4, frames, 3, H, W)``.
        near: ``"left"``, ``"top"`` or ``"first"``.
        far: the side opposite to it.
    """
    rims = {
        "left": pieces[..., 0],
        "right": pieces[..., -1],
        "top": pieces[..., 0, :],
        "bottom": pieces[..., -1, :],
        "first": pieces[:, :, 0],
        "last": pieces[:, :, -1],
    }
    return (rims[far][:, :, None] - rims[near][:, None]).square().flatten(3).mean(3)
