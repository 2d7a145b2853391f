"""A small encoder for correlation filters, which need every pixel: two convolutions at stride 1."""

from torch import Tensor, nn

from avssl.nets.encoders import Encoder


class FilterNet(Encoder):
    """Two convolutions of 3 x 3 with local response normalisation, for windows that are tracked.

    The net of UDT (Wang et al., CVPR 2019, https://arxiv.org/abs/1904.01828; numbers from the authors' code,
    ``train/net.py``), but with borders reflected, so that maps are as large as pictures. Its vector is the mean of its
    last map.

    Args:
        dim: channels of the last convolution.
        width: channels of the first one.

    Examples:
        >>> import torch
        >>> FilterNet(dim=8).maps(torch.rand(1, 3, 20, 20), "conv2").values.shape
        torch.Size([1, 8, 20, 20])
    """

    def __init__(self, dim: int = 32, width: int = 32):
        if dim < 1 or width < 1:
            raise ValueError(f"needs dim and width of at least 1; got {dim} and {width}")
        trunk = nn.Sequential()
        first = nn.Conv2d(3, width, 3, padding=1, padding_mode="reflect")
        second = nn.Conv2d(width, dim, 3, padding=1, padding_mode="reflect")
        trunk.add_module("conv1", nn.Sequential(first, nn.ReLU()))
        trunk.add_module("conv2", nn.Sequential(second, Normalised()))
        trunk.add_module("pool", nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()))
        super().__init__(trunk, dim, {name: name for name in ("conv1", "conv2")}, mean=(0.5,) * 3, std=(0.25,) * 3)


class Normalised(nn.LocalResponseNorm):
    """Local response normalisation as the authors set it."""

    def __init__(self):
        super().__init__(5, alpha=1e-4, beta=0.75, k=1.0)

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input.float()).to(input.dtype)  # CPUs average in single precision alone
