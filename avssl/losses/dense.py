"""Dense losses: cells of one view's map and those of another that look at the same place, or look alike.

By places: Xie et al., "Propagate Yourself: Exploring Pixel-Level Consistency" (PixPro), CVPR 2021,
https://arxiv.org/abs/2011.10043. By likeness: Wang et al., "Dense Contrastive Learning" (DenseCL), CVPR 2021,
https://arxiv.org/abs/2011.09157.

A map is given as rows, one a cell, ``(N, cells, dim)``, row by row of the map. Losses come as one number an item, so
that items of several processes can be gathered before their mean is taken.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from avssl.losses.precision import product, wide

Shape = tuple[int, int]


def cell_places(boxes: Tensor, flipped: Tensor, shape: Shape) -> tuple[Tensor, Tensor]:
    """Return where the cells of views look in their pictures, and the size of a cell there.

    Cells tile a view evenly, as in PixPro's code: of n cells, cell i has its middle at ``(i + 1/2) / n`` of the view.

    Args:
        boxes: window of each view: top, left, height and width in pixels of the picture, ``(N, 4)``.
        flipped: whether the view shows it mirrored, bool ``(N,)``.
        shape: rows and columns of the map.

    Returns:
        Middles of cells, y and x in pixels, ``(N, cells, 2)``, and diagonals of cells in pixels, ``(N,)``.
    """
    top, left, height, width = boxes.float().unbind(1)
    down, right = ((torch.arange(count, device=boxes.device) + 0.5) / count for count in shape)
    across = (1 - right).where(flipped[:, None], right.expand(len(boxes), -1))
    y = (top[:, None] + height[:, None] * down)[:, :, None].expand(-1, -1, shape[1])
    x = (left[:, None] + width[:, None] * across)[:, None].expand(-1, shape[0], -1)
    return torch.stack([y, x], -1).flatten(1, 2), torch.hypot(height / shape[0], width / shape[1])


def near_pairs(first: tuple[Tensor, Tensor, Shape], second: tuple[Tensor, Tensor, Shape], near: float = 0.7) -> Tensor:
    """Return which cells of two views of the same pictures look at near places, bool ``(N, cells, other cells)``.

    Those whose middles are nearer than ``near`` times the diagonal of the larger cell (PixPro's code: 0.7; of
    square cells the neighbour lies at 0.7071, so that equal views pair each of them with itself alone).

    Args:
        first: boxes ``(N, 4)``, flipped ``(N,)`` and shape of the map, as `cell_places` takes them.
        second: the same of the other view.
        near: share of the diagonal.
    """
    (places, diagonal), (others, other_diagonal) = cell_places(*first), cell_places(*second)
    far = (places[:, :, None] - others[:, None]).square().sum(-1).sqrt()
    return far < near * torch.maximum(diagonal, other_diagonal)[:, None, None]


def pixel_consistency(predictions: Tensor, targets: Tensor, pairs: Tensor) -> Tensor:
    """Return PixPro's loss of each item, one way: minus twice the mean cosine over its pairs of cells, ``(N,)``.

    Args:
        predictions: of any length, ``(N, cells, dim)``.
        targets: of any length, ``(N, other cells, dim)``; get no gradient.
        pairs: bool ``(N, cells, other cells)``.

    Returns:
        From -2 (equal directions) to 2; 0, without gradient, for an item without pairs, which counts in their mean all
        the same. The gradient by a cosine is ``-2 / pairs of the item``.

    Examples:
        >>> rows, own = torch.eye(3)[None], torch.eye(3, dtype=torch.bool)[None]
        >>> pixel_consistency(rows, 5 * rows, own)
        tensor([-2.])
    """
    if pairs.shape != (len(predictions), predictions.shape[1], targets.shape[1]):
        raise ValueError(
            f"pairs of {tuple(predictions.shape)} and {tuple(targets.shape)} cells cannot be {tuple(pairs.shape)}"
        )
    cosines = product(F.normalize(wide(predictions), dim=2), F.normalize(wide(targets.detach()), dim=2).mT)
    return -2 * cosines.masked_fill(~pairs, 0).sum((1, 2)) / pairs.sum((1, 2)).clamp(min=1)


@torch.no_grad()
def most_similar(cells: Tensor, others: Tensor) -> Tensor:
    """Return for each cell the other view's cell of the greatest cosine, int64 ``(N, cells)``; the first of equals.

    Args:
        cells: of any length, ``(N, cells, channels)``.
        others: ``(N, other cells, channels)``.
    """
    return product(F.normalize(wide(cells), dim=2), F.normalize(wide(others), dim=2).mT).argmax(2)


def dense_contrast(
    queries: Tensor, keys: Tensor, negatives: Tensor, temperature: float, counts: Tensor
) -> tuple[Tensor, Tensor]:
    """Return how hard each cell's key is told from negatives, the mean over the cells of an item; and the share told.

    It is `avssl.losses.info_nce` with negatives, for many rows an item at once; vectors are items of one cell.

    Args:
        queries: of any length, ``(N, cells, dim)``.
        keys: the key of each, of any length, ``(N, cells, dim)``.
        negatives: such as a queue's rows, ``(K, dim)``.
        temperature: cosines are divided by it.
        counts: negatives that count for an item, bool ``(N, K)``.

    Returns:
        Nats, from 0 up, ``(N,)``: ``log(K + 1)`` where all cosines are equal, 0 where no negative counts. The gradient
        by a cosine is at most ``1 / (cells * temperature)``. And the share of an item's cells whose key is nearer than
        all negatives, ``(N,)``: 0 where all rows are equal.

    Examples:
        >>> rows, counts = torch.eye(4), torch.ones(1, 2, dtype=torch.bool)
        >>> dense_contrast(rows[None, :2], rows[None, :2], rows[2:], 1.0, counts)  # log(1 + 2 exp(-1))
        (tensor([0.5514]), tensor([1.]))
    """
    if queries.shape != keys.shape or counts.shape != (len(queries), len(negatives)):
        came = [tuple(each.shape) for each in (queries, keys, negatives, counts)]
        raise ValueError(f"needs queries and keys (N, cells, dim), negatives (K, dim), counts (N, K); got {came}")
    queries, keys = F.normalize(wide(queries), dim=2), F.normalize(wide(keys), dim=2)
    own = (queries * keys).sum(2, keepdim=True)
    others = product(queries.flatten(0, 1), F.normalize(wide(negatives), dim=1).T).view(*own.shape[:2], -1)
    logits = torch.cat([own, others.masked_fill(~counts[:, None], float("-inf"))], 2).flatten(0, 1) / temperature
    truth = torch.zeros(len(logits), dtype=torch.int64, device=logits.device)
    each = F.cross_entropy(logits, truth, reduction="none")
    right = logits[:, 0] > logits[:, 1:].amax(1)
    return each.view(own.shape[:2]).mean(1), right.float().view(own.shape[:2]).mean(1)
