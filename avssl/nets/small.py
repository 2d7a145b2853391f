"""A small convolutional encoder that trains in minutes on a CPU."""

from typing import Literal

from torch import Tensor, nn

from avssl.nets.encoders import Encoder

Norm = Literal["batch", "group"]


class SmallNet(Encoder):
    """Three strided convolutions and one fully connected layer, each with a normalisation.

    Made for pictures of about 32 px (any size works: the last map is pooled to 4 x 4 cells).

    Args:
        dim: length of the feature vectors.
        width: channels of the first convolution; the next two have twice and four times as many.
        norm: ``"batch"`` normalises by the statistics of the batch; ``"group"`` by those of each picture alone (one
            group of all channels), for methods that must not see one part of a batch through another, such as `CPC`.

    Examples:
        >>> import torch
        >>> SmallNet(dim=64)(torch.rand(2, 3, 32, 32)).shape
        torch.Size([2, 64])
    """

    def __init__(self, dim: int = 128, width: int = 24, norm: Norm = "batch"):
        if dim < 1 or width < 1 or norm not in ("batch", "group"):
            raise ValueError(
                f"needs dim and width of at least 1 and norm 'batch' or 'group'; got {dim}, {width} and {norm!r}"
            )
        trunk = nn.Sequential()
        trunk.add_module("conv1", convolution(3, width, 5, norm))
        trunk.add_module("conv2", convolution(width, 2 * width, 3, norm))
        trunk.add_module("conv3", convolution(2 * width, 4 * width, 3, norm))
        trunk.add_module("pool", nn.Sequential(Pool(4), nn.Flatten()))
        full = nn.Linear(4 * width * 16, dim, bias=False)
        trunk.add_module(
            "fc", nn.Sequential(full, nn.BatchNorm1d(dim) if norm == "batch" else nn.GroupNorm(1, dim), nn.ReLU())
        )
        super().__init__(trunk, dim, {name: name for name in ("conv1", "conv2", "conv3", "fc")})


class Pool(nn.AdaptiveAvgPool2d):
    """The mean of equal parts of a map; a map that has these cells already stays as it is."""

    def forward(self, input: Tensor) -> Tensor:
        return input if input.shape[-2:] == (self.output_size, self.output_size) else super().forward(input)


def convolution(inputs: int, outputs: int, kernel: int, norm: Norm) -> nn.Sequential:
    layer = nn.Conv2d(inputs, outputs, kernel, stride=2, padding=kernel // 2, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(outputs) if norm == "batch" else nn.GroupNorm(1, outputs), nn.ReLU())
