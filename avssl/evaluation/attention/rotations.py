"""Attention over pictures in all four turns: does the encoder look at the same things, wherever they went?

Gidaris, Singh and Komodakis, "Unsupervised Representation Learning by Predicting Image Rotations", ICLR 2018, draw the
maps of all four copies of a picture in their appendix. https://arxiv.org/abs/1803.07728
"""

import numpy as np
import torch
from torch import Tensor

from avssl.methods.pretext.rotation import QUARTERS


def turn_points(points: np.ndarray, side: int) -> np.ndarray:
    """Return where points are in each turn of their picture, ``(4 * N, points, 2)``, as `turns` turns pixels.

    Args:
        points: (x, y) in pixels, ``(N, points, 2)``.
        side: of the square pictures, in pixels.

    Examples:
        >>> turn_points(np.array([[[1.0, 0.0]]]), side=4)[:, 0].tolist()
        [[1.0, 0.0], [0.0, 2.0], [2.0, 3.0], [3.0, 1.0]]
    """
    found = [points]
    for _ in range(QUARTERS - 1):
        x, y = found[-1][..., 0], found[-1][..., 1]
        found.append(np.stack([y, side - 1 - x], -1))
    return np.stack(found, 1).reshape(-1, *points.shape[1:])


def likeness(maps: Tensor) -> Tensor:
    """Return how alike the maps of a picture's turns are to that of the upright one, when turned back.

    Args:
        maps: four a picture, upright first, ``(..., 4 * N, H, H)``.

    Returns:
        The mean correlation over pixels and the three turns, ``(..., N)``: 1 where the encoder looks at the same
        things in every turn, about 0 where it looks at other ones; a map that is the same everywhere is like none.
    """
    turned = maps.float().unflatten(-3, (-1, QUARTERS))
    back = torch.stack([turned[..., turn, :, :].rot90(-turn, (-2, -1)) for turn in range(QUARTERS)], -3).flatten(-2)
    centred = back - back.mean(-1, keepdim=True)
    unit = centred / centred.norm(dim=-1, keepdim=True).clamp(min=1e-12)
    return (unit[..., 1:, :] * unit[..., :1, :]).sum(-1).mean(-1)
