"""Places of features on a plane, nearest neighbours and clusters, each computed once and kept.

UMAP: McInnes, Healy and Melville 2018, https://arxiv.org/abs/1802.03426.
"""

import contextlib
import io
import warnings
from collections.abc import Callable

import numpy as np
import torch

from avssl.config import ConfigError
from avssl.features.cache import FeatureCache, digest
from avssl.features.search import Answers, search
from avssl.nets.kmeans import fit_kmeans

LEAST = 5  # rows of a map
GRAPH = 15  # neighbours that UMAP holds together
Layout = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""Features ``(rows, dim)``; which are nearest to each and how far, ``(rows, k)``, itself first -> ``(rows, 2)``."""


def neighbours_of(features: np.ndarray, count: int, cache: FeatureCache) -> Answers:
    """Return the nearest other rows of each by cosine, exactly: places and similarities ``(rows, count)``, best first.

    Raises:
        ConfigError: if there are too few rows for a map.
    """
    if len(features) < LEAST:
        raise ConfigError(f"{len(features)} rows make no map; it needs {LEAST} or more")
    count, rows = min(count, len(features) - 1), np.arange(len(features))
    key = {"explore": "neighbours", "features": digest(features), "count": count}

    def compute() -> np.ndarray:
        found = search(features, features, count, excluded=(rows, rows), centre="none")
        return np.stack([found.index.astype(np.float64), found.similarity])

    index, similarity = cache(key, compute)
    return Answers(index.astype(np.int64), similarity)


def project(features: np.ndarray, cache: FeatureCache, layout: Layout | None = None) -> np.ndarray:
    """Return the place of each row on a map, float32 ``(rows, 2)``: by UMAP on cosines, always from the same seed."""

    def compute() -> np.ndarray:
        near, own = neighbours_of(features, GRAPH, cache), np.arange(len(features))[:, None]
        index, distances = np.hstack([own, near.index]), np.hstack([np.zeros(own.shape), 1 - near.similarity])
        return (layout or umap_layout)(flat(features), index, distances.clip(0)).astype(np.float32)

    return cache({"explore": "umap", "features": digest(features)}, compute)


def umap_layout(features: np.ndarray, index: np.ndarray, distances: np.ndarray) -> np.ndarray:
    """Return what UMAP makes of a graph of neighbours; a bar on the error stream shows how far it is."""
    print(f"placing {len(features)} points (UMAP, which is compiled before it begins)", flush=True)
    import umap  # pyright: ignore[reportMissingImports]

    bar = {"desc": "map", "leave": False, "bar_format": "{desc} {bar} {n_fmt}/{total_fmt} {remaining}"}
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):  # it tells of its phases there
        warnings.filterwarnings("ignore", category=UserWarning, module="umap")  # no new rows are placed later
        reducer = umap.UMAP(
            n_neighbors=index.shape[1],
            metric="cosine",
            precomputed_knn=(index.astype(np.int32), distances.astype(np.float32)),
            random_state=0,
            n_jobs=1,  # of several the result would depend on chance
            verbose=True,
            tqdm_kwds=bar,
        )
        return np.asarray(reducer.fit_transform(features))


def clusters_of(features: np.ndarray, count: int, cache: FeatureCache) -> np.ndarray:
    """Return the cluster of each row by k-means on the sphere, int64 ``(rows,)``."""
    count = min(count, len(features))

    def compute() -> np.ndarray:
        rows = torch.from_numpy(flat(features))
        return fit_kmeans(rows, count, start="k-means++", spherical=True).labels.numpy()

    return cache({"explore": "clusters", "features": digest(features), "count": count}, compute)


def flat(features: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(features.reshape(len(features), -1), np.float32)
