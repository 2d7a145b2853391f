"""Prototypes: a row finds the centre of its cluster among the centres of all clusters.

Li, Zhou, Xiong and Hoi, "Prototypical Contrastive Learning of Unsupervised Representations" (PCL), ICLR 2021,
https://arxiv.org/abs/2005.04966; numbers are those of the authors' code, https://github.com/salesforce/PCL. Sections
marked with a star were not at hand and are from memory.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from avssl.losses.precision import product, wide

SMOOTHING = 10  # alpha: so that small clusters are not taken for dense ones (section 3.3*)
MIDDLE = 0.1, 0.9  # concentrations beyond these quantiles are clipped
LEAST = 0.01  # least concentration, as a share of the temperature: one of 0, of equal rows, would divide by 0


def concentrations(distances: Tensor, labels: Tensor, clusters: int, temperature: float) -> Tensor:
    """Return the concentration phi of each cluster: small where its rows lie near to its centre and are many.

    ``phi = sum of distances / (Z log(Z + 10))`` of a cluster of Z rows (section 3.3*, equation 12*). As in the authors'
    code, clusters of fewer than two rows get the greatest one; then all are clipped to their 10th and 90th percentile,
    and scaled so that their mean is the temperature. Beyond it: none is less than a hundredth of the temperature, and
    where all distances are 0 all are the temperature.

    Args:
        distances: of each row to the centre of its cluster, not squared, ``(N,)``.
        labels: cluster of each row, int64 ``(N,)``.
        clusters: how many there are.
        temperature: their mean.

    Returns:
        Above 0, ``(clusters,)``.

    Raises:
        ValueError: for a temperature that is not above 0, or labels that do not fit the distances.

    Examples:
        >>> distances, labels = torch.tensor([0.2, 0.2, 0.4, 0.4]), torch.tensor([0, 0, 1, 1])
        >>> concentrations(distances, labels, clusters=2, temperature=0.3)  # clipped, so a little less far apart
        tensor([0.2200, 0.3800])
    """
    if not temperature > 0 or distances.ndim != 1 or labels.shape != distances.shape:
        raise ValueError(
            f"needs temperature > 0, and distances and labels of one shape (N,); got {temperature}, "
            f"{tuple(distances.shape)} and {tuple(labels.shape)}"
        )
    sizes = torch.bincount(labels, minlength=clusters)
    found = torch.zeros(clusters, dtype=wide(distances).dtype, device=distances.device)
    found = found.index_add(0, labels, wide(distances)) / (sizes * (sizes + SMOOTHING).log()).clamp(min=1)
    found = torch.where(sizes > 1, found, found.masked_fill(sizes < 2, 0).amax())
    found = found.clamp(*found.quantile(found.new_tensor(MIDDLE)))
    mean = found.mean()
    found = torch.where(mean > 0, temperature * found / mean, temperature)
    return found.clamp(min=LEAST * temperature)


def prototype_contrast(
    rows: Tensor, prototypes: Tensor, labels: Tensor, concentration: Tensor, counts: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Return how hard rows are told by the prototypes of their clusters (ProtoNCE), and the share that is told.

    Each cosine is divided by the concentration of its prototype. A row is told from all prototypes but its own, each
    of which stands there once: rows of one cluster never have its prototype as a negative.

    Args:
        rows: of any length, ``(N, dim)``.
        prototypes: of any length, ``(clusters, dim)``.
        labels: cluster of each row, int64 ``(N,)``; -1 for rows of none, which are left out.
        concentration: of each cluster, above 0, ``(clusters,)``.
        counts: which prototypes count, bool ``(clusters,)``; all without it.

    Returns:
        Nats, the mean over rows, from 0 up (``log(clusters)`` where all logits are equal; 0 with zero gradient where no
        row has a cluster), and the share of rows whose greatest logit is of their own cluster.

    Examples:
        >>> rows, concentration = torch.eye(4), torch.full((4,), 0.5)
        >>> loss, right = prototype_contrast(rows, rows, torch.arange(4), concentration)  # log(1 + 3 exp(-2))
        >>> loss, right
        (tensor(0.3408), tensor(1.))
    """
    logits = product(F.normalize(wide(rows), dim=1), F.normalize(wide(prototypes), dim=1).T) / concentration
    if counts is not None:
        logits = logits.masked_fill(~counts, float("-inf"))
    known = labels >= 0
    number = known.sum().clamp(min=1)
    each = F.cross_entropy(logits, labels, reduction="none", ignore_index=-1)
    return each.sum() / number, ((logits.argmax(1) == labels) & known).sum() / number
