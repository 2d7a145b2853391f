"""Torchvision's networks for clips as encoders: weights carry torchvision's own keys."""

from typing import Literal

from torch import nn
from torchvision.models.video import mc3_18, r2plus1d_18, r3d_18

from avssl.nets.clips import ClipEncoder

KINETICS_MEAN = (0.43216, 0.394666, 0.37645)  # as torchvision's weights expect
KINETICS_STD = (0.22803, 0.22145, 0.216989)


class VideoResNet(ClipEncoder):
    """An 18-layer residual network for clips up to the global average pool (512 numbers).

    Tran et al., "A Closer Look at Spatiotemporal Convolutions for Action Recognition", CVPR 2018, section 3 (R3D, MC3
    and R(2+1)D). https://arxiv.org/abs/1711.11248

    Args:
        kind: ``"r3d"``: 3-D convolutions; ``"mc3"``: 3-D ones first and 2-D ones later; ``"r2plus1d"``: over space and
            over time in turn.

    Examples:
        >>> VideoResNet("mc3").layers
        ('stem', 'layer1', 'layer2', 'layer3', 'layer4', 'pool')
    """

    def __init__(self, kind: Literal["r3d", "mc3", "r2plus1d"] = "r2plus1d"):
        trunk = {"r3d": r3d_18, "mc3": mc3_18, "r2plus1d": r2plus1d_18}[kind](weights=None)
        dim = trunk.fc.in_features
        trunk.fc = nn.Identity()  # pyright: ignore[reportAttributeAccessIssue]
        layers = {name: name for name in ("stem", "layer1", "layer2", "layer3", "layer4")}
        super().__init__(trunk, dim, layers | {"pool": "avgpool"}, KINETICS_MEAN, KINETICS_STD)
