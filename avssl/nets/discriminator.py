"""Judges of pictures, true or made, and the way to be judged without moving the judge.

Radford, Metz and Chintala, "Unsupervised Representation Learning with Deep Convolutional Generative Adversarial
Networks", ICLR 2016, section 3. https://arxiv.org/abs/1511.06434
"""

from typing import Any

from torch import Tensor, nn
from torch.func import functional_call

SLOPE = 0.2  # of the leaky rectifier (section 4)
SPREAD = 0.02  # standard deviation of the first weights (section 4)
LAST = 4  # cells a side that are left for the last layer, as for the paper's pictures of 64 px


class Discriminator(nn.Module):
    """Scores how true pictures look: strided convolutions, each of which halves the side (section 3).

    Batch normalisation after all of them but the first, leaky rectifiers throughout, no pooling and no hidden layer
    that is fully connected.

    Departures from the paper: the last map is averaged to 4 x 4 cells, so that any size works; the score is no
    probability yet, as its logarithm is then exact.

    Args:
        size: side of the pictures in pixels, which sets the number of convolutions.
        width: channels of the first convolution; each later one has twice as many, up to eight times.

    Raises:
        ValueError: for pictures below 8 px, or no channel.

    Examples:
        >>> import torch
        >>> Discriminator(size=16, width=4)(torch.rand(2, 3, 16, 16)).shape
        torch.Size([2])
    """

    def __init__(self, size: int, width: int = 64):
        super().__init__()
        if size < 2 * LAST or width < 1:
            raise ValueError(f"needs a size of at least {2 * LAST} px and a width of at least 1; got {size=}, {width=}")
        layers: list[nn.Module] = [nn.Conv2d(3, width, 4, stride=2, padding=1), nn.LeakyReLU(SLOPE)]
        side, channels = size // 2, width
        while side >= 2 * LAST:
            more = min(2 * channels, 8 * width)
            layers += [nn.Conv2d(channels, more, 4, stride=2, padding=1, bias=False), nn.BatchNorm2d(more)]
            layers += [nn.LeakyReLU(SLOPE)]
            side, channels = side // 2, more
        self.layers = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(LAST), nn.Conv2d(channels, 1, LAST))
        self.apply(begin)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return scores before the logistic function, ``(N,)``, of pictures ``(N, 3, H, W)`` in [0, 1]."""
        return self.layers(2 * pictures - 1).flatten()


def begin(module: nn.Module) -> None:
    """Draw first weights as the paper does (section 4): normal, with a deviation of 0.02."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, SPREAD)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, SPREAD)


def held_still(judge: nn.Module, inputs: Tensor) -> Any:
    """Return what a module makes of inputs: gradients reach the inputs and not its weights, its statistics stay.

    So one backward pass serves a method and its adversary.
    """
    weights = {name: parameter.detach() for name, parameter in judge.named_parameters()}
    statistics = {name: buffer.clone() for name, buffer in judge.named_buffers()}
    return functional_call(judge, weights | statistics, (inputs,))
