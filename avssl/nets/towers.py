"""The towers of two-stream nets: alike for pictures and for spectrograms, at the papers' sizes and small.

Arandjelovic and Zisserman, "Look, Listen and Learn", ICCV 2017, section 3 and figure 2,
https://arxiv.org/abs/1705.08168; "Objects that Sound", ECCV 2018, figures 2 and 4, https://arxiv.org/abs/1712.06651.
"""

from collections.abc import Sequence
from typing import Literal

from torch import nn

from avssl.nets.encoders import Encoder
from avssl.nets.sound import SoundEncoder
from avssl.nets.spectrogram import SpectrogramSpec

WIDTHS = (64, 128, 256, 512)  # of the four blocks (figure 2 of both papers)
SMALL = (16, 32, 48, 64)


class VisionTower(Encoder):
    """Four blocks of two 3x3 convolutions, a maximum over 2x2 after three of them, and over all places at the end.

    224x224 pictures give a map of 28x28x512 with ``stride=1`` (L3-Net) and of 14x14x512 with ``stride=2`` (AVE-Net,
    AVOL-Net), tapped as ``"conv4"``.

    Args:
        widths: channels of the blocks.
        stride: of the first convolution: 1 (L3-Net) or 2 (AVE-Net and AVOL-Net).

    Examples:
        >>> import torch
        >>> VisionTower(stride=2).taps(torch.rand(1, 3, 224, 224), ["conv4"])["conv4"].shape
        torch.Size([1, 512, 14, 14])
    """

    def __init__(self, widths: Sequence[int] = WIDTHS, stride: Literal[1, 2] = 2):
        trunk = papers(3, widths, stride)
        super().__init__(trunk, widths[-1], {f"conv{number}": f"block{number}" for number in range(1, 5)})


class SoundTower(SoundEncoder):
    """The same for spectrograms of one channel; 257x199 or 257x200 give a last map of 32x24 or 16x12.

    Args:
        widths: channels of the blocks.
        stride: of the first convolution.
        spec: the windows; None for those of "Objects that Sound".
    """

    def __init__(self, widths: Sequence[int] = WIDTHS, stride: Literal[1, 2] = 2, spec: SpectrogramSpec | None = None):
        layers = {f"conv{number}": f"block{number}" for number in range(1, 5)}
        super().__init__(papers(1, widths, stride), widths[-1], layers, spec or SpectrogramSpec.ots())


class SmallVision(Encoder):
    """Four convolutions, the first two of stride 2, a maximum over 2x2 before the last: minutes on a CPU.

    Pictures of 48x48 give a map of 6x6, tapped as ``"conv4"``.

    Args:
        widths: channels of the convolutions.
    """

    def __init__(self, widths: Sequence[int] = SMALL):
        layers = {f"conv{number}": f"block{number}" for number in range(1, 5)}
        super().__init__(small(3, widths), widths[-1], layers)


class SmallSound(SoundEncoder):
    """The same for spectrograms.

    Args:
        widths: channels of the convolutions.
        spec: the windows; None for 64 mel bands at 16 kHz, averaged to half in both directions.
        moments: stretches of time whose maxima are put side by side, to say when, too; 1 takes one over all.
    """

    def __init__(self, widths: Sequence[int] = SMALL, spec: SpectrogramSpec | None = None, moments: int = 1):
        if moments < 1:
            raise ValueError(f"moments must be at least 1; got {moments}")
        layers = {f"conv{number}": f"block{number}" for number in range(1, 5)}
        trunk = small(1, widths)
        trunk.pool4 = nn.AdaptiveMaxPool2d((1, moments))
        super().__init__(trunk, widths[-1] * moments, layers, spec or SpectrogramSpec(shrink=2))


def papers(inputs: int, widths: Sequence[int], stride: int) -> nn.Sequential:
    check(widths)
    trunk = nn.Sequential()
    for number, width in enumerate(widths, start=1):
        first = convolution(inputs, width, stride if number == 1 else 1)
        trunk.add_module(f"block{number}", nn.Sequential(first, convolution(width, width)))
        trunk.add_module(f"pool{number}", nn.MaxPool2d(2) if number < 4 else nn.AdaptiveMaxPool2d(1))
        inputs = width
    trunk.add_module("flat", nn.Flatten())
    return trunk


def small(inputs: int, widths: Sequence[int]) -> nn.Sequential:
    check(widths)
    trunk = nn.Sequential()
    for number, (width, stride) in enumerate(zip(widths, (2, 2, 1, 1), strict=True), start=1):
        trunk.add_module(f"block{number}", convolution(inputs, width, stride))
        if number == 3:
            trunk.add_module("pool3", nn.MaxPool2d(2))
        inputs = width
    trunk.add_module("pool4", nn.AdaptiveMaxPool2d(1))
    trunk.add_module("flat", nn.Flatten())
    return trunk


def check(widths: Sequence[int]) -> None:
    if len(widths) != 4 or min(widths) < 1:
        raise ValueError(f"widths are the channels of four blocks, such as {WIDTHS} or {SMALL}; got {tuple(widths)}")


def convolution(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """Return a 3x3 convolution with batch normalisation before the rectification ("Objects that Sound", figure 2)."""
    layer = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(outputs), nn.ReLU())
