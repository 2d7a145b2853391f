"""Noise contrast: a row's own entry of a memory is told from entries drawn by chance.

Gutmann and Hyvarinen, "Noise-contrastive estimation", AISTATS 2010; Wu et al., "Unsupervised Feature Learning via
Non-Parametric Instance Discrimination" (InstDisc), CVPR 2018, section 3.2, https://arxiv.org/abs/1805.01978; several
true entries: Morgado, Vasconcelos and Misra (AVID and CMA), CVPR 2021, sections 3.2 and 4,
https://arxiv.org/abs/2004.12943.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from avssl.losses.precision import wide


def estimate_log_constant(logits: Tensor, entries: int) -> Tensor:
    """Return the log of what makes exponentials of logits a distribution over a memory, one number.

    InstDisc (section 3.2) estimates it once, on the first batch, and keeps it.

    Args:
        logits: of rows with entries drawn from the memory, of all processes, any shape.
        entries: of the memory.
    """
    if not logits.numel():
        raise ValueError("the constant is estimated from at least one row; got none")
    return wide(logits).detach().flatten().logsumexp(0) + math.log(entries / logits.numel())


def noise_contrast(
    logits: Tensor, log_constant: Tensor, entries: int, true: int = 1, counts: Tensor | None = None
) -> Tensor:
    """Return how hard true entries are told from noise that is uniform over the memory.

    An entry of probability p is taken for true with ``p / (p + noise / entries)``. In logs, so that no temperature
    overflows.

    Args:
        logits: similarities over the temperature, true entries first, then noise, ``(N, true + noise)``.
        log_constant: log of what makes their exponentials a distribution (`estimate_log_constant`), one number.
        entries: of the memory.
        true: how many entries are true.
        counts: which noise counts, bool ``(N, noise)``; all without it. What does not count adds 0.

    Returns:
        Nats, from 0 up, ``(N,)``: the mean over true entries plus the sum over noise. Where all probabilities are
        ``1 / entries``: ``log(1 + noise) + noise * log(1 + 1 / noise)``. The gradient by a logit is at most 1 in size.

    Examples:
        >>> noise_contrast(torch.zeros(1, 4097), torch.tensor(5000.0).log(), entries=5000)
        tensor([9.3179])
    """
    noise = logits.shape[1] - true
    if true < 1 or noise < 1:
        raise ValueError(f"needs at least one true entry and one of noise; got {true} of {logits.shape[1]}")
    odds = wide(logits) - log_constant - math.log(noise / entries)  # log of p / (noise / entries)
    false = odds[:, true:]
    if counts is not None:
        if counts.shape != false.shape:
            raise ValueError(f"counts needs the shape of the noise, {tuple(false.shape)}; got {tuple(counts.shape)}")
        false = false.masked_fill(~counts, float("-inf"))
    return F.softplus(-odds[:, :true]).mean(1) + F.softplus(false).sum(1)


def contrast_with_bank(
    rows: Tensor,
    bank: Tensor,
    places: Tensor,
    temperature: float,
    log_constant: Tensor | None = None,
    true: int = 1,
    counts: Tensor | None = None,
    gather: Callable[[Tensor], Tensor] | None = None,
) -> tuple[Tensor, Tensor]:
    """Return the noise contrast of rows with entries of a bank, and the log of the constant it used.

    Args:
        rows: unit vectors of this process, ``(N, dim)``.
        bank: unit vectors, ``(entries, dim)``.
        places: in the bank, true ones first, ``(N, true + noise)``.
        temperature: similarities are divided by it.
        log_constant: from an earlier batch; None estimates it from this one.
        true: how many places are true.
        counts: which noise counts, bool ``(N, noise)``; all without it. The estimate takes all.
        gather: returns rows of all processes, for the estimate; None for one process.

    Returns:
        Nats of each row of this process, ``(N,)``, as `noise_contrast`, and one number to hand in next time.
    """
    with torch.autocast(rows.device.type, enabled=False):
        logits = torch.einsum("nd,nkd->nk", wide(rows), wide(bank[places])) / temperature
    if log_constant is None:
        log_constant = estimate_log_constant(logits.detach() if gather is None else gather(logits.detach()), len(bank))
    return noise_contrast(logits, log_constant, len(bank), true, counts), log_constant
