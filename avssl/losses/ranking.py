"""Triplets: what belongs together ought to be nearer than what does not, by a margin.

Wang and Gupta, "Unsupervised Learning of Visual Representations using Videos", ICCV 2015, section 4,
https://arxiv.org/abs/1505.00687.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from avssl.losses.precision import check_rows, product, wide


class Ranking(NamedTuple):
    """What a batch of triplets gives.

    Attributes:
        loss: mean over triplets of what is lacking to the margin; 0, with zero gradient, where there is none.
        active: share of triplets that lack something.
        right: share of triplets whose positive is nearer than the negative.
    """

    loss: Tensor
    active: Tensor
    right: Tensor


def triplet_ranking(
    anchors: Tensor,
    positives: Tensor,
    allowed: Tensor,
    order: Tensor | None = None,
    hard: Tensor | None = None,
    top: int = 4,
    margin: float = 0.5,
) -> Ranking:
    """Rank the positive of each anchor above ``top`` negatives, the positives of other rows, by cosine distance.

    The loss of a triplet is ``max(0, D(a, p) - D(a, n) + margin)`` with ``D = 1 - cosine``: ``margin`` where all rows
    are alike.

    Args:
        anchors: of any length, ``(N, dim)``.
        positives: likewise.
        allowed: which positives are negatives of which anchors, bool ``(N, N)``; an anchor of none does not count.
        order: the greatest are taken, ``(N, N)``; None for the most similar, the hardest.
        hard: a truth ``()``: take the hardest in spite of ``order``; a tensor, so that nothing waits for a device.
        top: negatives of each anchor, at most.
        margin: that is asked for.

    Examples:
        >>> rows, others = torch.eye(3), ~torch.eye(3, dtype=torch.bool)
        >>> [round(float(one), 2) for one in triplet_ranking(rows, rows, others)]
        [0.0, 0.0, 1.0]
        >>> [round(float(one), 2) for one in triplet_ranking(rows[[0, 0, 0]], rows[[0, 0, 0]], others)]
        [0.5, 1.0, 0.0]
    """
    check_rows(anchors=anchors, positives=positives)
    similar = product(F.normalize(wide(anchors), dim=1), F.normalize(wide(positives), dim=1).T)
    hardest = similar.detach()
    order = hardest if order is None else order if hard is None else torch.where(hard, hardest, order)
    order = order.masked_fill(~allowed, float("-inf"))
    chosen = order.topk(min(top, len(order)), 1).indices
    counts = allowed.gather(1, chosen).float()
    negatives, own = similar.gather(1, chosen), similar.diagonal()[:, None]
    lacking = (margin - own + negatives).clamp(min=0)
    total = counts.sum().clamp(min=1)
    return Ranking(
        loss=(lacking * counts).sum() / total,
        active=((lacking.detach() > 0) * counts).sum() / total,
        right=((own > negatives) * counts).sum().detach() / total,
    )
