"""Encoders and heads: what learns."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from avssl.nets.caffenet import CaffeNet
    from avssl.nets.encoders import Encoder
    from avssl.nets.feature_maps import FeatureMap
    from avssl.nets.heads import LinearHead, MLPHead, RelationHead
    from avssl.nets.kmeans import KMeans, fit_kmeans, nearest
    from avssl.nets.masking import SpectrogramMask
    from avssl.nets.memory import Bank, Queue
    from avssl.nets.projectors import named_projector, projector
    from avssl.nets.small import SmallNet
    from avssl.nets.small_clips import SmallClips
    from avssl.nets.sound import LogMel, SoundEncoder
    from avssl.nets.spectrogram import Spectrogram, SpectrogramSpec
    from avssl.nets.teacher import Teacher
    from avssl.nets.torchvision import VGG16, AlexNet, ResNet
    from avssl.nets.torchvision_video import VideoResNet
    from avssl.nets.towers import SmallSound, SmallVision, SoundTower, VisionTower
    from avssl.nets.whitening import Whitening

WHERE = {  # public name -> the module that holds it, imported when the name is first used
    "AlexNet": "avssl.nets.torchvision",
    "Bank": "avssl.nets.memory",
    "CaffeNet": "avssl.nets.caffenet",
    "Encoder": "avssl.nets.encoders",
    "FeatureMap": "avssl.nets.feature_maps",
    "KMeans": "avssl.nets.kmeans",
    "LinearHead": "avssl.nets.heads",
    "LogMel": "avssl.nets.sound",
    "MLPHead": "avssl.nets.heads",
    "Queue": "avssl.nets.memory",
    "RelationHead": "avssl.nets.heads",
    "ResNet": "avssl.nets.torchvision",
    "SmallClips": "avssl.nets.small_clips",
    "SmallNet": "avssl.nets.small",
    "SmallSound": "avssl.nets.towers",
    "SmallVision": "avssl.nets.towers",
    "SoundEncoder": "avssl.nets.sound",
    "SoundTower": "avssl.nets.towers",
    "Spectrogram": "avssl.nets.spectrogram",
    "SpectrogramMask": "avssl.nets.masking",
    "SpectrogramSpec": "avssl.nets.spectrogram",
    "Teacher": "avssl.nets.teacher",
    "VGG16": "avssl.nets.torchvision",
    "VideoResNet": "avssl.nets.torchvision_video",
    "VisionTower": "avssl.nets.towers",
    "Whitening": "avssl.nets.whitening",
    "fit_kmeans": "avssl.nets.kmeans",
    "named_projector": "avssl.nets.projectors",
    "nearest": "avssl.nets.kmeans",
    "projector": "avssl.nets.projectors",
}

__all__ = [
    "VGG16",
    "AlexNet",
    "Bank",
    "CaffeNet",
    "Encoder",
    "FeatureMap",
    "KMeans",
    "LinearHead",
    "LogMel",
    "MLPHead",
    "Queue",
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
    "Teacher",
    "VideoResNet",
    "VisionTower",
    "Whitening",
    "fit_kmeans",
    "named_projector",
    "nearest",
    "projector",
]


def __getattr__(name: str):
    if name in WHERE:
        return getattr(import_module(WHERE[name]), name)
    raise AttributeError(f"module 'avssl.nets' has no attribute {name!r}")
