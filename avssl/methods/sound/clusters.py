"""K-means of features as part of a method: fitted once in a while, kept in checkpoints, asked at any time.

Caron et al., "Deep Clustering for Unsupervised Learning of Visual Features" (DeepCluster), ECCV 2018, section 3.3
(whitening by principal components, unit length), https://arxiv.org/abs/1807.05520.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avssl.nets import Whitening, fit_kmeans, nearest

ROUNDS, TOLERANCE = 300, 1e-4  # scikit-learn's, the tolerance as a share of the mean variance


class Clusters(nn.Module):
    """Whitened features of unit length, and the nearest of ``count`` centres.

    Args:
        dim: length of the features.
        count: clusters.
        components: principal components kept, at most; no more than there are features.

    Raises:
        ValueError: for fewer than two clusters, or no component.
    """

    centres: Tensor

    def __init__(self, dim: int, count: int, components: int = 256):
        super().__init__()
        if count < 2 or components < 1:
            raise ValueError(f"needs at least 2 clusters and 1 component; got {count} and {components}")
        self.whitening = Whitening(dim, components)
        self.register_buffer("centres", torch.zeros(count, len(self.whitening.scale)))
        self.register_load_state_dict_pre_hook(without_scale)

    def __len__(self) -> int:
        return len(self.centres)

    @torch.no_grad()
    def fit(self, features: Tensor, seed: int) -> Tensor:
        """Find centres anew and return each feature's cluster, int64 ``(N,)``.

        Args:
            features: ``(N, dim)``, at least one for each cluster.
            seed: of the start.

        Raises:
            ValueError: if there are fewer features than clusters.
        """
        if len(features) < len(self):
            raise ValueError(f"{len(features)} recordings cannot make {len(self)} clusters; set clusters lower")
        self.whitening.fit(features)
        rows = self.prepared(features)
        tolerance = TOLERANCE * float(rows.var(0, correction=0).mean())
        found = fit_kmeans(rows, len(self), ROUNDS, start=distant_rows(rows, len(self), seed), tolerance=tolerance)
        self.centres.copy_(found.centres)
        return found.labels

    def assign(self, features: Tensor) -> Tensor:
        """Return the nearest centre of each feature, int64 ``(N,)``."""
        return nearest(self.prepared(features), self.centres)[0]

    def prepared(self, features: Tensor) -> Tensor:
        """Return features whitened and of unit length, ``(N, components)``."""
        return F.normalize(self.whitening(features), dim=1)


def distant_rows(rows: Tensor, count: int, seed: int) -> Tensor:
    """Return rows to start k-means from, drawn so that they lie far from each other (k-means++), ``(count, dim)``."""
    from sklearn.cluster import kmeans_plusplus  # slow to import

    table = rows.cpu().numpy()
    return rows[torch.from_numpy(kmeans_plusplus(table - table.mean(0), count, random_state=seed)[1]).to(rows.device)]


def without_scale(_: nn.Module, state: dict[str, Tensor], prefix: str, *__: Any) -> None:
    """Let a checkpoint be loaded whose axes are over the deviations already."""
    if f"{prefix}axes" in state:
        axes = state.pop(f"{prefix}axes")
        state[f"{prefix}whitening.mean"] = state.pop(f"{prefix}mean")
        state |= {f"{prefix}whitening.axes": axes, f"{prefix}whitening.scale": axes.new_ones(axes.shape[1])}
