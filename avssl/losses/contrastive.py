"""Contrasts: a row finds what belongs to it among what does not.

InfoNCE: van den Oord, Li and Vinyals, "Representation Learning with Contrastive Predictive Coding", section 2.3,
https://arxiv.org/abs/1807.03748. NT-Xent: Chen et al., "A Simple Framework for Contrastive Learning of Visual
Representations" (SimCLR), section 2.1, https://arxiv.org/abs/2002.05709. Several positives: Khosla et al., "Supervised
Contrastive Learning", equation 2 (L_out: the mean over positives stands outside the logarithm),
https://arxiv.org/abs/2004.11362.

Rows of several processes are arguments: gather them with gradient first, and compute the whole loss in each process.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from avssl.losses.precision import check_rows, product, wide


def similarities(queries: Tensor, keys: Tensor, temperature: float) -> Tensor:
    """Return cosines over the temperature, float32 at least, ``(queries, keys)``, in [-1, 1] / temperature.

    Args:
        queries: of any length, ``(N, dim)``.
        keys: of any length, ``(M, dim)``.
        temperature: above 0.

    Raises:
        ValueError: for a temperature that is not above 0, or rows of different lengths.
    """
    if not temperature > 0:
        raise ValueError(f"temperature must be above 0; got {temperature}")
    if queries.ndim != 2 or keys.ndim != 2 or queries.shape[1] != keys.shape[1]:
        raise ValueError(f"needs rows (N, dim) and (M, dim); got {tuple(queries.shape)} and {tuple(keys.shape)}")
    return product(F.normalize(wide(queries), dim=1), F.normalize(wide(keys), dim=1).T) / temperature


def contrast(logits: Tensor, positive: Tensor, counts: Tensor | None = None) -> Tensor:
    """Return the mean over rows of how hard their positives are told from all that counts.

    A row of several positives counts by the mean of their losses; each is told from everything that counts, the other
    positives among it. A row without a positive is left out.

    Args:
        logits: of each row with each candidate, ``(N, M)``.
        positive: what belongs together, bool ``(N, M)``.
        counts: candidates that count at all, bool ``(N, M)``; all without it. What does not count is no positive.

    Returns:
        Nats, from 0 up; ``log(M)`` where all logits are equal. With one positive the gradient by a row's logits is
        ``(softmax - truth) / N``. Zero, with zero gradient, where no row has a positive.
    """
    logits, positive, counts, has = checked(logits, positive, counts)
    shares = logits.masked_fill(~counts, float("-inf")).log_softmax(1)
    shares = shares.masked_fill(~positive, 0)  # masked entries are infinite, and times 0 not a number
    each = shares.sum(1) / positive.sum(1).clamp(min=1)
    return -each.sum() / has.sum().clamp(min=1)


def accuracy(logits: Tensor, positive: Tensor, counts: Tensor | None = None) -> Tensor:
    """Return the share of rows whose greatest entry among those that count is a positive; arguments as `contrast`."""
    logits, positive, counts, has = checked(logits.detach(), positive, counts)
    if not logits.numel():
        return logits.new_zeros(())
    nearest = logits.masked_fill(~counts, float("-inf")).argmax(1, keepdim=True)
    right = positive.gather(1, nearest)[:, 0] & has
    return right.sum() / has.sum().clamp(min=1)


def checked(logits: Tensor, positive: Tensor, counts: Tensor | None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return logits, positives, what counts, and which rows have a positive, ``(N,)``.

    Rows without one stay, so that nothing waits for a GPU to say how many there are; all counts in them, so that they
    are finite.
    """
    if counts is None:
        counts = torch.ones_like(positive)
    if not logits.shape == positive.shape == counts.shape:
        came = [tuple(table.shape) for table in (logits, positive, counts)]
        raise ValueError(f"logits and the masks positive and counts need one shape (N, M); got {came}")
    positive = positive & counts
    has = positive.any(1)
    return wide(logits), positive, counts | ~has[:, None], has


def symmetric_contrast(
    logits: Tensor, positive: Tensor, counts: Tensor | None = None, present: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Return the contrast of rows with columns and of columns with rows, the mean of both, and its accuracy.

    Args:
        logits: of each row with each column, ``(N, N)``.
        positive: those that belong together, bool ``(N, N)``.
        counts: those that count at all, bool ``(N, N)``; all without it.
        present: items that count, bool ``(N,)``: others count neither as row nor as column.

    Returns:
        Loss in nats (``log(N)`` where all logits are equal), and the share of rows and columns whose greatest entry is
        a positive.
    """
    if present is not None:
        logits, positive = logits[present][:, present], positive[present][:, present]
        counts = None if counts is None else counts[present][:, present]
    ways = [(logits, positive, counts), (logits.T, positive.T, None if counts is None else counts.T)]
    losses, right = [contrast(*way) for way in ways], [accuracy(*way) for way in ways]
    return torch.stack(losses).mean(), torch.stack(right).mean()


def info_nce(
    queries: Tensor,
    keys: Tensor,
    temperature: float,
    negatives: Tensor | None = None,
    positive: Tensor | None = None,
    counts: Tensor | None = None,
) -> Tensor:
    """Return the contrast of queries with keys, one way.

    Without ``negatives`` the candidates of a query are all keys, and key i belongs to query i unless ``positive`` says
    otherwise. With them (MoCo, https://arxiv.org/abs/1911.05722, equation 1) the candidates are its own key and the
    negatives. MoCo v3's loss is this times twice the temperature, both ways added.

    Args:
        queries: of any length, ``(N, dim)``.
        keys: of any length, ``(M, dim)``; with ``negatives``, or without ``positive``, ``(N, dim)``.
        temperature: cosines are divided by it.
        negatives: such as a queue's rows, ``(K, dim)``.
        positive: which keys belong to a query, bool ``(N, M)``; not with ``negatives``.
        counts: candidates that count at all, bool ``(N, M)``, or ``(N, K)`` of the negatives.

    Returns:
        Nats, from 0 up: ``log(M)``, or ``log(K + 1)``, where all cosines are equal. The gradient by a cosine is at most
        ``1 / (N * temperature)``.

    Examples:
        >>> rows = torch.eye(4)
        >>> info_nce(rows, rows, temperature=0.5)  # log(1 + 3 exp(-2))
        tensor(0.3408)
        >>> info_nce(rows[:2], rows[:2], temperature=1.0, negatives=rows[2:])  # log(1 + 2 exp(-1))
        tensor(0.5514)
    """
    if negatives is None:
        logits = similarities(queries, keys, temperature)
        if positive is None:
            check_rows(queries=queries, keys=keys)
            positive = torch.eye(len(keys), dtype=torch.bool, device=keys.device)
        return contrast(logits, positive, counts)
    if positive is not None:
        raise ValueError("with negatives each query has its own key alone; positive is for the keys of a batch")
    logits = key_logits(queries, keys, negatives, temperature, counts)
    return F.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.int64, device=logits.device))


def key_logits(
    queries: Tensor, keys: Tensor, negatives: Tensor, temperature: float, counts: Tensor | None = None
) -> Tensor:
    """Return what tells a query's own key from negatives, float32 at least, ``(N, 1 + K)``: the own key comes first.

    Their cross-entropy with class 0 is `info_nce` with ``negatives``, query by query.

    Args:
        queries: of any length, ``(N, dim)``.
        keys: the own key of each, ``(N, dim)``.
        negatives: ``(K, dim)``; none at all is possible.
        temperature: cosines are divided by it.
        counts: negatives that count, bool ``(N, K)``; all without it. Others are ``-inf``.

    Raises:
        ValueError: for a temperature that is not above 0, or shapes that do not fit.
    """
    check_rows(queries=queries, keys=keys)
    others = similarities(queries, negatives, temperature)
    if counts is not None and counts.shape != others.shape:
        raise ValueError(f"counts needs the shape {tuple(others.shape)} (N, K); got {tuple(counts.shape)}")
    own = (F.normalize(wide(queries), dim=1) * F.normalize(wide(keys), dim=1)).sum(1, keepdim=True) / temperature
    return torch.cat([own, others if counts is None else others.masked_fill(~counts, float("-inf"))], 1)


def nt_xent(first: Tensor, second: Tensor, temperature: float, items: Tensor | None = None) -> Tensor:
    """Return SimCLR's contrast: each of ``2 N`` rows finds its other view among ``2 N - 1``.

    Args:
        first: one view of each item, of all processes, ``(N, dim)``, of any length.
        second: another view of the same items in the same order.
        temperature: cosines are divided by it.
        items: the item of each row, ``(N,)``: where one comes twice, other rows of it are not told apart from it.

    Returns:
        Nats, the mean over all ``2 N`` rows (the authors' code adds the means of both halves: twice this).
        ``log(2 N - 1)`` both for orthogonal rows and for rows that are all equal. The gradient by a cosine is at most
        ``1 / (N * temperature)``.

    Examples:
        >>> rows = torch.eye(8)
        >>> nt_xent(rows, rows, temperature=0.5)  # log(1 + 14 exp(-2))
        tensor(1.0629)
    """
    return contrast(*both_ways(first, second, temperature, items))


def both_ways(
    first: Tensor, second: Tensor, temperature: float, items: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Return what `nt_xent` contrasts: logits, positives and what counts of ``2 N`` rows, ``(2 N, 2 N)`` each.

    Arguments as there; hand them to `contrast` and `accuracy`.
    """
    check_rows(first=first, second=second)
    rows, count = torch.cat([first, second]), len(first)
    place = torch.arange(2 * count, device=rows.device)
    positive = place[:, None] == (place[None] + count) % (2 * count)
    names = place % count if items is None else items.repeat(2)
    counts = positive | (names[:, None] != names[None])
    return similarities(rows, rows, temperature), positive, counts


def halfway(similar: Tensor, positive: Tensor, counts: Tensor, present: Tensor, otherwise: Tensor) -> Tensor:
    """Return the value half way between the means of true pairs and of false ones; ``otherwise`` without either.

    Args:
        similar: of each row with each column, ``(N, N)``.
        positive: those that belong together, bool ``(N, N)``.
        counts: those that count at all, bool ``(N, N)``.
        present: items that count, bool ``(N,)``.
        otherwise: one number.
    """
    both = present[:, None] & present[None] & counts
    true, false = both & positive, both & ~positive
    if not true.any() or not false.any():
        return otherwise
    return ((similar[true].mean() + similar[false].mean()) / 2).to(otherwise.dtype)
