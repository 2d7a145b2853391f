"""Faster R-CNN on top of any encoder: torchvision's, with our maps as its backbone.

Ren, He, Girshick and Sun, "Faster R-CNN", NIPS 2015 (https://arxiv.org/abs/1506.01497); with several layers a feature
pyramid, Lin et al., "Feature Pyramid Networks for Object Detection", CVPR 2017 (https://arxiv.org/abs/1612.03144).
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn

from avssl.config import ConfigError, Count, Share
from avssl.nets import Encoder

if TYPE_CHECKING:
    from torchvision.models.detection import FasterRCNN  # slow to load, and the page of any run looks at all evaluators


@dataclass(frozen=True, kw_only=True)
class Detector:
    """The parts of Faster R-CNN that are not the encoder.

    Args:
        layers: maps of the encoder: one, or several for a feature pyramid; None takes the deepest of more than one
            cell.
        short: the short side that pictures are brought to, in pixels; in training one out of several, tested with the
            largest.
        long: the long side at most.
        anchors: sides of the boxes that proposals start from, in pixels of the resized picture; with a pyramid one for
            each layer.
        head: what looks at a proposal. ``"new"``: two new layers of ``width`` (of a pyramid's, always). ``"own"``: what
            the encoder has behind the layer (ResNet from layer3: layer4 and the mean, as in "R50-C4"; AlexNet, VGG and
            CaffeNet: the rest up to fc7).
        width: of the new layers.
        cells: side of the grid that a proposal is read with: 7, or 14 before a ResNet's layer4, 13 before AlexNet's
            conv5.
        proposals: proposals a picture that the head classifies; training keeps as many.
        samples: proposals a picture that the head learns from.
        least: scores below are no detections.
        overlap: of two detections of a class that overlap more, the less sure goes.
        max_detections: detections per picture at most.
    """

    layers: Sequence[str] | None = None
    short: Sequence[Count] = (800,)
    long: Count = 1333
    anchors: Sequence[float] = (32, 64, 128, 256, 512)
    head: Literal["new", "own"] = "new"
    width: Count = 1024
    cells: Count = 7
    proposals: Count = 1000
    samples: Count = 512
    least: Share = 0.05
    overlap: Share = 0.5
    max_detections: Count = 100

    def __post_init__(self):
        if not self.short or not self.anchors:
            raise ValueError("short and anchors need a number at least")
        if self.layers is not None and len(self.layers) > 1:
            if len(self.anchors) != len(self.layers):
                raise ValueError(
                    f"a pyramid of {len(self.layers)} layers needs one anchor each; got {list(self.anchors)}"
                )
            if self.head == "own":
                raise ValueError("head: own stands behind one layer; a pyramid of several needs a new head")

    def on(self, encoder: Encoder, layers: Sequence[str], classes: int) -> "FasterRCNN":
        """Return the detector of so many classes on top of an encoder, in which the encoder itself may learn.

        Args:
            encoder: pictures to maps.
            layers: those of it that are used.
            classes: how many, without the background.
        """
        from torchvision.models.detection import FasterRCNN
        from torchvision.models.detection.anchor_utils import AnchorGenerator
        from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
        from torchvision.ops import MultiScaleRoIAlign

        pyramid = Maps(encoder, layers)
        names = [str(number) for number in range(len(layers))]
        sizes = tuple((size,) for size in self.anchors) if len(layers) > 1 else (tuple(self.anchors),)
        if self.head == "own":
            head, dim = tail_of(encoder, layers[0]), encoder.dim
        else:
            head, dim = TwoMLPHead(pyramid.out_channels * self.cells**2, self.width), self.width
        return FasterRCNN(
            pyramid,
            min_size=tuple(sorted(self.short)),  # pyright: ignore[reportArgumentType] (it takes several, too)
            max_size=self.long,
            image_mean=encoder.mean.flatten().tolist(),
            image_std=encoder.std.flatten().tolist(),
            size_divisible=8,  # pictures of a batch are filled up to it; 32 would spoil the scale of small ones
            rpn_anchor_generator=AnchorGenerator(sizes, ((0.5, 1.0, 2.0),) * len(sizes)),
            rpn_pre_nms_top_n_train=2 * self.proposals,
            rpn_pre_nms_top_n_test=self.proposals,
            rpn_post_nms_top_n_train=self.proposals,
            rpn_post_nms_top_n_test=self.proposals,
            box_roi_pool=MultiScaleRoIAlign(names, self.cells, 2),
            box_head=head,
            box_predictor=FastRCNNPredictor(dim, classes + 1),
            box_batch_size_per_image=self.samples,
            box_score_thresh=self.least,
            box_nms_thresh=self.overlap,
            box_detections_per_img=self.max_detections,
        )


class Maps(nn.Module):
    """Maps of an encoder as torchvision's detectors want them.

    Their pictures come normalised and filled up with 0, so that what lies beside a picture has the mean colour; the
    encoder normalises itself, so this takes theirs back first.

    Args:
        encoder: pictures to maps.
        layers: one, or several for a feature pyramid of 256 channels.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, encoder: Encoder, layers: Sequence[str]):
        from torchvision.ops import FeaturePyramidNetwork

        super().__init__()
        self.encoder, self.layers = encoder, tuple(layers)
        with torch.no_grad():
            side = torch.zeros(1, 3, 128, 128, device=encoder.mean.device)
            maps = encoder.eval().taps(side, layers, whole=False)
        flat = [name for name in layers if maps[name].ndim != 4]
        if flat:
            raise ConfigError(f"layers: {flat[0]} of {type(encoder).__name__} is a vector, no map; use another layer")
        channels = [maps[name].shape[1] for name in layers]
        self.pyramid = FeaturePyramidNetwork(channels, 256) if len(layers) > 1 else None
        self.out_channels = 256 if self.pyramid is not None else channels[0]
        self.register_buffer("mean", encoder.mean.clone())
        self.register_buffer("std", encoder.std.clone())

    def forward(self, images: Tensor) -> OrderedDict[str, Tensor]:
        """Return maps by number for pictures ``(N, 3, H, W)``, normalised."""
        maps = self.encoder.taps(images * self.std + self.mean, self.layers, whole=False)
        named = OrderedDict((str(number), maps[name]) for number, name in enumerate(self.layers))
        return named if self.pyramid is None else OrderedDict(self.pyramid(named))


def tail_of(encoder: Encoder, layer: str) -> nn.Sequential:
    """Return what an encoder has behind a layer, up to its output; the weights are the encoder's own.

    Raises:
        ConfigError: if its modules do not simply follow each other there.
    """
    from avssl.nets import VGG16, AlexNet, ResNet

    children = dict(encoder.trunk.named_children())
    first, _, inner = encoder.place(layer).partition(".")
    names = list(children)
    rest = names[names.index(first) + 1 :]
    simple = isinstance(encoder.trunk, nn.Sequential) or isinstance(encoder, AlexNet | VGG16 | ResNet)
    if not simple or (inner and not isinstance(children[first], nn.Sequential)):
        raise ConfigError(f"head: own is not known for {type(encoder).__name__} behind {layer}; use head: new")
    modules: list[nn.Module] = []
    if inner:
        block = children[first]
        assert isinstance(block, nn.Sequential)
        modules += list(block.children())[int(inner) + 1 :]
    for name in rest:
        modules.append(children[name])
        if name == "avgpool":  # torchvision's networks flatten between modules
            modules.append(nn.Flatten())
    return nn.Sequential(*modules)
