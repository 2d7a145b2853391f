"""Assignment: rows are spread over clusters of given sizes, as likely as can be (optimal transport).

Cuturi, "Sinkhorn Distances", NeurIPS 2013, https://arxiv.org/abs/1306.0895; Asano, Rupprecht and Vedaldi,
"Self-labelling" (SeLa), ICLR 2020, section 3.2, https://arxiv.org/abs/1911.05371; Caron et al., "Unsupervised Learning
of Visual Features by Contrasting Cluster Assignments" (SwAV), NeurIPS 2020, section 3.1,
https://arxiv.org/abs/2006.09882.

All in logs: the sharpest temperature neither overflows nor loses a row. Over several processes each hands in its own
rows and gets their part of the plan of all; ``gather`` returns the rows of all processes, those of this one among them.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from avssl.losses.precision import wide

Gather = Callable[[Tensor], Tensor]


def transport(
    likely: Tensor,
    sizes: Tensor,
    sharpness: float = 20.0,
    rounds: int = 200,
    close: float = 1e-3,
    weights: Tensor | None = None,
    gather: Gather | None = None,
) -> Tensor:
    """Return the plan that spreads rows over clusters, float64 ``(rows, clusters)``; over all processes it sums to 1.

    The plan Q maximises ``<Q, likely> + entropy(Q) / sharpness`` among those whose rows weigh the same (or
    ``weights``) and whose columns weigh ``sizes`` (SeLa, equations 5 and 6). Rows weigh exactly what they should,
    columns as nearly as ``close`` says. No gradient flows.

    Args:
        likely: log-probability of each row's clusters, ``(rows, clusters)``.
        sizes: share of each cluster, ``(clusters,)``; they sum to 1.
        sharpness: lambda of the paper; the greater, the nearer to whole decisions.
        rounds: at most.
        close: relative error of the sizes at which to stop.
        weights: share of each row, ``(rows,)``; over all processes they sum to 1. None weighs all alike.
        gather: rows of all processes; None for one process.

    Raises:
        ValueError: if there is nothing to spread, or sizes are no shares of the clusters.

    Examples:
        >>> likely = torch.tensor([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4]]).log()
        >>> transport(likely, torch.tensor([0.5, 0.5])).argmax(1).tolist()  # two each, whoever likes it best
        [0, 0, 1, 1]
    """
    table = sharpness * likely.detach().double()
    count = counted(table, gather)
    wanted = check_sizes(sizes, table.shape[1]).to(table.device)
    rows = -torch.log(torch.full((len(table),), float(count), dtype=torch.float64, device=table.device))
    if weights is not None:
        rows = weights.to(table).log()
    columns, down = wanted.log(), rows - table.logsumexp(1)
    plan = table
    for _ in range(max(1, rounds)):
        across = columns - over_rows(table + down[:, None], gather)
        down = rows - (table + across).logsumexp(1)
        plan = (table + down[:, None] + across).exp()
        found = plan.sum(0) if gather is None else gather(plan.sum(0)[None]).sum(0)
        if ((found - wanted).abs() <= close * wanted).all():
            break
    return plan


def sinkhorn(
    scores: Tensor,
    epsilon: float = 0.05,
    rounds: int = 3,
    sizes: Tensor | None = None,
    gather: Gather | None = None,
    weights: Tensor | None = None,
) -> Tensor:
    """Return soft codes of rows, ``(rows, clusters)``, at least float32: how much of each cluster a row takes.

    A few rounds of SwAV: clusters first, rows last. So every row sums to 1, and clusters take nearly their ``sizes``.
    No gradient flows.

    Args:
        scores: of each row with each cluster, such as cosines, ``(rows, clusters)``.
        epsilon: scores are divided by it (section 3.1: 0.05); the smaller, the harder the codes.
        rounds: at least 1 (the paper: 3).
        sizes: share of each cluster, ``(clusters,)``, summing to 1; None makes them even.
        gather: rows of all processes; None for one process.
        weights: what each row counts and its code sums to, ``(rows,)``; one of 0 changes no other. None: 1 each.

    Raises:
        ValueError: if there is nothing to spread, or a setting cannot be.

    Examples:
        >>> sinkhorn(torch.tensor([[1.0, 0.0], [0.0, 1.0]]), epsilon=1.0)  # 1 / (1 + exp(-1))
        tensor([[0.7311, 0.2689],
                [0.2689, 0.7311]])
    """
    if not epsilon > 0 or rounds < 1:
        raise ValueError(f"needs epsilon > 0 and rounds >= 1; got {epsilon} and {rounds}")
    table = wide(scores.detach()) / epsilon
    count, clusters = counted(table, gather), table.shape[-1]
    even = table.new_full((clusters,), 1 / clusters)
    shares = even if sizes is None else check_sizes(sizes, clusters).to(table)
    rows = table.new_zeros(len(table)) if weights is None else weights.to(table).log()
    columns = shares.log() + (math.log(count) if weights is None else over_rows(rows[:, None], gather))
    across, down = torch.zeros_like(columns), rows
    for _ in range(rounds):
        across = columns - over_rows(table + down[:, None], gather)
        down = rows - (table + across).logsumexp(1)
    return (table + down[:, None] + across).exp()


def over_rows(table: Tensor, gather: Gather | None) -> Tensor:
    """Return the log of the sum of exponentials of each column over the rows of all processes."""
    own = table.logsumexp(0)  # of no rows: -inf, which adds nothing
    return own if gather is None else gather(own[None]).logsumexp(0)


def counted(table: Tensor, gather: Gather | None) -> int:
    """Return the number of rows of all processes."""
    count = len(table)
    if gather is not None:
        count = int(gather(torch.tensor([count], device=table.device)).sum())
    if table.ndim != 2 or not count or not table.shape[1]:
        raise ValueError(f"needs at least one row and one cluster, (rows, clusters); got {tuple(table.shape)}")
    return count


def check_sizes(sizes: Tensor, clusters: int) -> Tensor:
    """Return shares of clusters in float64, or complain about them."""
    wanted = sizes.detach().double()
    if wanted.shape != (clusters,) or (wanted < 0).any() or abs(float(wanted.sum()) - 1) > 1e-4:
        raise ValueError(
            f"sizes are shares of {clusters} clusters that sum to 1; got shape {tuple(wanted.shape)}, least "
            f"{float(wanted.min()) if wanted.numel() else 0:g}, sum {float(wanted.sum()):g}"
        )
    return wanted


def drawn_sizes(normal: Tensor, spread: float) -> Tensor:
    """Return shares of clusters that are spread about even, float64 ``(clusters,)``, summing to 1.

    Asano et al., "Labelling unlabelled videos from scratch" (SeLaVi), section 3.3, https://arxiv.org/abs/2006.13662.

    Args:
        normal: numbers of the standard normal distribution, ``(clusters,)``.
        spread: standard deviation over the mean; 0 makes them even. No share is below a tenth of even.
    """
    sizes = (1 + spread * normal.double()).clamp(min=0.1)
    return sizes / sizes.sum()
