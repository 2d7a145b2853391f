"""Windows of maps and pictures by place and angle, and how far one is from another.

Wang, Jabri and Efros, "Learning Correspondence from the Cycle-Consistency of Time" (CycleTime), CVPR 2019, section 3*,
https://arxiv.org/abs/1903.07593. A star: from memory, the section was not at hand.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

POINTS = 20  # a side, by which windows are compared (authors' code)


def windows_at(places: Tensor, scale: float) -> Tensor:
    """Return the affine maps of square windows, ``(N, 2, 3)``, as ``grid_sample`` with ``align_corners=False`` takes.

    Args:
        places: x and y of the middle in [-1, 1], edge to edge, and the angle in radians, ``(N, 3)``.
        scale: side of a window, as a share of the side of what it is cut out of.
    """
    x, y, angle = places.float().unbind(1)
    cos, sin = scale * angle.cos(), scale * angle.sin()
    return torch.stack([torch.stack([cos, -sin, x], 1), torch.stack([sin, cos, y], 1)], 1)


def cut_windows(maps: Tensor, theta: Tensor, side: int) -> Tensor:
    """Return what windows show, bilinearly, ``(N, channels, side, side)``; what lies beyond the border is repeated.

    Args:
        maps: or pictures, ``(N, channels, h, w)``.
        theta: of `windows_at`; gets a gradient.
        side: cells or pixels a side.
    """
    grid = F.affine_grid(theta, [len(maps), 1, side, side], align_corners=False)
    return F.grid_sample(maps, grid.to(maps.dtype), "bilinear", "border", align_corners=False)


def window_distance(found: Tensor, true: Tensor) -> Tensor:
    """Return the mean squared distance of the points of two windows, ``(N,)``, in squares of half a frame's side.

    Args:
        found: of `windows_at`, ``(N, 2, 3)``.
        true: likewise.

    Examples:
        >>> here, there = torch.zeros(1, 3), torch.tensor([[0.5, 0.0, 0.0]])
        >>> window_distance(windows_at(here, 0.3), windows_at(there, 0.3))
        tensor([0.2500])
    """
    size = [len(found), 1, POINTS, POINTS]
    one, other = (F.affine_grid(each.float(), size, align_corners=False) for each in (found, true))
    return (one - other).square().sum(3).mean((1, 2))
