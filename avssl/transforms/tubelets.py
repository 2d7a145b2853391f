"""Clips as blocks of pixels, one a token, and back."""

import torch
from torch import Tensor

EPSILON = 1e-6  # beside the deviation of a block (the authors' code of VideoMAE)


def to_tubelets(clips: Tensor, tubelet: int, patch: int) -> Tensor:
    """Return the pixels of each block, colour by colour, ``(N, tokens, 3, tubelet * patch * patch)``.

    Args:
        clips: ``(N, frames, 3, H, W)``; blocks divide them.
        tubelet: frames of a block.
        patch: its side in pixels.
    """
    blocks = clips.unflatten(1, (-1, tubelet)).unflatten(4, (-1, patch)).unflatten(6, (-1, patch))
    return blocks.permute(0, 1, 4, 6, 3, 2, 5, 7).flatten(5).flatten(1, 3)


def from_tubelets(blocks: Tensor, frames: int, height: int, width: int, patch: int) -> Tensor:
    """Return the clips ``(N, frames, 3, height, width)`` that blocks are of; the inverse of `to_tubelets`.

    Examples:
        >>> clips = torch.rand(2, 4, 3, 8, 16)
        >>> torch.equal(from_tubelets(to_tubelets(clips, 2, 4), 4, 8, 16, 4), clips)
        True
    """
    rows, columns = height // patch, width // patch
    times = blocks.shape[1] // (rows * columns)
    shown = blocks.unflatten(1, (times, rows, columns)).unflatten(5, (frames // times, patch, patch))
    return shown.permute(0, 1, 5, 4, 2, 6, 3, 7).reshape(len(blocks), frames, 3, height, width)


def standardised(blocks: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return blocks with the mean of each colour taken out and divided by its deviation; and both.

    Args:
        blocks: ``(N, tokens, 3, pixels)``.

    Returns:
        The same shape, and mean and (unbiased) deviation ``(N, tokens, 3, 1)``. Blocks of one colour are 0.
    """
    mean, deviation = blocks.mean(-1, keepdim=True), blocks.std(-1, keepdim=True)
    return (blocks - mean) / (deviation + EPSILON), mean, deviation


def nearest_visible(visible: Tensor, tokens: Tensor, places: Tensor) -> Tensor:
    """Return for each token the nearest visible one, the first of equals, int64 like ``tokens``.

    Args:
        visible: numbers of visible tokens, ``(N, visible)``.
        tokens: numbers of tokens, ``(N, asked)``.
        places: where all tokens are, ``(tokens, 3)``.
    """
    distance = torch.cdist(places[tokens], places[visible])
    return visible.gather(1, distance.argmin(2))
