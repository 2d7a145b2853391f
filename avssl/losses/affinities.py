"""What keeps an affinity between two frames honest: neighbours stay together, and what goes over comes back.

Li et al., "Joint-task Self-supervised Learning for Temporal Correspondence" (UVC), NeurIPS 2019, section 3.2*,
https://arxiv.org/abs/1909.11895. A star: from memory, the section was not at hand.
"""

import torch
from torch import Tensor

from avssl.losses.precision import product, wide


def cell_grid(shape: tuple[int, int], like: Tensor) -> Tensor:
    """Return where the cells of a map lie, x and y in (-1, 1), edge to edge, row by row, ``(cells, 2)``."""
    down, across = ((torch.arange(count, device=like.device) + 0.5) / count * 2 - 1 for count in shape)
    return torch.stack([across.expand(shape[0], -1), down[:, None].expand(-1, shape[1])], -1).flatten(0, 1)


def concentration(pointing: Tensor, shape: tuple[int, int], other: tuple[int, int], window: int) -> Tensor:
    """Return how far the cells of a window scatter in the other frame, ``(N,)``.

    Cells are moved to the mean place of what they point at; within windows that tile the map, their squared distances
    to the window's mean are averaged.

    Args:
        pointing: softmax of `avssl.losses.pointers`, ``(N, cells, other cells)``.
        shape: rows and columns of the cells.
        other: of the other cells.
        window: side in cells (authors' code: 8); what is left at the border makes smaller windows.

    Returns:
        From 0 up, in squares of half a map's side; 0 where all cells of a window go to one place.
    """
    if pointing.shape[1:] != (shape[0] * shape[1], other[0] * other[1]) or window < 1:
        raise ValueError(
            f"pointing of {shape} cells at {other} cells cannot be {tuple(pointing.shape)}; window is at least 1"
        )
    places = product(pointing, cell_grid(other, pointing)).unflatten(1, shape)
    spreads = [
        (part - part.mean((1, 2), keepdim=True)).square().sum(3).flatten(1)
        for rows in places.split(window, 1)
        for part in rows.split(window, 2)
    ]
    return torch.cat(spreads, 1).mean(1)


def orthogonality(pointing: Tensor, values: Tensor) -> Tensor:
    """Return how far values are from themselves once they went over and came back, ``(N,)``.

    The way back is the transposed affinity, *not* normalised again: only one that is orthogonal, such as a permutation,
    brings everything home.

    Args:
        pointing: of queries at references, ``(N, queries, references)``.
        values: of the references, such as colours or places, ``(N, references, channels)``.

    Returns:
        The mean absolute difference; 0 for a permutation.

    Examples:
        >>> orthogonality(torch.eye(3)[None, [1, 2, 0]], torch.rand(1, 3, 2))
        tensor([0.])
    """
    home = product(pointing.mT, product(pointing, values))
    return (home - wide(values)).abs().mean((1, 2))
