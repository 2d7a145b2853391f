"""Clusters that neighbours share and that are used alike: the two terms of SCAN; and classes that weigh alike.

Van Gansbeke, Vandenhende, Georgoulis, Proesmans and Van Gool, "SCAN: Learning to Classify Images without Labels", ECCV
2020, equation 2 and section 2.3, https://arxiv.org/abs/2005.12320.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from avssl.losses.precision import wide


def neighbour_consistency(anchors: Tensor, neighbours: Tensor) -> Tensor:
    """Return how far items and their neighbours are from sharing one cluster: the mean of ``-log <p, q>``.

    Args:
        anchors: logits of items, ``(..., N, clusters)``.
        neighbours: logits of a neighbour of each, of the same shape.

    Returns:
        Nats, ``(...)``: 0 where both are sure of the same cluster, ``log(clusters)`` where one is undecided.

    Raises:
        ValueError: for logits of different shapes.

    Examples:
        >>> undecided, sure = torch.zeros(1, 4), torch.tensor([[50.0, 0.0, 0.0, 0.0]])
        >>> neighbour_consistency(undecided, sure), neighbour_consistency(sure, sure)
        (tensor(1.3863), tensor(0.))
    """
    if anchors.shape != neighbours.shape or anchors.ndim < 2:
        raise ValueError(
            f"needs logits (..., N, clusters) of one shape; got {tuple(anchors.shape)} and {tuple(neighbours.shape)}"
        )
    both = wide(anchors).log_softmax(-1) + wide(neighbours).log_softmax(-1)
    return both.logsumexp(-1).neg().mean(-1)


def cluster_entropy(logits: Tensor) -> Tensor:
    """Return the entropy of the mean prediction: how evenly clusters are used.

    Of few items it is too low, by about ``(clusters - 1) / (2 N)`` where each is sure.

    Args:
        logits: ``(..., N, clusters)``.

    Returns:
        Nats, ``(...)``: from 0 (one cluster) to ``log(clusters)`` (all alike).

    Examples:
        >>> cluster_entropy(torch.eye(4) * 200), cluster_entropy(torch.eye(4)[:1].repeat(8, 1) * 2).round(decimals=2)
        (tensor(1.3863), tensor(0.9200))
    """
    shares = wide(logits).log_softmax(-1).logsumexp(-2) - math.log(logits.shape[-2])  # in logs: no share is 0
    return -(shares.exp() * shares).sum(-1)


def balanced_cross_entropy(logits: Tensor, labels: Tensor, balanced: bool = True) -> Tensor:
    """Return the cross-entropy of the rows that have a label, in which classes weigh alike.

    Args:
        logits: ``(N, classes)``.
        labels: int64 ``(N,)``, -1 for none.
        balanced: the mean over the classes that are there of their means; False takes the mean over rows.

    Returns:
        Nats; 0, with a gradient of 0, where no row has a label.

    Examples:
        >>> logits = torch.tensor([[2.0, 0.0], [2.0, 0.0], [2.0, 0.0]])
        >>> balanced_cross_entropy(logits, torch.tensor([0, 0, 1]))  # the mean of 0.1269 and 2.1269
        tensor(1.1269)
        >>> balanced_cross_entropy(logits, torch.tensor([-1, -1, -1]))
        tensor(0.)
    """
    each = F.cross_entropy(wide(logits), labels, reduction="none", ignore_index=-1)
    known = (labels >= 0).to(each.dtype)
    if balanced:
        places = labels.clamp(min=0)
        sizes = each.new_zeros(logits.shape[1]).index_add(0, places, known)
        known = known / sizes[places].clamp(min=1)
    return (each * known).sum() / known.sum().clamp(min=torch.finfo(each.dtype).tiny)
