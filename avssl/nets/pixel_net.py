"""A network with outputs for each pixel: an encoder, and a small head on each of its maps.

Long, Shelhamer and Darrell, "Fully Convolutional Networks for Semantic Segmentation", CVPR 2015: scores of several maps
are brought to the size of the picture and added (section 4.2). https://arxiv.org/abs/1411.4038
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from avssl.config import ConfigError
from avssl.nets.encoders import Encoder
from avssl.nets.pixel_cells import cells_of, upsample


class PixelNet(nn.Module):
    """An encoder and a head on each of some maps, scores brought to the picture's size and added.

    Each map is standardised by a batch normalisation without weights of its own, so that a linear head asks the same
    of large and of small features. At first the network predicts the same for every pixel.

    Args:
        encoder: pictures to maps.
        layers: which maps.
        start: what it predicts for every pixel at first, ``(outputs,)``.
        hidden: channels of a 3x3 convolution before the linear one; 0 for a linear head alone.
        image: a picture as the network will see it, float in [0, 1], ``(1, 3, H, W)``.
    """

    start: Tensor

    def __init__(self, encoder: Encoder, layers: Sequence[str], start: Tensor, hidden: int, image: Tensor):
        super().__init__()
        self.encoder, self.layers = encoder, tuple(layers)
        with torch.no_grad():
            maps = encoder.eval().taps(image, layers, whole=False)
        flat = [name for name in layers if maps[name].ndim != 4]
        if flat:
            raise ConfigError(f"layers: {flat[0]} of {type(encoder).__name__} is a vector, no map; use another layer")
        self.cells = cells_of(encoder, layers, image)
        self.heads = nn.ModuleList(_head(maps[name].shape[1], len(start), hidden) for name in layers)
        self.register_buffer("start", start.clone())

    def forward(self, images: Tensor) -> Tensor:
        """Return ``(N, outputs, H, W)`` for pictures ``(N, 3, H, W)`` in [0, 1]."""
        maps = self.encoder.taps(images, self.layers, whole=False)
        size = (images.shape[-2], images.shape[-1])
        parts = [
            upsample(head(maps[name]), self.cells[name], size)
            for name, head in zip(self.layers, self.heads, strict=True)
        ]
        return torch.stack(parts).sum(0) + self.start[:, None, None]


def _head(channels: int, outputs: int, hidden: int) -> nn.Sequential:
    layers: list[nn.Module] = [nn.BatchNorm2d(channels, affine=False)]
    if hidden:
        layers += [nn.Conv2d(channels, hidden, 3, padding=1, bias=False), nn.BatchNorm2d(hidden), nn.ReLU()]
    last = nn.Conv2d(hidden or channels, outputs, 1)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)  # pyright: ignore[reportArgumentType]
    return nn.Sequential(*layers, last)
