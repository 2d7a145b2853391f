"""Pixel propagation: each cell of a map becomes a mean of all cells, weighted by how alike they are.

Xie et al., "Propagate Yourself: Exploring Pixel-Level Consistency" (PixPro), CVPR 2021, section 3.2,
https://arxiv.org/abs/2011.10043.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avssl.nets.projectors import projector


class PixelPropagation(nn.Module):
    """Cell i becomes ``sum_j max(cos(x_i, x_j), 0) ** gamma * u(x_j)``, ``u`` at length 1, as in the authors' code.

    Args:
        dim: length of a cell's vector.
        layers: linear maps of ``u``, each a 1x1 convolution (the authors' script: 1): 0 leaves vectors as they are, 2
            have batch normalisation and a rectifier between them.
        gamma: the greater, the fewer cells a cell listens to (the authors' script: 2).

    Raises:
        ValueError: if a number cannot be.
    """

    def __init__(self, dim: int, layers: int = 1, gamma: float = 2.0):
        super().__init__()
        if layers not in (0, 1, 2) or not gamma > 0:
            raise ValueError(f"propagation needs 0, 1 or 2 layers and gamma above 0; got {layers} and {gamma}")
        self.gamma = gamma
        self.transform = projector(dim, layers=layers, hidden=dim, out=dim) if layers else nn.Identity()

    def forward(self, cells: Tensor) -> Tensor:
        """Return propagated vectors of cells ``(N, cells, dim)``, of the same shape and of any length."""
        values = self.transform(cells.flatten(0, 1)).view_as(cells)
        with torch.autocast(cells.device.type, enabled=False):
            values, units = F.normalize(values.float(), dim=2), F.normalize(cells.float(), dim=2)
            alike = (units @ units.mT).clamp(min=0)
            if self.gamma < 1:
                alike = alike + 1e-6  # the slope of a root is infinite at 0
            return alike**self.gamma @ values
