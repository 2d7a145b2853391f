"""Signs that embeddings collapse, which no loss shows: they lie in one direction, or in few.

The contrast of SimCLR is the same for rows that are all orthogonal and rows that are all equal, and the best of BYOL's
losses is that of a collapse.
"""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

LEAST = 1 / 3  # share of the random start's spread or rank below which a run warns


def spread(rows: Tensor) -> Tensor:
    """Return how far unit rows are spread: the mean deviation of their columns, times ``sqrt(dim)``.

    Chen and He, "SimSiam", CVPR 2021, section 4.1, https://arxiv.org/abs/2011.10566.

    Args:
        rows: of any length, ``(N, dim)``.

    Returns:
        About 1 where directions are uniform, 0 where all rows have one.
    """
    units = F.normalize(rows.float(), dim=1)
    return units.std(0, correction=0).mean() * units.shape[1] ** 0.5


def effective_rank(rows: Tensor, centred: bool = True) -> Tensor:
    """Return how many directions rows take up: the exponential of the entropy of their singular values.

    Roy and Vetterli, "The Effective Rank", EUSIPCO 2007, section 2. Not centred and not of length 1 it is RankMe
    (Garrido et al., ICML 2023, equation 1, https://arxiv.org/abs/2210.02885).

    Args:
        rows: ``(N, dim)``.
        centred: take the mean row off first.

    Returns:
        From 1 (one direction) to ``min(N, dim)``; 0 where all rows are equal, or 0 if not centred.
    """
    rows = rows.float()
    values = torch.linalg.svdvals(rows - rows.mean(0) if centred else rows)
    total = values.sum()
    if not total > 1e-6 * rows.norm():
        return total.new_zeros(())
    shares = values / total
    return torch.special.entr(shares).sum().exp()


def collapse_of(scores: Mapping[str, float], start: Mapping[str, float]) -> list[str]:
    """Return a line for each data set whose embeddings have collapsed since the random start.

    Args:
        scores: measured now, ``spread`` and ``rank`` of each data set among them, as ``train/spread``.
        start: the same at the random start.
    """
    lines = []
    for name in start:
        data, _, kind = name.rpartition("/")
        if kind not in ("spread", "rank") or name not in scores or not scores[name] < LEAST * start[name]:
            continue
        lines.append(
            f"warning: embeddings of {data or 'the data'} seem to collapse: their {kind} is {scores[name]:.3g}, and "
            f"was {start[name]:.3g} at the random start; the loss does not show it"
        )
    return lines
