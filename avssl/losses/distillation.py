"""Distillation: a student's classes follow a teacher's, whatever the labels are.

Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network", section 2, https://arxiv.org/abs/1503.02531;
in the form of Chen et al., "Big Self-Supervised Models are Strong Semi-Supervised Learners" (SimCLR v2), section 2,
https://arxiv.org/abs/2006.10029.
"""

import torch
from torch import Tensor

from avssl.losses.precision import check_rows, wide


def distill(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """Return the cross-entropy of the student's distribution with the teacher's, the mean over rows.

    Both are a softmax of logits over the temperature. Hinton's square of the temperature, which keeps the gradient's
    size, is not multiplied: SimCLR v2 has none.

    Args:
        student: logits, ``(N, classes)``.
        teacher: logits, ``(N, classes)``; no gradient reaches them.
        temperature: above 0: below 1 sharpens both, above softens them.

    Returns:
        Nats, from the teacher's own entropy up, ``log(classes)`` where the student's logits are equal. The gradient by
        the student's logits is ``(its distribution - the teacher's) / (N * temperature)``.

    Raises:
        ValueError: for a temperature that is not above 0, or logits of different shapes.

    Examples:
        >>> even, sure = torch.zeros(1, 4), torch.tensor([[9.0, 0.0, 0.0, 0.0]])
        >>> distill(even, sure, temperature=1.0)  # log 4
        tensor(1.3863)
        >>> distill(sure, sure, temperature=1.0)  # the teacher's entropy
        tensor(0.0037)
    """
    if not temperature > 0:
        raise ValueError(f"temperature must be above 0; got {temperature}")
    check_rows(student=student, teacher=teacher)
    wanted = (wide(teacher).detach() / temperature).softmax(1)
    found = (wide(student) / temperature).log_softmax(1)
    return -(wanted * found).sum(1).mean()


def entropy(logits: Tensor, temperature: float) -> Tensor:
    """Return the mean entropy of the distributions of rows, in nats: the least that `distill` from them can be.

    Args:
        logits: ``(N, classes)``.
        temperature: above 0.
    """
    return torch.special.entr((wide(logits) / temperature).softmax(1)).sum(1).mean()
