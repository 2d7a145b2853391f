"""Torchvision's picture networks as encoders: weights carry torchvision's own keys."""

from collections.abc import Sequence
from typing import Any, Literal

from torch import nn
from torchvision.models import alexnet, resnet18, resnet34, resnet50, resnet101, vgg16, vgg16_bn

from avssl.nets.encoders import Encoder

DENSE = {32: (), 16: ("layer4",), 8: ("layer3", "layer4")}  # stages whose strides become 1, for each stride at the end


class AlexNet(Encoder):
    """AlexNet up to fc7 (4096 numbers).

    Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014.
    https://arxiv.org/abs/1404.5997

    Args:
        dropout: chance of dropping a value before fc6 and fc7.
    """

    def __init__(self, dropout: float = 0.5):
        trunk = alexnet(weights=None, dropout=dropout)
        del trunk.classifier[6]  # the class scores
        layers = {f"conv{i}": f"features.{place}" for i, place in enumerate((2, 5, 7, 9, 12), 1)}
        super().__init__(trunk, 4096, layers | {"fc6": "classifier.2", "fc7": "classifier.5"})


class ResNet(Encoder):
    """A residual network up to the global average pool (512 or 2048 numbers).

    He et al., "Deep Residual Learning for Image Recognition", CVPR 2016. https://arxiv.org/abs/1512.03385

    Args:
        depth: 18, 34, 50 or 101 layers.
        zero_init_residual: start each residual branch at zero.
        stride: pixels from one cell of the last map to the next; 16 keeps layer4 at the stride of layer3, 8 both at
            that of layer2. Weights are the same.
        dilated: spread the kernels of the layers that were kept dense, so that what each cell sees is that of stride
            32; without, it is smaller.
        padding: what lies beyond the border in convolutions: zeros, or the map reflected.

    Raises:
        ValueError: if kernels are to be spread where no layer is kept dense.

    Examples:
        >>> ResNet(depth=18).layers
        ('layer1', 'layer2', 'layer3', 'layer4', 'pool')
    """

    def __init__(
        self,
        depth: Literal[18, 34, 50, 101] = 18,
        zero_init_residual: bool = False,
        stride: Literal[8, 16, 32] = 32,
        dilated: bool = False,
        padding: Literal["zeros", "reflect"] = "zeros",
    ):
        if stride not in DENSE or (dilated and stride == 32) or padding not in ("zeros", "reflect"):
            raise ValueError(
                "needs stride 8, 16 or 32, dilated only with 8 or 16, and padding 'zeros' or 'reflect'; got "
                f"{stride}, {dilated}, {padding!r}"
            )
        build = {18: resnet18, 34: resnet34, 50: resnet50, 101: resnet101}[depth]
        trunk = build(weights=None, zero_init_residual=zero_init_residual)
        dim = trunk.fc.in_features
        trunk.fc = nn.Identity()  # pyright: ignore[reportAttributeAccessIssue]
        keep_dense(trunk, DENSE[stride], dilated)
        if padding != "zeros":
            for place, layer in list(trunk.named_modules()):
                if isinstance(layer, nn.Conv2d) and max(layer.padding) != 0:
                    trunk.set_submodule(place, changed(layer, padding_mode=padding))
        layers = {name: name for name in ("layer1", "layer2", "layer3", "layer4")}
        super().__init__(trunk, dim, layers | {"pool": "avgpool"})


def keep_dense(trunk: nn.Module, stages: Sequence[str], dilated: bool) -> None:
    """Set the strides of stages of a residual network to 1, and spread what comes behind them where that is asked.

    With ``dilated``, every other cell of a stage that was kept dense is a cell of the network as it was.
    """
    spread = 1
    for stage in stages:
        for place, layer in list(trunk.get_submodule(stage).named_modules()):  # in a block the shortcut comes last
            if not isinstance(layer, nn.Conv2d):
                continue
            shortcut, wide = "downsample" in place, spread
            if layer.stride != (1, 1) and dilated and not shortcut:
                spread *= 2
            kernel = layer.kernel_size[0]
            settings = {"stride": 1, "dilation": wide if kernel > 1 else 1, "padding": wide * (kernel // 2)}
            trunk.set_submodule(f"{stage}.{place}", changed(layer, **settings))


def changed(layer: nn.Conv2d, **settings: Any) -> nn.Conv2d:
    """Return a convolution of the same weights with other settings."""
    names = ("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups", "padding_mode")
    other = nn.Conv2d(**{name: getattr(layer, name) for name in names} | settings, bias=layer.bias is not None)
    other.load_state_dict(layer.state_dict())
    return other


class VGG16(Encoder):
    """VGG-16 up to fc7 (4096 numbers).

    Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", ICLR 2015.
    https://arxiv.org/abs/1409.1556

    Args:
        batch_norm: normalise after each convolution.
        dropout: chance of dropping a value after fc6 and fc7.
    """

    def __init__(self, batch_norm: bool = False, dropout: float = 0.5):
        build = vgg16_bn if batch_norm else vgg16
        trunk = build(weights=None, dropout=dropout)
        del trunk.classifier[6]  # the class scores
        pools = [i for i, module in enumerate(trunk.features.children()) if isinstance(module, nn.MaxPool2d)]
        layers = {f"pool{i}": f"features.{place}" for i, place in enumerate(pools, 1)}
        super().__init__(trunk, 4096, layers | {"fc6": "classifier.1", "fc7": "classifier.4"})
