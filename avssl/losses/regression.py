"""Regression onto another view's vector, without negatives: BYOL and SimSiam.

The target is taken without gradient in both, which is what keeps these losses from collapsing; gradients towards it
would be a mistake, so they are cut here.
"""

from torch import Tensor
from torch.nn import functional as F

from avssl.losses.precision import check_rows, wide


def negative_cosine(prediction: Tensor, target: Tensor) -> Tensor:
    """Return minus the mean cosine between predictions and targets, one way.

    Chen and He, "Exploring Simple Siamese Representation Learning" (SimSiam), CVPR 2021, equation 1,
    https://arxiv.org/abs/2011.10566; their loss is the mean of both ways.

    Args:
        prediction: of any length, ``(N, dim)``.
        target: of any length, ``(N, dim)``; gets no gradient.

    Returns:
        From -1 (equal directions) to 1; 0 where orthogonal. The gradient by a cosine is ``-1 / N``.

    Examples:
        >>> import torch
        >>> negative_cosine(torch.eye(3), 5 * torch.eye(3))
        tensor(-1.)
    """
    check_rows(prediction=prediction, target=target)
    pair = F.normalize(wide(prediction), dim=1), F.normalize(wide(target.detach()), dim=1)
    return -(pair[0] * pair[1]).sum(1).mean()


def byol(prediction: Tensor, target: Tensor) -> Tensor:
    """Return the mean squared distance between unit predictions and unit targets, one way.

    Grill et al., "Bootstrap Your Own Latent" (BYOL), equation 2, https://arxiv.org/abs/2006.07733; their loss is the
    sum of both ways, 0 to 8.

    Args:
        prediction: of any length, ``(N, dim)``.
        target: of any length, ``(N, dim)``; gets no gradient.

    Returns:
        ``2 - 2 cos``, 0 to 4; 2 where orthogonal. It is 0, its best, when all rows are equal: it does not show a
        collapse. The gradient by a cosine is ``-2 / N``.
    """
    return 2 + 2 * negative_cosine(prediction, target)
