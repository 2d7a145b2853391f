"""Clusters of recordings, as scikit-learn finds them: from starts that lie far from each other, in up to 300 rounds."""

import torch
from torch import Tensor

from avssl.methods.rows import of_first_process
from avssl.nets import Clusters, fit_kmeans

ROUNDS, TOLERANCE = 300, 1e-4  # scikit-learn's, the tolerance as a share of the mean variance


@torch.no_grad()
def fit_apart(clusters: Clusters, features: Tensor, seed: int) -> Tensor:
    """Find clusters anew from starts that lie far from each other; return each feature's, int64 ``(N,)``.

    Args:
        clusters: what is fitted.
        features: of all recordings, ``(N, dim)``, the same in every process.
        seed: of the start.

    Raises:
        ValueError: if there are fewer features than clusters.
    """
    if len(features) < len(clusters):
        raise ValueError(f"{len(features)} recordings cannot make {len(clusters)} clusters; set clusters lower")
    clusters.whiten(features)
    rows = clusters.prepared(features)
    tolerance = TOLERANCE * float(rows.var(0, correction=0).mean())
    start = distant_rows(rows, len(clusters), seed)
    found = fit_kmeans(rows, len(clusters), ROUNDS, start=start, tolerance=tolerance)
    clusters.centres.copy_(of_first_process(found.centres))
    return of_first_process(found.labels)


def distant_rows(rows: Tensor, count: int, seed: int) -> Tensor:
    """Return rows to start k-means from, drawn so that they lie far from each other (k-means++), ``(count, dim)``."""
    from sklearn.cluster import kmeans_plusplus  # slow to import

    table = rows.cpu().numpy()
    return rows[torch.from_numpy(kmeans_plusplus(table - table.mean(0), count, random_state=seed)[1]).to(rows.device)]
