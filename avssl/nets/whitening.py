"""Whitening by principal components, fitted in blocks and reusable on other data."""

import torch
from torch import Tensor, nn

from avssl.nets.row_blocks import Reduce, Rows, Table, alone, exact

DEAD = 1e-4  # of the greatest variance: components below are not blown up


class Whitening(nn.Module):
    """Rows less their mean, turned onto principal components, each over its deviation; part of checkpoints.

    Caron et al., "Deep Clustering for Unsupervised Learning of Visual Features", ECCV 2018, section 3.3,
    https://arxiv.org/abs/1807.05520, which then takes rows at length 1.

    Args:
        dim: length of the rows.
        components: principal components kept, at most.

    Attributes:
        mean: of the rows, ``(dim,)``.
        axes: directions of length 1, the one of most variance first, each with its greatest number above 0,
            ``(dim, kept)``.
        scale: one over the deviation along each, ``(kept,)``; along directions of less than 1e-4 of the greatest
            variance, that of so much.

    Raises:
        ValueError: for no component.

    Examples:
        >>> rows = torch.randn(500, 3) * torch.tensor([5.0, 1.0, 0.2])
        >>> white = Whitening(3, components=2).fit(rows)(rows)
        >>> white.shape, bool(torch.allclose(white.T @ white / 500, torch.eye(2), atol=1e-4))
        (torch.Size([500, 2]), True)
    """

    mean: Tensor
    axes: Tensor
    scale: Tensor

    def __init__(self, dim: int, components: int = 256):
        super().__init__()
        if dim < 1 or components < 1:
            raise ValueError(f"needs dim and components of at least 1; got {dim} and {components}")
        kept = min(dim, components)
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("axes", torch.eye(dim)[:, :kept].contiguous())
        self.register_buffer("scale", torch.ones(kept))

    @torch.no_grad()
    def fit(self, rows: Rows, block: int = 8192, reduce: Reduce | None = None) -> "Whitening":
        """Find mean, axes and scale, where this module is, in two passes with sums in float64, and return itself.

        Args:
            rows: ``(N, dim)``, as for `avssl.nets.kmeans.fit_kmeans`, of this process.
            block: rows at a time.
            reduce: sum over processes; None for one process.

        Raises:
            ValueError: if there is no row, a row of another length, or a value that is not finite.
        """
        reduce, table = reduce or alone, Table(rows, block, self.mean.device)
        if table.dim != len(self.mean):
            raise ValueError(f"rows have {table.dim} numbers; this whitening was made for {len(self.mean)}")
        wide = exact(table.device)
        count = int(reduce(torch.tensor([table.count], device=table.device)))
        if not count:
            raise ValueError("there are no rows to whiten")
        total = torch.zeros(table.dim, dtype=wide, device=table.device)
        for part in table:
            total += part.to(wide).sum(0)
        mean = reduce(total) / count
        spread = torch.zeros(table.dim, table.dim, dtype=wide, device=table.device)
        for part in table:
            centred = part.to(wide) - mean
            spread += centred.T @ centred
        spread = reduce(spread) / count
        if not spread.isfinite().all():
            raise ValueError("rows hold values that are not finite, and cannot be whitened")
        self.take(mean, *torch.linalg.eigh(spread))
        return self

    def take(self, mean: Tensor, variances: Tensor, axes: Tensor) -> None:
        """Keep the components of most variance, given least first."""
        kept = len(self.scale)
        variances, axes = variances.flip(0)[:kept], axes.flip(1)[:, :kept]
        greatest = axes.gather(0, axes.abs().argmax(0, keepdim=True))
        least = DEAD * variances[0].clamp(min=1e-12)
        self.mean.copy_(mean)
        self.axes.copy_(axes * greatest.sign())
        self.scale.copy_(variances.clamp(min=float(least)).rsqrt())

    def forward(self, rows: Tensor) -> Tensor:
        """Return rows ``(N, dim)`` whitened, ``(N, kept)``."""
        return (rows.to(self.mean.dtype) - self.mean) @ self.axes * self.scale
