"""Signs that clusters collapse, which the loss does not show: few are used, or one takes all."""

import math

import torch
from torch import Tensor

from avssl.distributed import all_gather


def sizes_of(labels: Tensor, clusters: int) -> Tensor:
    """Return how many rows of all processes are in each cluster, int64 ``(tables, clusters)``.

    Args:
        labels: of this process's rows, int64 ``(tables, rows)``; those below 0 count nowhere.
        clusters: how many there are.
    """
    counts = torch.zeros(len(labels), clusters, dtype=torch.int64, device=labels.device)
    counts.scatter_add_(1, labels.clamp(min=0), (labels >= 0).long())  # bincount would wait for the device
    return all_gather(counts[None]).sum(0)


def size_scores(sizes: Tensor) -> dict[str, Tensor]:
    """Return what tells a collapse of clusters, means over tables; 0 where there are no rows.

    Args:
        sizes: rows in each cluster, ``(tables, clusters)``.

    Returns:
        ``used``, clusters that have rows; ``largest``, the share of rows that the largest has; ``evenness``, the
        entropy of sizes over the logarithm of the clusters: 1 where all are of one size, 0 where one has all rows.

    Examples:
        >>> scores = size_scores(torch.tensor([[2, 2, 0, 0]]))
        >>> {name: value.item() for name, value in scores.items()}
        {'used': 2.0, 'largest': 0.5, 'evenness': 0.5}
    """
    shares = sizes.float() / sizes.sum(1, keepdim=True).clamp(min=1)
    return {
        "used": (sizes > 0).sum(1).float().mean(),
        "largest": shares.amax(1).mean(),
        "evenness": torch.special.entr(shares).sum(1).mean() / math.log(sizes.shape[1]),
    }
