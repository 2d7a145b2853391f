"""Labels and pseudo-labels in one loss.

Zoph, Ghiasi, Lin, Cui, Liu, Cubuk and Le, "Rethinking Pre-training and Self-training", NeurIPS 2020, appendix on loss
normalisation (from memory), https://arxiv.org/abs/2006.06882.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from avssl.losses.neighbours import balanced_cross_entropy
from avssl.losses.precision import wide


def target_cross_entropy(logits: Tensor, wanted: Tensor, smoothing: float = 0.0, balanced: bool = False) -> Tensor:
    """Return the cross-entropy of rows with what they should be, the mean over the rows that should be something.

    Args:
        logits: ``(N, classes)``.
        wanted: the class of each row, int64 ``(N,)``, -1 for none; or its shares of classes, ``(N, classes)``, that sum
            to 1, or all 0 for none.
        smoothing: share of each class that is spread over all of them; shares are never smoothed.
        balanced: of classes alone: the mean over classes of their means.

    Returns:
        Nats; 0, with a gradient of 0, where no row should be anything.

    Raises:
        ValueError: if shapes do not fit, or shares should be balanced.

    Examples:
        >>> logits = torch.tensor([[2.0, 0.0], [0.0, 0.0]])
        >>> target_cross_entropy(logits, torch.tensor([0, -1]))
        tensor(0.1269)
        >>> target_cross_entropy(logits, torch.tensor([[1.0, 0.0], [0.0, 0.0]]))
        tensor(0.1269)
    """
    soft = wanted.is_floating_point()
    if logits.ndim != 2 or wanted.shape != (logits.shape if soft else logits.shape[:1]):
        raise ValueError(
            f"needs logits (N, classes) and a class or shares for each row; got {tuple(logits.shape)} and "
            f"{tuple(wanted.shape)}"
        )
    if soft and balanced:
        raise ValueError("classes are balanced by hard labels alone; leave balanced away, or take hard labels")
    if soft:
        each, known = -(wide(wanted) * wide(logits).log_softmax(1)).sum(1), wide(wanted).sum(1) > 0
    elif balanced:
        return balanced_cross_entropy(logits, wanted)
    else:
        each = F.cross_entropy(wide(logits), wanted, reduction="none", ignore_index=-1, label_smoothing=smoothing)
        known = wanted >= 0
    return (each * known).sum() / known.sum().clamp(min=1)


def both_losses(labelled: Tensor, pseudo: Tensor, alpha: float, means: Tensor | None = None) -> Tensor:
    """Return the losses of labels and of pseudo-labels as one: ``(L_h + alpha m_h / m_p L_p) / (1 + alpha)``.

    Args:
        labelled: loss of the items that people labelled, L_h.
        pseudo: loss of those that a teacher labelled, L_p.
        alpha: weight of the second beside 1 for the first.
        means: running means of both, ``(2,)``, m_h and m_p: the second is brought to the size of the first, and alpha
            alone says how much it counts, however easy pseudo-labels are. No gradient reaches them. None for 1 and 1.

    Examples:
        >>> both_losses(torch.tensor(2.0), torch.tensor(0.1), alpha=1.0, means=torch.tensor([2.0, 0.1]))
        tensor(2.)
    """
    scale: Tensor | float = 1.0
    if means is not None:
        first, second = means.detach().unbind()
        scale = torch.where(second > 0, first / second.clamp(min=torch.finfo(second.dtype).tiny), 1.0)
    return (labelled + alpha * scale * pseudo) / (1 + alpha)
