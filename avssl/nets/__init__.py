"""Encoders and heads: what learns."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from avssl.nets.caffenet import CaffeNet
    from avssl.nets.encoders import Encoder
    from avssl.nets.heads import LinearHead, MLPHead, RelationHead
    from avssl.nets.small import SmallNet
    from avssl.nets.small_clips import SmallClips
    from avssl.nets.sound import LogMel, SoundEncoder
    from avssl.nets.spectrogram import Spectrogram, SpectrogramSpec
    from avssl.nets.torchvision import VGG16, AlexNet, ResNet
    from avssl.nets.torchvision_video import VideoResNet
    from avssl.nets.towers import SmallSound, SmallVision, SoundTower, VisionTower
    from avssl.transforms.spectrogram_mask import SpectrogramMask

WHERE = {  # public name -> the module that holds it, imported when the name is first used
    "AlexNet": "avssl.nets.torchvision",
    "CaffeNet": "avssl.nets.caffenet",
    "Encoder": "avssl.nets.encoders",
    "LinearHead": "avssl.nets.heads",
    "LogMel": "avssl.nets.sound",
    "MLPHead": "avssl.nets.heads",
    "RelationHead": "avssl.nets.heads",
    "ResNet": "avssl.nets.torchvision",
    "SmallClips": "avssl.nets.small_clips",
    "SmallNet": "avssl.nets.small",
    "SmallSound": "avssl.nets.towers",
    "SmallVision": "avssl.nets.towers",
    "SoundEncoder": "avssl.nets.sound",
    "SoundTower": "avssl.nets.towers",
    "Spectrogram": "avssl.nets.spectrogram",
    "SpectrogramMask": "avssl.transforms.spectrogram_mask",
    "SpectrogramSpec": "avssl.nets.spectrogram",
    "VGG16": "avssl.nets.torchvision",
    "VideoResNet": "avssl.nets.torchvision_video",
    "VisionTower": "avssl.nets.towers",
}

__all__ = [
    "VGG16",
    "AlexNet",
    "CaffeNet",
    "Encoder",
    "LinearHead",
    "LogMel",
    "MLPHead",
    "RelationHead",
    "ResNet",
    "SmallClips",
    "SmallNet",
    "SmallSound",
    "SmallVision",
    "SoundEncoder",
    "SoundTower",
    "Spectrogram",
    "SpectrogramMask",
    "SpectrogramSpec",
    "VideoResNet",
    "VisionTower",
]


def __getattr__(name: str):
    if name in WHERE:
        return getattr(import_module(WHERE[name]), name)
    raise AttributeError(f"module 'avssl.nets' has no attribute {name!r}")
