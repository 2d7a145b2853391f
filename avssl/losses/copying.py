"""What one frame shows, copied from others by pointing at what looks alike: colours, places, anything cells hold.

Vondrick et al., "Tracking Emerges by Colorizing Videos", ECCV 2018, section 3, https://arxiv.org/abs/1806.09594.
"""

from math import sqrt

import torch
from torch import Tensor

from avssl.losses.precision import product, wide


def pointers(queries: Tensor, references: Tensor, temperature: float | None = None) -> Tensor:
    """Return how much each query points at each reference, float32 at least, ``(N, queries, references)``.

    Args:
        queries: of any length, which counts, ``(N, queries, dim)``.
        references: such as all cells of all frames to copy from, ``(N, references, dim)``.
        temperature: inner products are divided by it; None for ``sqrt(dim)``, without which the softmax of long vectors
            is all or nothing.

    Returns:
        A softmax: each row's sum is 1.

    Raises:
        ValueError: for other shapes, or a temperature that is not above 0.

    Examples:
        >>> pointers(torch.zeros(1, 1, 4), torch.rand(1, 5, 4))  # what knows nothing points everywhere
        tensor([[[0.2000, 0.2000, 0.2000, 0.2000, 0.2000]]])
    """
    if queries.ndim != 3 or references.ndim != 3 or queries.shape[::2] != references.shape[::2]:
        came = f"{tuple(queries.shape)} and {tuple(references.shape)}"
        raise ValueError(f"needs queries (N, queries, dim) and references (N, references, dim); got {came}")
    temperature = sqrt(queries.shape[2]) if temperature is None else temperature
    if not temperature > 0:
        raise ValueError(f"temperature must be above 0; got {temperature}")
    return (product(queries, references.mT) / temperature).softmax(2)


def copied_classes(pointing: Tensor, classes: Tensor, count: int) -> Tensor:
    """Return the chance of each class that queries copy from what they point at, ``(N, queries, count)``.

    Args:
        pointing: of `pointers`, ``(N, queries, references)``.
        classes: of the references, int64 ``(N, references)``.
        count: how many classes there are.
    """
    table = torch.zeros(*classes.shape, count, device=pointing.device, dtype=pointing.dtype)
    return product(pointing, table.scatter_(2, classes[..., None], 1))


def copying_loss(copied: Tensor, truth: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Return what copying the wrong classes costs the queries of each item, and what they weigh, ``(N,)`` each.

    The loss of a batch is the sum of the former over the sum of the latter, over all processes.

    Args:
        copied: of `copied_classes`, ``(N, queries, classes)``.
        truth: true class of each query, int64 ``(N, queries)``.
        weights: of each class, ``(classes,)``.

    Returns:
        Weighted sums of nats (``log(classes)`` a query where all classes are as likely), and sums of weights. A chance
        counts as at least 1e-6, as a class that no reference has cannot be copied.
    """
    chances = wide(copied).gather(2, truth[..., None])[..., 0]
    weight = weights.to(chances)[truth]
    return -(weight * (chances + 1e-6).log()).sum(1), weight.sum(1)
