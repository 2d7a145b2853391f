"""Heat maps: a map for each joint, upsampled from the encoder's last map, as pose networks have them.

Xiao, Wu and Wei, "Simple Baselines for Human Pose Estimation and Tracking", ECCV 2018, section 2.
https://arxiv.org/abs/1804.06208
"""

import math
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from avssl.evaluation.keypoints.heads.base import Head, Labelled
from avssl.evaluation.keypoints.heads.fitting import Learning, Network, Schedule, sides
from avssl.evaluation.keypoints.heads.maps import Decode, gaussians, places
from avssl.features.layers import Extractor, last_map, unit
from avssl.nets import Encoder

LARGE = 128  # pixels a side from which maps are a quarter of the picture, as the paper's; half below


class HeatMaps(Head):
    """Deconvolutions of 4x4 and stride 2 on the encoder's last map, and 1x1 to one map per joint (section 2).

    As many deconvolutions as bring the map to a quarter of the picture (half for pictures below 128 px): three for a
    map of stride 32, as in the paper.

    Departures: Gaussians are centred on the joint's exact place in half-pixel geometry, ``(x + 0.5) / stride - 0.5``,
    not on the nearest cell, so that no shift of a cell is needed when flipped maps are averaged; a map without a value
    above 0 is a lost joint, not one at (0, 0); pictures are shifted within their margin, not turned and scaled; few
    steps of AdamW and one cycle of the rate unless asked for theirs (section 3.1): ``epochs: 140, batch: 128,
    schedule: drops, weight_decay: 0, lr: 1e-3, head_lr: 1e-3``.

    Args:
        freeze: keep the encoder as it is.
        layer: the map; None for the deepest of more than one cell.
        width: channels of the deconvolutions (section 2: 256).
        steps: optimiser steps, at least.
        epochs: passes over the labels, where these are more than ``steps``.
        batch: pictures a step, drawn with replacement.
        lr: highest learning rate of the encoder.
        head_lr: highest learning rate of the head.
        weight_decay: of AdamW; without any it is Adam.
        sigma: of the Gaussians, in cells of the heat map (their released code: 2).
        decode: ``"middle"``: the weighted middle of the positive values within two sigma of the highest cell;
            ``"dark"``: the top of a parabola through the logarithm of the blurred map (Zhang et al.,
            "Distribution-Aware Coordinate Representation", CVPR 2020, section 3.1); ``"quarter"``: the highest cell
            and a quarter of one towards its higher neighbours (Xiao et al.'s code).
        schedule: ``"cycle"``: one cycle of the rate; ``"drops"``: divided by 10 after 9/14 and 12/14 of the steps.
        flip: share of the training pictures that are mirrored, left and right joints exchanged.
        flip_test: average the maps of the picture and of its mirror image.
        gain: colour gains lie in [1 - gain, 1 + gain).
        offset: brightness offsets lie in [-offset, offset), in units of the full range.
    """

    trains = True

    def __init__(
        self,
        freeze: bool = False,
        layer: str | None = None,
        width: int = 256,
        steps: int = 300,
        epochs: float = 0.0,
        batch: int = 32,
        lr: float = 1e-3,
        head_lr: float = 3e-3,
        weight_decay: float = 1e-3,
        sigma: float = 2.0,
        decode: Decode = "middle",
        schedule: Schedule = "cycle",
        flip: float = 0.0,
        flip_test: bool = False,
        gain: float = 0.2,
        offset: float = 0.04,
    ):
        if width < 1 or sigma <= 0:
            raise ValueError(f"width must be at least 1 and sigma above 0; got width={width}, sigma={sigma}")
        self.learning = Learning(
            freeze=freeze,
            steps=steps,
            epochs=epochs,
            batch=batch,
            lr=lr,
            head_lr=head_lr,
            weight_decay=weight_decay,
            schedule=schedule,
            flip=flip,
            gain=gain,
            offset=offset,
        )
        self.name = "frozen heat maps" if freeze else "heat maps"
        self.layer, self.width, self.sigma, self.flip_test = layer, width, sigma, flip_test
        self.decode: Decode = decode

    def settings(self) -> dict[str, Any]:
        own = {name: getattr(self, name) for name in ("layer", "width", "sigma", "decode", "flip_test")}
        return self.learning.settings() | own | {"loss": "half the mean squared error of the maps of counted joints"}

    def chosen(self, encoder: Encoder, pictures: Tensor) -> dict[str, Any]:
        network = Mapper(encoder, self._layer(encoder, pictures), pictures[:1], 1, 1)
        return {"layer": network.layer, "deconvolutions": network.deconvolutions, "stride": network.stride}

    def __call__(self, encoder: Encoder, labelled: Labelled, test: Tensor, extract: Extractor, seed: int) -> np.ndarray:
        device = extract.device
        joints = labelled.mean_pose().shape[0]  # every joint must be shown by a label
        gpus = [device] if device.type == "cuda" else []
        with torch.random.fork_rng(devices=gpus):
            torch.manual_seed(seed)
            layer = self._layer(encoder, test)
            network = Mapper(deepcopy(encoder), layer, labelled.middle[:1], joints, self.width).to(device)
            self.learning(network, labelled, self.loss, seed, device)
        found = []
        with torch.inference_mode():
            for batch in test.split(extract.batch):
                pictures = unit(batch.to(device))
                maps = network(pictures)
                if self.flip_test:
                    maps = (maps + network(pictures.flip(-1)).flip(-1)[:, sides(labelled)]) / 2
                found.append(places(maps, network.stride, self.sigma, self.decode).cpu())
        return torch.cat(found).numpy()

    def loss(self, network: Network, pictures: Tensor, points: Tensor, counted: Tensor) -> Tensor:
        """Return half the mean squared error of the maps of the joints that count."""
        maps = network(pictures)
        size = (maps.shape[-2], maps.shape[-1])
        stride = (pictures.shape[-2] / size[0], pictures.shape[-1] / size[1])
        errors = (maps - gaussians(points, size, stride, self.sigma)).square().mean((2, 3)) * counted
        return errors.sum() / counted.sum().clamp(min=1) / 2

    def _layer(self, encoder: Encoder, pictures: Tensor) -> str:
        return self.layer or last_map(encoder, pictures)


class Mapper(Network):
    """An encoder up to one of its maps, and deconvolutions to one map per joint.

    Args:
        encoder: pictures to features.
        layer: the map that is read.
        picture: one as the network will see them, uint8 ``(1, 3, H, W)``.
        joints: maps to give.
        width: channels of the deconvolutions.

    Attributes:
        deconvolutions: how many there are.
        stride: pixels of the picture a cell of the heat maps, (down, across).

    Raises:
        ValueError: if the layer is no map.
    """

    def __init__(self, encoder: Encoder, layer: str, picture: Tensor, joints: int, width: int):
        with torch.inference_mode():
            features = encoder.eval().taps(unit(picture.to(encoder.mean.device)), [layer])[layer]
        if features.ndim != 4:
            raise ValueError(f"layer: heat maps need a map, and {layer!r} of {type(encoder).__name__} is a vector")
        tall, wide = picture.shape[-2:]
        wanted = 4 if min(tall, wide) >= LARGE else 2
        count = max(0, round(math.log2(tall / features.shape[-2] / wanted)))
        super().__init__(encoder, deconvolutions(features.shape[1], count, width, joints))
        self.layer, self.deconvolutions = layer, count
        self.stride = (tall / (features.shape[-2] * 2**count), wide / (features.shape[-1] * 2**count))

    def forward(self, images: Tensor) -> Tensor:
        """Return one map per joint, ``(N, joints, rows, columns)``."""
        return self.head(self.encoder.taps(images, [self.layer], whole=False)[self.layer])


def deconvolutions(channels: int, count: int, width: int, joints: int) -> nn.Sequential:
    """Return ``count`` deconvolutions that double a map's sides, and 1x1 to ``joints`` maps, as they begin."""
    layers = nn.Sequential()
    for number in range(count):
        deconvolution = nn.ConvTranspose2d(channels, width, 4, stride=2, padding=1, bias=False)
        nn.init.normal_(deconvolution.weight, std=0.001)  # their released code
        layers.add_module(f"up{number + 1}", nn.Sequential(deconvolution, nn.BatchNorm2d(width), nn.ReLU(inplace=True)))
        channels = width
    last = nn.Conv2d(channels, joints, 1)
    nn.init.normal_(last.weight, std=0.001)
    if last.bias is not None:
        nn.init.zeros_(last.bias)
    layers.add_module("maps", last)
    return layers
