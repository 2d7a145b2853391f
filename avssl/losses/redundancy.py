"""Redundancy reduction: two views agree while the numbers of a vector say different things.

Statistics are those of the rows that come in: hand in the rows of all processes, gathered with gradient.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from avssl.losses.precision import check_rows, product, wide


def cross_correlation(first: Tensor, second: Tensor, eps: float = 1e-5) -> Tensor:
    """Return the correlation of each number of one view with each of the other, ``(dim, dim)``, in [-1, 1].

    Columns are standardised by the biased deviation of the rows, with ``eps`` added to the variance, as batch
    normalisation does.

    Args:
        first: a row an item, ``(N, dim)``.
        second: another view of the same items.
        eps: keeps a column that does not vary from dividing by 0.
    """
    check_rows(first=first, second=second)
    views = [wide(view) for view in (first, second)]
    views = [(view - view.mean(0)) / (view.var(0, correction=0) + eps).sqrt() for view in views]
    return product(views[0].T, views[1]) / len(first)


def barlow_twins(first: Tensor, second: Tensor, weight: float = 0.0051, eps: float = 1e-5) -> Tensor:
    """Return how far the cross-correlation of two views is from the identity.

    Zbontar et al., "Barlow Twins", ICML 2021, equation 1, https://arxiv.org/abs/2103.03230.

    Args:
        first: a row an item, ``(N, dim)``.
        second: another view of the same items.
        weight: of the entries off the diagonal (lambda; the authors' code: 0.0051 at dim 8192; their sum grows with the
            square of ``dim``).
        eps: added to variances.

    Returns:
        ``sum (1 - C_ii)^2 + weight * sum C_ij^2``, from 0 to ``4 * dim + weight * dim * (dim - 1)``; about ``dim``
        where views are independent, ``dim`` where all rows are equal. It is a sum over columns and a mean over rows;
        scaling or shifting a column changes nothing.

    Examples:
        >>> barlow_twins(torch.ones(8, 4), torch.ones(8, 4))
        tensor(4.)
    """
    table = cross_correlation(first, second, eps)
    diagonal = table.diagonal()
    return (1 - diagonal).square().sum() + weight * (table.square().sum() - diagonal.square().sum())


def variance(rows: Tensor, target: float = 1.0, eps: float = 1e-4) -> Tensor:
    """Return how much the deviations of columns fall short of ``target``, their mean, in [0, ``target``].

    Bardes, Ponce and LeCun, "VICReg", ICLR 2022, equations 1 and 2, https://arxiv.org/abs/2105.04906; the variance is
    the unbiased one. ``target`` less ``sqrt(eps)`` where all rows are equal.

    Args:
        rows: ``(N, dim)``, at least two.
        target: deviation from which on a column costs nothing (gamma).
        eps: added to variances.
    """
    check_two(rows)
    return F.relu(target - (wide(rows).var(0) + eps).sqrt()).mean()


def covariance(rows: Tensor) -> Tensor:
    """Return the sum of squared covariances of different columns over their number, from 0 up (VICReg, equation 4).

    Args:
        rows: ``(N, dim)``, at least two.
    """
    check_two(rows)
    centred = wide(rows) - wide(rows).mean(0)
    table = product(centred.T, centred) / (len(rows) - 1)
    return (table.square().sum() - table.diagonal().square().sum()) / rows.shape[1]


def vicreg(
    first: Tensor, second: Tensor, invariance: float = 25.0, variances: float = 25.0, covariances: float = 1.0
) -> dict[str, Tensor]:
    """Return VICReg's loss and its three terms.

    Departure of the authors' code from their equation 6, followed here: variances of both views count by their mean,
    covariances by their sum; the invariance is the mean over items and columns.

    Args:
        first: a row an item, ``(N, dim)``, at least two.
        second: another view of the same items.
        invariance: weight of the mean squared difference (section 4.2: 25).
        variances: weight of `variance` (25).
        covariances: weight of `covariance` (1).

    Returns:
        ``loss``, and before weighting ``invariance``, ``variance`` and ``covariance``, each from 0 up. Where all rows
        are equal ``variance`` is 0.99 and the others are 0. Rows are not normalised: their scale counts.
    """
    check_rows(first=first, second=second)
    terms = {
        "invariance": F.mse_loss(wide(first), wide(second)),
        "variance": (variance(first) + variance(second)) / 2,
        "covariance": covariance(first) + covariance(second),
    }
    weights = (invariance, variances, covariances)
    loss = torch.stack([weight * term for weight, term in zip(weights, terms.values(), strict=True)]).sum()
    return {"loss": loss} | terms


def check_two(rows: Tensor) -> None:
    if rows.ndim != 2 or len(rows) < 2:
        raise ValueError(f"statistics of rows need at least two rows (N, dim); got {tuple(rows.shape)}")
