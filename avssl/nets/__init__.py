"""Encoders and heads: what learns."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from avssl.nets.caffenet import CaffeNet
    from avssl.nets.encoders import Encoder
    from avssl.nets.heads import LinearHead, MLPHead, RelationHead
    from avssl.nets.small import SmallNet
    from avssl.nets.torchvision import VGG16, AlexNet, ResNet

WHERE = {  # public name -> the module that holds it, imported when the name is first used
    "AlexNet": "avssl.nets.torchvision",
    "CaffeNet": "avssl.nets.caffenet",
    "Encoder": "avssl.nets.encoders",
    "LinearHead": "avssl.nets.heads",
    "MLPHead": "avssl.nets.heads",
    "RelationHead": "avssl.nets.heads",
    "ResNet": "avssl.nets.torchvision",
    "SmallNet": "avssl.nets.small",
    "VGG16": "avssl.nets.torchvision",
}

__all__ = ["VGG16", "AlexNet", "CaffeNet", "Encoder", "LinearHead", "MLPHead", "RelationHead", "ResNet", "SmallNet"]


def __getattr__(name: str):
    if name in WHERE:
        return getattr(import_module(WHERE[name]), name)
    raise AttributeError(f"module 'avssl.nets' has no attribute {name!r}")
