"""Holes in pictures: in the middle, as small blocks, or of any shape.

Pathak et al., "Context Encoders: Feature Learning by Inpainting", CVPR 2016, section 3.3.
https://arxiv.org/abs/1604.07379
"""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from avssl.transforms.draws import Draws

Hole = Literal["centre", "blocks", "shapes"]
SHARE = 0.25  # of a picture that holes cover, at most (section 3.3)
BLOCKS = 5  # a number of smaller blocks (section 3.3, which does not say how many)
CELLS = 0.06  # of coarse noise under random shapes, for each pixel of a side (the authors' code)


def holes(draws: Draws, kind: Hole, side: int, share: float = SHARE) -> Tensor:
    """Return where pictures are taken away, bool ``(pictures, 1, side, side)``.

    Args:
        draws: the only source of chance, one stream a picture; a hole in the middle draws nothing.
        kind: ``"centre"``, a square in the middle; ``"blocks"``, several small squares that may overlap; ``"shapes"``,
            regions of any shape.
        side: of the pictures, in pixels.
        share: of a picture that is taken away; blocks take less, as they are drawn smaller and overlap.
    """
    if kind == "centre":
        return centre(side, share).to(draws.state.device).expand(len(draws), -1, -1, -1)
    return blocks(draws, side, share) if kind == "blocks" else shapes(draws, side, share)


def centre(side: int, share: float = SHARE) -> Tensor:
    """Return a square in the middle, ``(1, 1, side, side)``.

    Examples:
        >>> centre(4)[0, 0].long().tolist()
        [[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]]
    """
    first, last = bounds(side, share)
    hole = torch.zeros(1, 1, side, side, dtype=torch.bool)
    hole[..., first:last, first:last] = True
    return hole


def bounds(side: int, share: float = SHARE) -> tuple[int, int]:
    """Return the first row of a square in the middle, and the one behind its last."""
    wide = max(1, int(side * share**0.5 + 1e-6))
    return (side - wide) // 2, (side - wide) // 2 + wide


def blocks(draws: Draws, side: int, share: float = SHARE) -> Tensor:
    """Return five squares at drawn places, each with between half and all of its part of the share's side."""
    most = max(1, int(side * (share / BLOCKS) ** 0.5))
    wide = draws.integers(BLOCKS, 1, low=max(1, most // 2), high=most)
    first = (draws.uniform(BLOCKS, 2) * (side - wide + 1)).long().minimum(side - wide)
    along = torch.arange(side, device=wide.device)
    inside = (along >= first[..., None]) & (along < (first + wide)[..., None])  # (pictures, blocks, axis, side)
    return (inside[:, :, 0, :, None] & inside[:, :, 1, None, :]).any(1, keepdim=True)


def shapes(draws: Draws, side: int, share: float = SHARE) -> Tensor:
    """Return regions of any shape, which cover the share of each picture exactly (to a pixel).

    Coarse noise, made smooth by bicubic interpolation, is low there. Departures: the paper deforms and pastes masks of
    people's labels in VOC 2012; the authors' code cuts noise such as this off at a fixed level and keeps what covers
    20 to 30 %, one mask for a whole batch.
    """
    coarse = max(4, round(side * CELLS))
    field = F.interpolate(draws.uniform(1, coarse, coarse), size=(side, side), mode="bicubic")
    level = field.flatten(1).kthvalue(max(1, int(side * side * share)), 1).values
    return field <= level[:, None, None, None]


def grown(hole: Tensor, pixels: int) -> Tensor:
    """Return holes ``(pictures, 1, H, W)`` with so many pixels more on every side."""
    return hole if not pixels else F.max_pool2d(hole.float(), 2 * pixels + 1, 1, pixels) > 0
