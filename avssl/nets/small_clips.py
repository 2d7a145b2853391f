"""A small network for clips that trains in minutes on a CPU: convolutions over space and over time in turn.

Tran et al., "A Closer Look at Spatiotemporal Convolutions for Action Recognition", CVPR 2018 (the (2+1)D block of its
section 3.5), https://arxiv.org/abs/1711.11248.
"""

from collections.abc import Sequence

from torch import nn

from avssl.nets.clips import ClipEncoder


class SmallClips(ClipEncoder):
    """Four blocks, each a 3x3 convolution of stride 2 over space and one of 3 frames over time.

    The last map keeps every frame; over places its maximum is taken, over time the maximum of each of ``moments``
    stretches, put side by side. With one moment it says what is seen; with as many as frames it says when, too.

    Args:
        widths: channels of the blocks.
        moments: stretches of time kept apart.

    Examples:
        >>> import torch
        >>> SmallClips(moments=4)(torch.rand(2, 8, 3, 48, 48)).shape
        torch.Size([2, 256])
    """

    def __init__(self, widths: Sequence[int] = (12, 24, 48, 64), moments: int = 1):
        if len(widths) != 4 or min(*widths, moments) < 1:
            raise ValueError(f"needs the channels of four blocks and moments >= 1; got {tuple(widths)}, {moments}")
        trunk, inputs = nn.Sequential(), 3
        for number, width in enumerate(widths, start=1):
            trunk.add_module(f"block{number}", block(inputs, width))
            inputs = width
        trunk.add_module("pool", nn.AdaptiveMaxPool3d((moments, 1, 1)))
        trunk.add_module("flat", nn.Flatten())
        layers = {f"conv{number}": f"block{number}" for number in range(1, 5)}
        super().__init__(trunk, widths[-1] * moments, layers | {"pool": "flat"})


def block(inputs: int, outputs: int) -> nn.Sequential:
    """Return a convolution over space and one over time, each with batch normalisation and rectification."""
    return nn.Sequential(
        nn.Conv3d(inputs, outputs, (1, 3, 3), (1, 2, 2), (0, 1, 1), bias=False),
        nn.BatchNorm3d(outputs),
        nn.ReLU(),
        nn.Conv3d(outputs, outputs, (3, 1, 1), padding=(1, 0, 0), bias=False),
        nn.BatchNorm3d(outputs),
        nn.ReLU(),
    )
