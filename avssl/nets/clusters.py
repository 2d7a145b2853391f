"""Clusters of features: whitening and centres, fitted once in a while, part of checkpoints, asked of any data.

Caron et al., "Deep Clustering for Unsupervised Learning of Visual Features" (DeepCluster), ECCV 2018, section 3.3
(whitening by principal components, length 1), https://arxiv.org/abs/1807.05520.
"""

from collections.abc import Iterator
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avssl.nets.kmeans import EachRound, KMeans, fit_kmeans, nearest
from avssl.nets.row_blocks import Reduce, Rows, Table
from avssl.nets.whitening import Whitening


class Clusters(nn.Module):
    """Features, whitened and of length 1, and the nearest of ``count`` centres.

    Args:
        dim: length of the features.
        count: clusters.
        components: principal components kept, at most; None leaves features as they are.
        unit: whether features are then taken at length 1.
        spherical: whether centres are of length 1 too.

    Attributes:
        centres: of whitened features, ``(count, components)``; zeros before ``fit``.

    Raises:
        ValueError: for fewer than two clusters, or no component.

    Examples:
        >>> rows = torch.tensor([[0.0, 1.0], [0.1, 1.0], [9.0, 1.0], [9.1, 1.2]])
        >>> clusters = Clusters(dim=2, count=2, components=1, unit=False)
        >>> labels = clusters.fit(rows, seed=0).labels
        >>> bool(labels[0] == labels[1] != labels[2]), clusters.assign(rows).equal(labels)
        (True, True)
    """

    centres: Tensor

    def __init__(self, dim: int, count: int, components: int | None = 256, unit: bool = True, spherical: bool = False):
        super().__init__()
        if dim < 1 or count < 2 or (components is not None and components < 1):
            raise ValueError(f"needs at least 2 clusters and 1 component; got {count} and {components}")
        self.dim, self.unit, self.spherical = dim, unit, spherical
        self.whitening = None if components is None else Whitening(dim, components)
        kept = dim if self.whitening is None else len(self.whitening.scale)
        self.register_buffer("centres", torch.zeros(count, kept))
        self.register_load_state_dict_pre_hook(without_scale)

    def __len__(self) -> int:
        return len(self.centres)

    def fit(
        self,
        rows: Rows,
        seed: int,
        rounds: int = 25,
        start: Literal["random", "k-means++"] = "random",
        block: int = 8192,
        each_round: EachRound | None = None,
        index: Tensor | None = None,
        reduce: Reduce | None = None,
    ) -> KMeans:
        """Find mean, axes and centres anew; return what k-means found.

        Args:
            rows: features ``(N, dim)``, as for `avssl.nets.kmeans.fit_kmeans`; at least one for each cluster.
            seed: of the start.
            rounds: updates of the centres, at most.
            start: see `avssl.nets.kmeans.fit_kmeans`.
            block: rows at a time.
            each_round: called as k-means goes on.
            index: with several processes, the number of each row among those of all.
            reduce: sum over processes; each hands in its own rows.

        Raises:
            ValueError: if there are fewer features than clusters, or they are of another length or not finite.
        """
        self.whiten(rows, block, reduce)
        found = fit_kmeans(
            self.blocks(rows, block),
            len(self),
            rounds,
            start,
            seed,
            self.spherical,
            block=block,
            index=index,
            reduce=reduce,
            each_round=each_round,
        )
        self.centres.copy_(found.centres)
        return found

    @torch.no_grad()
    def whiten(self, rows: Rows, block: int = 8192, reduce: Reduce | None = None) -> None:
        """Fit the whitening, where there is one."""
        if self.whitening is not None:
            self.whitening.fit(rows, block, reduce)

    def blocks(self, rows: Rows, block: int = 8192) -> Rows:
        """Return features as ``fit_kmeans`` takes them: whitened, block by block, anew for each pass."""

        def passed() -> Iterator[Tensor]:
            for part in Table(rows, block, self.centres.device):
                yield self.prepared(part)

        return passed

    @torch.no_grad()
    def assign(self, rows: Rows, block: int = 8192) -> Tensor:
        """Return the nearest centre of each feature, int64 ``(N,)``."""
        return self.nearest(rows, block)[0]

    @torch.no_grad()
    def nearest(self, rows: Rows, block: int = 8192) -> tuple[Tensor, Tensor]:
        """Return the nearest centre of each feature, int64 ``(N,)``, and the squared distance to it, ``(N,)``.

        Raises:
            ValueError: for features of another length than those that clusters were made of.
        """
        dim = Table(rows, block).dim
        if dim != self.dim:
            raise ValueError(f"clusters were made of rows of {self.dim} numbers, and these have {dim}")
        return nearest(self.blocks(rows, block), self.centres, self.spherical, block)

    def prepared(self, features: Tensor) -> Tensor:
        """Return features whitened and of length 1, ``(N, components)``."""
        rows = features if self.whitening is None else self.whitening(features)
        return F.normalize(rows, dim=1) if self.unit else rows


def without_scale(_: nn.Module, state: dict[str, Tensor], prefix: str, *__: Any) -> None:
    """Let a checkpoint be loaded whose axes are over the deviations already."""
    if f"{prefix}axes" in state:
        axes = state.pop(f"{prefix}axes")
        state[f"{prefix}whitening.mean"] = state.pop(f"{prefix}mean")
        state |= {f"{prefix}whitening.axes": axes, f"{prefix}whitening.scale": axes.new_ones(axes.shape[1])}
