"""One clustering of a data set's items, and what a view is told by: the prototypes of PCL.

Li, Zhou, Xiong and Hoi, "Prototypical Contrastive Learning of Unsupervised Representations", ICLR 2021,
https://arxiv.org/abs/2005.04966.
"""

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avssl.losses import concentrations, prototype_contrast
from avssl.methods.rows import in_shares
from avssl.nets import fit_kmeans


class Clustering(nn.Module):
    """Centres of clusters at length 1, how concentrated each is, and the cluster of each item, as buffers.

    Args:
        items: how many the data has.
        clusters: how many.
        dim: length of the vectors.
        temperature: mean of the concentrations.

    Raises:
        ValueError: for fewer than two clusters, or more than items.
    """

    rows: Tensor
    concentration: Tensor
    filled: Tensor
    known: Tensor

    def __init__(self, items: int, clusters: int, dim: int, temperature: float):
        super().__init__()
        if not 2 <= clusters <= items:
            raise ValueError(f"needs 2 clusters or more, no more than items, {items}; got {clusters}")
        self.temperature = temperature
        self.register_buffer("rows", torch.zeros(clusters, dim))
        self.register_buffer("concentration", torch.full((clusters,), float(temperature)))
        self.register_buffer("filled", torch.ones(clusters, dtype=torch.bool))  # whether any item is there
        self.register_buffer("known", torch.full((items,), -1))  # cluster of each item; -1: none

    @torch.no_grad()
    def fit(self, rows: Tensor, index: Tensor, rounds: int, tries: int, seed: int) -> None:
        """Cluster rows by k-means, the best of several tries; over several processes each works on a share of the rows.

        Args:
            rows: of all items that could be read, of length 1, ``(N, dim)``.
            index: the item of each, ``(N,)``.
            rounds: updates of the centres, at most.
            tries: starts.
            seed: of the first start.

        Raises:
            ValueError: for fewer rows than clusters.
        """
        count = len(self.rows)
        kmeans = partial(fit_kmeans, clusters=count, rounds=rounds)
        runs = (in_shares(partial(kmeans, seed=seed + one), rows) for one in range(tries))
        best = min(runs, key=lambda run: run.objective[-1])
        centres, labels = best.centres, best.labels
        distances = (rows - centres[labels]).norm(dim=1)
        self.rows.copy_(F.normalize(centres, dim=1))  # after the distances, which are those to the centres themselves
        self.concentration.copy_(concentrations(distances, labels, count, self.temperature))
        self.filled.copy_(torch.bincount(labels, minlength=count) > 0)
        self.known.fill_(-1)
        self.known[index] = labels

    def forward(self, queries: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
        """Return ProtoNCE of queries ``(N, dim)`` of items ``(N,)``, 0 before there are clusters, and its accuracy."""
        beyond = index >= len(self.known)
        labels = self.known[index.masked_fill(beyond, 0)].masked_fill(beyond, -1)
        return prototype_contrast(queries, self.rows, labels, self.concentration, self.filled)
