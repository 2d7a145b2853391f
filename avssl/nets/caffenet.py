"""CaffeNet as the Shuffle and Learn authors trained it.

Misra, Zitnick and Hebert, "Shuffle and Learn", ECCV 2016, section 4; the layer table is that of
the authors' released ``networks/tuple_train.prototxt``. https://arxiv.org/abs/1603.08561
"""

from torch import nn

from avssl.nets.encoders import Encoder


class CaffeNet(Encoder):
    """Five convolutions (conv2, 4 and 5 in two groups), fc6 and fc7; features are fc7, 4096 numbers.

    Local response normalisation after conv1 and conv2; batch normalisation without learnt scale after
    conv3 to fc7, as released. Initial weights are Gaussian with deviation 0.01 (0.005 in fc6 and fc7).
    Departure: pictures are RGB in [0, 1] with ImageNet's mean and deviation, not BGR minus the mean.

    Args:
        dropout: chance of dropping a value after fc6 and fc7 (released: 0.5).

    """

    def __init__(self, dropout: float = 0.5):
        respond = [nn.ReLU(), nn.MaxPool2d(3, stride=2), nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75)]
        stages = {
            "conv1": [nn.Conv2d(3, 96, 11, stride=4), *respond],
            "conv2": [nn.Conv2d(96, 256, 5, padding=2, groups=2), *respond],
            "conv3": [nn.Conv2d(256, 384, 3, padding=1), nn.BatchNorm2d(384, affine=False), nn.ReLU()],
            "conv4": [nn.Conv2d(384, 384, 3, padding=1, groups=2), nn.BatchNorm2d(384, affine=False), nn.ReLU()],
            "conv5": [nn.Conv2d(384, 256, 3, padding=1, groups=2), nn.BatchNorm2d(256, affine=False), nn.ReLU()],
            "pool5": [nn.MaxPool2d(3, stride=2), nn.AdaptiveAvgPool2d(6), nn.Flatten()],
            "fc6": [nn.Linear(9216, 4096), nn.BatchNorm1d(4096, affine=False), nn.ReLU(), nn.Dropout(dropout)],
            "fc7": [nn.Linear(4096, 4096), nn.BatchNorm1d(4096, affine=False), nn.ReLU(), nn.Dropout(dropout)],
        }
        trunk = nn.Sequential()
        for name, modules in stages.items():
            trunk.add_module(name, nn.Sequential(*modules))
        super().__init__(trunk, 4096, {name: name for name in stages if name != "pool5"})
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.normal_(module.weight, std=0.01 if isinstance(module, nn.Conv2d) else 0.005)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
