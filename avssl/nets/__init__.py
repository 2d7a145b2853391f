"""Encoders and heads: what learns."""

from typing import TYPE_CHECKING

from avssl.lazy import attach

if TYPE_CHECKING:
    from avssl.nets.caffenet import CaffeNet as CaffeNet
    from avssl.nets.clusters import Clusters as Clusters
    from avssl.nets.color_flow import ColorFlow as ColorFlow
    from avssl.nets.color_flow import ColorMap as ColorMap
    from avssl.nets.color_flow import ColorSpace as ColorSpace
    from avssl.nets.color_flow import SplitColors as SplitColors
    from avssl.nets.encoders import Encoder as Encoder
    from avssl.nets.feature_maps import FeatureMap as FeatureMap
    from avssl.nets.filter_net import FilterNet as FilterNet
    from avssl.nets.headed import Classifier as Classifier
    from avssl.nets.headed import ProjectedEncoder as ProjectedEncoder
    from avssl.nets.headed import load_classifier as load_classifier
    from avssl.nets.heads import LinearHead as LinearHead
    from avssl.nets.heads import MLPHead as MLPHead
    from avssl.nets.heads import PairHead as PairHead
    from avssl.nets.heads import Prototypes as Prototypes
    from avssl.nets.heads import RelationHead as RelationHead
    from avssl.nets.kmeans import KMeans as KMeans
    from avssl.nets.kmeans import fit_kmeans as fit_kmeans
    from avssl.nets.kmeans import nearest as nearest
    from avssl.nets.map_net import MapNet as MapNet
    from avssl.nets.memory import Bank as Bank
    from avssl.nets.memory import Queue as Queue
    from avssl.nets.projectors import named_projector as named_projector
    from avssl.nets.projectors import projector as projector
    from avssl.nets.small import SmallNet as SmallNet
    from avssl.nets.small_clips import SmallClips as SmallClips
    from avssl.nets.sound import LogMel as LogMel
    from avssl.nets.sound import SoundEncoder as SoundEncoder
    from avssl.nets.spectrogram import Spectrogram as Spectrogram
    from avssl.nets.spectrogram import SpectrogramSpec as SpectrogramSpec
    from avssl.nets.teacher import Teacher as Teacher
    from avssl.nets.timm import TimmEncoder as TimmEncoder
    from avssl.nets.token_predictor import TokenPredictor as TokenPredictor
    from avssl.nets.torchvision import VGG16 as VGG16
    from avssl.nets.torchvision import AlexNet as AlexNet
    from avssl.nets.torchvision import ResNet as ResNet
    from avssl.nets.torchvision_video import VideoResNet as VideoResNet
    from avssl.nets.towers import SmallSound as SmallSound
    from avssl.nets.towers import SmallVision as SmallVision
    from avssl.nets.towers import SoundTower as SoundTower
    from avssl.nets.towers import VisionTower as VisionTower
    from avssl.nets.tubelet_vit import TubeletViT as TubeletViT
    from avssl.nets.vit import ViT as ViT
    from avssl.nets.waveform import WaveEncoder as WaveEncoder
    from avssl.nets.whitening import Whitening as Whitening
    from avssl.nets.wrapped import as_encoder as as_encoder
    from avssl.transforms.spectrogram_mask import SpectrogramMask as SpectrogramMask

__getattr__, __dir__ = attach(__name__)
