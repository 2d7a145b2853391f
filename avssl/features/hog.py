"""Histograms of oriented gradients as an encoder: the hand-made baseline of every table.

Dalal and Triggs, "Histograms of Oriented Gradients for Human Detection", CVPR 2005; the same numbers as scikit-image's,
which takes one picture and one block at a time.
"""

import torch
from torch import Tensor, nn

from avssl.nets import Encoder

ORIENTATIONS = 9  # bins over 180 degrees (section 6.3)
BLOCK = 2  # cells a side of a block (section 6.4)
HIGHEST = 0.2  # to which a normalised block is clipped before it is normalised again (L2-Hys)
LEAST = 1e-5  # added to the length of a block, for one without edges
PIXELS = 2**17  # looked at together


class Hog(Encoder):
    """HOG with 9 orientations and overlapping blocks of 2x2 cells, clipped and normalised (``L2-Hys``).

    Departure: a cell is an eighth of the shorter side of the picture, not 8 px, so that small pictures keep 8x8 cells;
    at 64 px the two are the same.

    Args:
        cells: along the shorter side of the picture.
        size: height and width of the pictures, in pixels; it fixes the length of the features.
    """

    def __init__(self, size: tuple[int, int], cells: int = 8):
        cell = max(2, min(size) // cells)
        rows, columns = (side // cell - BLOCK + 1 for side in size)
        if min(rows, columns) < 1:
            raise ValueError(f"pictures of {size[0]}x{size[1]} are too small for HOG with cells of {cell} px")
        dim = rows * columns * BLOCK**2 * ORIENTATIONS
        trunk = nn.Sequential()
        trunk.add_module("hog", Gradients(cell))
        trunk.add_module("flat", nn.Flatten())
        super().__init__(trunk, dim, {"hog": "hog"}, mean=(0.0,) * 3, std=(1.0,) * 3)


class Gradients(nn.Module):
    """Pictures ``(N, 3, H, W)`` in [0, 1] to blocks ``(N, 36, rows, columns)``, on the CPU whatever their device."""

    def __init__(self, cell: int):
        super().__init__()
        self.cell = cell

    def forward(self, images: Tensor) -> Tensor:
        some = max(1, PIXELS // images[0, 0].numel()) if len(images) else 1
        blocks = [self._blocks(part) for part in images.float().cpu().split(some)]
        return torch.cat(blocks).to(images.device)

    def _blocks(self, images: Tensor) -> Tensor:
        rows, columns = (side // self.cell for side in images.shape[-2:])
        strength, angle = (
            edges[:, : rows * self.cell, : columns * self.cell].contiguous() for edges in strongest_edges(images)
        )
        down, across = torch.arange(strength.shape[1]) // self.cell, torch.arange(strength.shape[2]) // self.cell
        picture = torch.arange(len(images)) * rows * columns
        cell = picture[:, None, None] + down[:, None] * columns + across
        kind = (angle * (ORIENTATIONS / 180)).long().clamp_(max=ORIENTATIONS - 1)
        votes = torch.bincount(
            (cell * ORIENTATIONS + kind).flatten(), strength.flatten(), len(images) * rows * columns * ORIENTATIONS
        )
        cells = votes.view(len(images), rows, columns, ORIENTATIONS) / self.cell**2
        blocks = cells.unfold(1, BLOCK, 1).unfold(2, BLOCK, 1)  # (N, rows, columns, orientations, down, across)
        blocks = blocks.permute(0, 4, 5, 3, 1, 2).flatten(1, 3)
        return of_length_1(of_length_1(blocks).clamp(max=HIGHEST)).float()


def strongest_edges(images: Tensor) -> tuple[Tensor, Tensor]:
    """Return how strong each pixel's edge is, in the channel where it is strongest, and its direction.

    Args:
        images: ``(N, channels, H, W)``.

    Returns:
        Lengths of gradients, and their angles in degrees from 0 to below 180, both float64 ``(N, H, W)``; those across
        the border are 0.
    """
    down, across = torch.zeros_like(images), torch.zeros_like(images)
    down[..., 1:-1, :] = images[..., 2:, :] - images[..., :-2, :]
    across[..., 1:-1] = images[..., 2:] - images[..., :-2]
    best, *others = zip(torch.hypot(down, across).unbind(1), down.unbind(1), across.unbind(1), strict=True)
    for other in others:  # the first of equals; an argmax takes most of the time
        more = other[0] > best[0]
        best = tuple(torch.where(more, ours, theirs) for ours, theirs in zip(other, best, strict=True))
    down, across = (side.double() for side in best[1:])
    return torch.hypot(down, across), torch.atan2(down, across).rad2deg() % 180


def of_length_1(blocks: Tensor) -> Tensor:
    """Return blocks ``(N, numbers, rows, columns)`` whose numbers have the length 1."""
    return blocks / (blocks.square().sum(1, keepdim=True) + LEAST**2).sqrt()
