"""A small encoder whose maps say what is where: for correspondence, which trains in minutes on a CPU."""

from typing import Literal

from torch import Tensor, nn

from avssl.nets.encoders import Encoder

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


class MapNet(Encoder):
    """Three convolutions of 3 x 3, two of them strided: cells of 4 px that see 15 x 15 px each.

    Cell i looks at pixel 4 i. Its vector is the mean of its last map, ``conv3``; whoever compares places takes the map
    itself, ``encoder.maps(images, "conv3")``. Borders are reflected, so that a cell does not know from zeros around the
    picture where it lies.

    Args:
        dim: channels of the last two convolutions.
        width: channels of the first one.
        padding: what lies beyond the border: the picture reflected, or zeros.
        grey: take the colour out of pictures first, in training and in use alike, for methods that learn from colour.

    Examples:
        >>> import torch
        >>> found = MapNet().maps(torch.rand(2, 3, 72, 72), "conv3")
        >>> found.values.shape, found.stride, found.offset
        (torch.Size([2, 64, 18, 18]), (4.0, 4.0), (0.0, 0.0))
    """

    def __init__(
        self, dim: int = 64, width: int = 32, padding: Literal["reflect", "zeros"] = "reflect", grey: bool = False
    ):
        if dim < 1 or width < 1 or padding not in ("reflect", "zeros"):
            raise ValueError(
                f"needs dim and width of at least 1, and padding 'reflect' or 'zeros'; got {dim}, {width}, {padding!r}"
            )
        trunk = nn.Sequential()
        for place, (inputs, outputs, stride) in enumerate(((3, width, 2), (width, dim, 2), (dim, dim, 1)), 1):
            layer = nn.Conv2d(inputs, outputs, 3, stride, 1, padding_mode=padding, bias=False)
            trunk.add_module(f"conv{place}", nn.Sequential(layer, nn.BatchNorm2d(outputs), nn.ReLU()))
        trunk.add_module("pool", nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()))
        layers = {name: name for name in ("conv1", "conv2", "conv3")}
        super().__init__(trunk, dim, layers, mean=(0.5,) * 3, std=(0.25,) * 3)
        self.grey = grey

    def normalized(self, images: Tensor) -> Tensor:
        """Return pictures as the trunk sees them, without their colour where that was asked for."""
        if self.grey:
            images = grey_pictures(images)
        return super().normalized(images)


def grey_pictures(images: Tensor) -> Tensor:
    """Return pictures ``(..., 3, H, W)`` with their brightness in all three channels."""
    return (images * images.new_tensor(LUMA).view(3, 1, 1)).sum(-3, keepdim=True).expand_as(images)
