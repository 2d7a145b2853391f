"""Torchvision's picture networks as encoders: weights carry torchvision's own keys."""

from typing import Literal

from torch import nn
from torchvision.models import alexnet, resnet18, resnet34, resnet50, resnet101, vgg16, vgg16_bn

from avssl.nets.encoders import Encoder


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

    Examples:
        >>> ResNet(depth=18).layers
        ('layer1', 'layer2', 'layer3', 'layer4', 'pool')
    """

    def __init__(self, depth: Literal[18, 34, 50, 101] = 18, zero_init_residual: bool = False):
        build = {18: resnet18, 34: resnet34, 50: resnet50, 101: resnet101}[depth]
        trunk = build(weights=None, zero_init_residual=zero_init_residual)
        dim = trunk.fc.in_features
        trunk.fc = nn.Identity()  # pyright: ignore[reportAttributeAccessIssue]
        layers = {name: name for name in ("layer1", "layer2", "layer3", "layer4")}
        super().__init__(trunk, dim, layers | {"pool": "avgpool"})


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
