"""How far rows are from an isotropic Gaussian: what keeps embeddings from collapsing without negatives or a teacher.

Statistics are those of the rows that come in: hand in the rows of all processes, gathered with gradient.
"""

import torch
from torch import Tensor

from avssl.losses.precision import check_rows, product, wide


def sigreg(rows: Tensor, directions: Tensor, knots: int = 17, reach: float = 3.0) -> Tensor:
    """Return the Epps-Pulley statistic of rows against a standard normal, the mean over directions.

    Balestriero and LeCun, "LeJEPA", 2025 (sketched isotropic Gaussian regularisation), https://arxiv.org/abs/2511.08544;
    numbers of defaults are from memory of the authors' minimal code, not checked. For each direction the characteristic
    function of the projected rows is compared with that of the normal, ``exp(-t^2 / 2)``, weighted by it, and
    integrated by trapezoids over ``[-reach, reach]``.

    Args:
        rows: a row an item, ``(N, dim)``; they are not normalised.
        directions: what rows are projected on, ``(directions, dim)``, of any length above 0; drawn anew in each step.
        knots: points of the integral on one side, 0 among them.
        reach: where it ends.

    Returns:
        From 0 up: about 1.06 where rows are standard normal, whatever ``N``; ``0.40 * N`` where all are 0.

    Raises:
        ValueError: for rows and directions of different lengths, or fewer than 2 knots.

    Examples:
        >>> sigreg(torch.zeros(8, 4), torch.eye(4)) / 8
        tensor(0.4020)
    """
    check_rows(rows=rows)
    if directions.ndim != 2 or directions.shape[1] != rows.shape[1] or knots < 2 or not reach > 0:
        raise ValueError(
            f"needs directions of {rows.shape[1]} numbers, 2 knots and a reach above 0; got directions "
            f"{tuple(directions.shape)}, {knots=}, {reach=}"
        )
    rows, axes = wide(rows), wide(directions) / wide(directions).norm(dim=1, keepdim=True)
    points = torch.linspace(0, reach, knots, device=rows.device, dtype=rows.dtype)
    weights = torch.full_like(points, 2 * reach / (knots - 1))
    weights[0] /= 2
    weights[-1] /= 2
    normal = (-points.square() / 2).exp()
    angles = product(rows, axes.T)[..., None] * points  # (N, directions, knots)
    error = (angles.cos().mean(0) - normal).square() + angles.sin().mean(0).square()
    return (error @ (weights * normal)).mean() * len(rows)
