"""K-means of features as part of a method: fitted once in a while, kept in checkpoints, asked at any time.

Caron et al., "Deep Clustering for Unsupervised Learning of Visual Features" (DeepCluster), ECCV 2018, section 3.3
(whitening by principal components, unit length), https://arxiv.org/abs/1807.05520.
"""

from importlib.util import find_spec

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LARGE = 100_000  # rows from which FAISS, where it is installed, is much faster than scikit-learn


class Clusters(nn.Module):
    """Whitened features of unit length, and the nearest of ``count`` centres.

    Args:
        dim: length of the features.
        count: clusters.
        components: principal components kept, at most; no more than there are features.

    Raises:
        ValueError: for fewer than two clusters, or no component.
    """

    mean: Tensor
    axes: Tensor
    centres: Tensor

    def __init__(self, dim: int, count: int, components: int = 256):
        super().__init__()
        if count < 2 or components < 1:
            raise ValueError(f"needs at least 2 clusters and 1 component; got {count} and {components}")
        kept = min(dim, components)
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("axes", torch.eye(dim)[:, :kept].contiguous())
        self.register_buffer("centres", torch.zeros(count, kept))

    def __len__(self) -> int:
        return len(self.centres)

    @torch.no_grad()
    def fit(self, features: Tensor, seed: int) -> Tensor:
        """Find centres anew and return each feature's cluster, int64 ``(N,)``.

        Args:
            features: ``(N, dim)``, at least one a cluster.
            seed: fixes the beginning.

        Raises:
            ValueError: if there are fewer features than clusters.
        """
        if len(features) < len(self):
            raise ValueError(f"{len(features)} recordings cannot make {len(self)} clusters; set clusters lower")
        wide = features.double()
        self.mean.copy_(wide.mean(0))
        wide = wide - wide.mean(0)
        values, vectors = torch.linalg.eigh(wide.T @ wide / len(wide))
        values, vectors = values.flip(0)[: self.axes.shape[1]], vectors.flip(1)[:, : self.axes.shape[1]]
        least = 1e-4 * values[0].clamp(min=1e-12)  # dead features would otherwise be blown up
        self.axes.copy_(vectors / values.clamp(min=least).sqrt())
        self.centres.copy_(centres_of(self.prepared(features), len(self), seed))
        return self.assign(features)

    def assign(self, features: Tensor) -> Tensor:
        """Return the nearest centre of each feature, int64 ``(N,)``."""
        return torch.cdist(self.prepared(features), self.centres).argmin(1)

    def prepared(self, features: Tensor) -> Tensor:
        """Return features whitened and of unit length, ``(N, components)``."""
        return F.normalize((features.float() - self.mean) @ self.axes, dim=1)


def centres_of(rows: Tensor, count: int, seed: int) -> Tensor:
    """Return the centres that k-means finds, ``(count, components)``."""
    table = rows.cpu().numpy()
    if len(table) >= LARGE and find_spec("faiss") is not None:
        import faiss

        found = faiss.Kmeans(table.shape[1], count, niter=25, seed=seed % 2**31)
        found.train(table)
        return torch.from_numpy(found.centroids).to(rows)
    from sklearn.cluster import KMeans  # slow to import

    found = KMeans(count, random_state=seed).fit(table)
    return torch.from_numpy(found.cluster_centers_).to(rows)
