"""From what an encoder sees of a picture to pixels: the channel-wise fully connected layer and the decoder.

Pathak et al., "Context Encoders: Feature Learning by Inpainting", CVPR 2016, section 3.1.
https://arxiv.org/abs/1604.07379
"""

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avssl.nets.discriminator import begin


class ChannelwiseFull(nn.Module):
    """One fully connected layer for each channel: all cells of a map see each other, channels do not (section 3.1).

    ``channels * cells**2`` weights, where a fully connected layer would have ``channels**2 * cells**2``.

    Args:
        channels: maps.
        cells: of each map.
    """

    def __init__(self, channels: int, cells: int):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels, cells, cells))
        self.bias = nn.Parameter(torch.zeros(channels, cells))
        nn.init.normal_(self.weight, 0.0, cells**-0.5)

    def forward(self, maps: Tensor) -> Tensor:
        """Map ``(N, channels, height, width)`` to maps of the same shape."""
        flat = torch.einsum("nci,cio->nco", maps.flatten(2), self.weight) + self.bias
        return flat.view_as(maps)


class Decoder(nn.Module):
    """Up-convolutions from maps or vectors to pictures (section 3.1): each doubles the side.

    There are as many as come nearest to the pictures' side, five from the paper's 6 x 6 cells to 227 px; what is left
    is interpolated.

    Args:
        shape: of what is decoded, ``(channels, height, width)`` or ``(dim,)``. Maps pass the channel-wise fully
            connected layer, vectors an ordinary one to 4 x 4 cells.
        side: of the pictures, in pixels.
        width: channels before the last up-convolution; each one before has twice as many, up to eight times.

    Examples:
        >>> Decoder((6, 5, 5), side=36, width=4)(torch.rand(2, 6, 5, 5)).shape
        torch.Size([2, 3, 36, 36])
    """

    def __init__(self, shape: Sequence[int], side: int, width: int = 64):
        super().__init__()
        self.side, cells = side, shape[1] if len(shape) > 1 else min(4, side)
        doublings = max(1, round(math.log2(side / cells)))
        widths = [width * min(8, 2 ** (doublings - 1 - step)) for step in range(doublings)]
        if len(shape) == 1:
            full = nn.Linear(shape[0], widths[0] * cells**2, bias=False)
            layers: list[nn.Module] = [full, nn.Unflatten(1, (widths[0], cells, cells))]
        else:
            across = nn.Conv2d(shape[0], widths[0], 3, padding=1, bias=False)  # stride 1, across channels
            layers = [ChannelwiseFull(shape[0], math.prod(shape[1:])), across]
        layers += [nn.BatchNorm2d(widths[0]), nn.ReLU()]
        for channels, fewer in itertools.pairwise(widths):
            layers += [nn.ConvTranspose2d(channels, fewer, 4, stride=2, padding=1, bias=False)]
            layers += [nn.BatchNorm2d(fewer), nn.ReLU()]
        layers.append(nn.ConvTranspose2d(widths[-1], 3, 4, stride=2, padding=1))
        self.layers = nn.Sequential(*layers).apply(begin)

    def forward(self, seen: Tensor) -> Tensor:
        """Return pictures, ``(N, 3, side, side)`` in [0, 1]."""
        made = self.layers(seen)
        if made.shape[-1] != self.side:
            made = F.interpolate(made, size=(self.side, self.side), mode="bilinear")
        return made.tanh() / 2 + 0.5  # a hyperbolic tangent to [-1, 1], as in the authors' code
