"""Labels by optimal transport: as likely as can be, with clusters of given sizes.

Asano, Rupprecht and Vedaldi, "Self-labelling via simultaneous clustering and representation learning" (SeLa), ICLR
2020, section 3.2, https://arxiv.org/abs/1911.05371; the Sinkhorn-Knopp iteration of Cuturi, NeurIPS 2013,
https://arxiv.org/abs/1306.0895.
"""

import torch
from torch import Tensor

from avssl.transforms import Draws


def transport(likely: Tensor, sizes: Tensor, sharpness: float = 20.0, rounds: int = 200, close: float = 1e-3) -> Tensor:
    """Return the plan that spreads rows over clusters, ``(rows, clusters)``; it sums to 1.

    The plan Q maximises ``<Q, likely> + entropy(Q) / sharpness`` among those whose rows weigh the same and whose
    columns weigh ``sizes`` (SeLa, equations 5 and 6).

    Args:
        likely: log-probability of each row's clusters, ``(rows, clusters)``.
        sizes: share of each cluster, sums to 1, ``(clusters,)``.
        sharpness: lambda of the paper; the greater, the nearer to whole decisions.
        rounds: at most.
        close: relative error of the sizes at which to stop.

    Examples:
        >>> likely = torch.tensor([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4]]).log()
        >>> transport(likely, torch.tensor([0.5, 0.5])).argmax(1).tolist()  # two each, whoever likes it best
        [0, 0, 1, 1]
    """
    table = sharpness * likely.double()
    rows = -torch.log(torch.tensor(float(len(table)), dtype=torch.float64))
    columns = sizes.double().to(table.device).log()
    across = torch.zeros_like(columns)
    down = rows - table.logsumexp(1)
    for _ in range(rounds):
        across = columns - (table + down[:, None]).logsumexp(0)
        down = rows - (table + across).logsumexp(1)
        plan = (table + down[:, None] + across).exp()
        if ((plan.sum(0) / columns.exp() - 1).abs() < close).all():
            return plan
    return (table + down[:, None] + across).exp()


def shares(clusters: int, spread: float, key: Tensor) -> Tensor:
    """Return how large clusters are to be, normally distributed around even, float64 ``(clusters,)``, summing to 1.

    Args:
        clusters: how many.
        spread: standard deviation over the mean; 0 makes them even.
        key: the only source of chance, ``(1, parts)``.

    Examples:
        >>> shares(4, 0.0, torch.zeros(1, 1, dtype=torch.long)).tolist()
        [0.25, 0.25, 0.25, 0.25]
    """
    normal = torch.special.ndtri(Draws(key).uniform(clusters, low=1e-6)[0].double())
    sizes = (1 + spread * normal).clamp(min=0.1)
    return sizes / sizes.sum()
