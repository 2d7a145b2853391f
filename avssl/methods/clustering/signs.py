"""What tells how a clustering goes: agreement with the last one, clusters that are used, the share of the largest."""

import torch
from torch import Tensor

SIGNS = ("nmi_with_last", "clusters_used", "largest_share")


def signs_of(labels: Tensor, last: Tensor, clusters: int) -> Tensor:
    """Return the signs of a clustering, ``(3,)``, in the order of ``SIGNS``.

    The first is the mutual information with the last labels, see `mutual_information`; 0 where there were none. At 1
    nothing changes any more; below 0.3 every clustering is another one.

    Args:
        labels: cluster of each item, -1 for none, int64 ``(items,)``.
        last: those of the clustering before.
        clusters: how many there are.
    """
    both = (labels >= 0) & (last >= 0)
    sizes = torch.bincount(labels[labels >= 0], minlength=clusters).double()
    agreement = mutual_information(labels[both], last[both])
    return torch.stack([agreement, (sizes > 0).sum().double(), sizes.max() / sizes.sum().clamp(min=1)]).float()


def mutual_information(first: Tensor, second: Tensor) -> Tensor:
    """Return the mutual information of two clusterings over the mean of their entropies, in [0, 1].

    Args:
        first: whole numbers of at least 0, ``(items,)``; no item gives 0.
        second: likewise.

    Examples:
        >>> labels = torch.tensor([0, 0, 1, 1])
        >>> mutual_information(labels, 1 - labels).item(), mutual_information(labels, torch.tensor([0, 1, 0, 1])).item()
        (1.0, 0.0)
    """
    if not len(first):
        return torch.zeros((), dtype=torch.float64, device=first.device)
    pairs = first * (second.max() + 1) + second  # counted where they occur: never a table of all clusters by all
    one, two, joint = (entropy(values) for values in (first, second, pairs))
    mean = (one + two) / 2
    return torch.where(mean > 0, ((one + two - joint) / mean.clamp(min=1e-12)).clamp(0, 1), torch.ones_like(mean))


def entropy(values: Tensor) -> Tensor:
    """Return the entropy of whole numbers by how often they come, in nats."""
    shares = values.unique(return_counts=True)[1].double() / len(values)
    return -(shares * shares.log()).sum()
