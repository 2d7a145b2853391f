"""Histograms of oriented gradients as an encoder: the hand-made baseline of every table.

Dalal and Triggs, "Histograms of Oriented Gradients for Human Detection", CVPR 2005; computed by scikit-image.
"""

import numpy as np
import torch
from skimage.feature import hog
from torch import Tensor, nn

from avssl.nets import Encoder

ORIENTATIONS = 9  # bins over 180 degrees (section 6.3)
BLOCK = 2  # cells a side of a block (section 6.4)


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
        found = [
            hog(
                image.transpose(1, 2, 0),
                ORIENTATIONS,
                (self.cell, self.cell),
                (BLOCK, BLOCK),
                feature_vector=False,
                channel_axis=-1,
            )
            for image in images.float().cpu().numpy()
        ]
        blocks = np.stack(found).astype(np.float32).reshape(len(found), *found[0].shape[:2], -1)
        return torch.from_numpy(blocks).movedim(-1, 1).to(images.device)
