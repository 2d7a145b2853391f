"""Colours of a film's first frame, carried to all others by what grey frames have alike, and how far they are off.

Vondrick et al., "Tracking Emerges by Colorizing Videos", ECCV 2018, section 3: things keep their colours, so that a
film is its own teacher, and its own truth. https://arxiv.org/abs/1806.09594
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from avssl.evaluation.propagation.maps import LayerMaps, features_of
from avssl.evaluation.propagation.rows import Member
from avssl.features.layers import unit
from avssl.features.propagation.propagate import propagate
from avssl.features.propagation.settings import Propagation
from avssl.nets.cells import CellGrid, pixels_to_cells, writing
from avssl.nets.map_net import LUMA, grey_pictures

Coloured = tuple[Tensor, CellGrid]  # opponent colours (frames, 2, rows, columns), and where the cells look
MOVED, ALL = 0, 1  # cells whose brightness has changed since the first frame, and all


def grey(frames: Tensor) -> Tensor:
    """Return pictures with their brightness in all three channels, uint8 ``(..., 3, H, W)``."""
    return (grey_pictures(unit(frames)) * 255).round().to(torch.uint8)


def opponents(pictures: Tensor) -> Tensor:
    """Return red less green, and their mean less blue, ``(..., 2, H, W)``, of pixels in [0, 1].

    Examples:
        >>> import torch
        >>> opponents(torch.tensor([1.0, 0.0, 0.25]).view(3, 1, 1)).flatten().tolist()
        [1.0, 0.25]
    """
    red, green, blue = pictures.unbind(-3)
    return torch.stack([red - green, (red + green) / 2 - blue], -3)


def with_colours(brightness: Tensor, colours: Tensor) -> Tensor:
    """Return pictures of some brightness and opponent colours, in [0, 1], ``(..., 3, H, W)``.

    Args:
        brightness: ``(..., H, W)``.
        colours: as of `opponents`, of the same size.
    """
    first, second = colours.unbind(-3)
    to_red, _, to_blue = LUMA
    green = brightness - to_red * first - to_blue * (first / 2 - second)
    return torch.stack([green + first, green, green + first / 2 - second], -3).clamp(0, 1)


def recoloured(frames: Tensor, coloured: Coloured) -> Tensor:
    """Return frames with other colours on their own brightness.

    Args:
        frames: uint8 ``(frames, 3, H, W)``.
        coloured: of these frames.

    Returns:
        uint8, as the frames.
    """
    colours, grid = coloured
    wide = writing(grid, 0) @ colours @ writing(grid, 1).T
    return (with_colours(unit(grey(frames))[:, 0], wide) * 255).round().to(torch.uint8)


def carry_colours(
    one: Member, trained: LayerMaps, frames: Tensor, settings: Propagation, batch: int, change: float
) -> tuple[Coloured, np.ndarray]:
    """Return the colours that a row carried, and how far they are from the true ones.

    Args:
        one: by which features; without maps the colours of the first frame stay where they were.
        trained: gives the cells of a row without maps.
        frames: uint8 ``(frames, 3, H, W)``, in colour.
        settings: how.
        batch: frames a pass.
        change: of brightness, from which on a cell counts.

    Returns:
        The colours; and of each frame but the first the sum of errors and the count of
        cells, of those that `MOVED` and of `ALL`, ``(frames - 1, 2, 2)``.
    """
    seen = grey(frames)
    grid, stride, features = features_of(one.maps or trained, seen if one.maps else seen[:1], settings, batch)
    colours = pixels_to_cells(opponents(unit(frames)), grid)
    brightness = pixels_to_cells(unit(seen)[:, 0], grid)
    if one.maps is None:
        carried = colours[:1].expand_as(colours)
    else:
        first = colours[0].to(trained.device)
        carried = torch.stack([soft.cpu() for soft in propagate(features, first, settings, stride)])
    apart = (carried - colours).abs().mean(1)[1:].double()
    moved = (brightness[1:] - brightness[:1]).abs() > change
    sums, counts = (apart * moved, apart), (moved, torch.ones_like(moved))
    return (carried, grid), torch.stack(
        [torch.stack([one.sum((1, 2)) for one in each], -1) for each in (sums, counts)], 1
    ).numpy()


def errors_of(films: Sequence[np.ndarray], which: int = MOVED, first: int = 1, last: int | None = None) -> np.ndarray:
    """Return the mean error of each film's cells from one frame to another, NaN where none counts, ``(films,)``."""
    found = []
    for film in films:
        total, count = film[first - 1 : last, :, which].sum(0)
        found.append(total / count if count else np.nan)
    return np.array(found)
