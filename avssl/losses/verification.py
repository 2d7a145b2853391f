"""Verification: do two things belong together? A binary decision on true and on false pairs."""

import torch
from torch import Tensor
from torch.nn import functional as F

from avssl.losses.precision import wide


def pair_verification(true: Tensor, false: Tensor, true_counts: Tensor, false_counts: Tensor) -> dict[str, Tensor]:
    """Return the loss and the accuracy of telling true pairs from false ones.

    Arandjelovic and Zisserman, "Look, Listen and Learn", ICCV 2017, section 2, https://arxiv.org/abs/1705.08168.

    Args:
        true: logits of pairs that belong together, any shape.
        false: logits of pairs that do not, any shape.
        true_counts: which true pairs count, bool, of the shape of ``true``.
        false_counts: which false pairs count, bool, of the shape of ``false``.

    Returns:
        ``loss``, binary cross-entropy in nats (log 2 = 0.693 for an undecided head), and ``accuracy``, chance 0.5; true
        and false pairs weigh the same, however many there are. The gradient by a true logit is at most ``1 / (2 *
        true pairs)`` in size. A side of which nothing counts adds 0 to both.

    Examples:
        >>> true, false, all = torch.tensor([2.0, 1.0]), torch.tensor([-1.0]), torch.ones(2, dtype=torch.bool)
        >>> pair_verification(true, false, all, all[:1])["accuracy"]
        tensor(1.)
    """
    losses, right = [], []
    for logits, kept, truth in ((true, true_counts, 1.0), (false, false_counts, 0.0)):
        if logits.shape != kept.shape:
            raise ValueError(f"logits and what counts need one shape; got {tuple(logits.shape)}, {tuple(kept.shape)}")
        values, count = wide(logits), kept.sum().clamp(min=1)
        each = F.binary_cross_entropy_with_logits(values, torch.full_like(values, truth), reduction="none")
        losses.append(each.masked_fill(~kept, 0).sum() / count)
        right.append((((values > 0) == (truth > 0)) & kept).sum() / count)
    return {"loss": torch.stack(losses).mean(), "accuracy": torch.stack(right).mean()}
