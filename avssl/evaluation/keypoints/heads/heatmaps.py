"""Heat maps: a map for each joint, upsampled from the encoder's last map, as pose networks have them.

Xiao, Wu and Wei, "Simple Baselines for Human Pose Estimation and Tracking", ECCV 2018, section 2.
https://arxiv.org/abs/1804.06208
"""

import math
from copy import deepcopy
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from avssl.data.transforms import Draws, GainOffset
from avssl.evaluation.features import Extractor, last_map, unit
from avssl.evaluation.keypoints.heads.base import Head, Labelled
from avssl.evaluation.keypoints.heads.regression import shifted
from avssl.nets import Encoder

LARGE = 128  # pixels a side from which maps are a quarter of the picture, as the paper's; half below
Decode = Literal["middle", "quarter"]


class HeatMaps(Head):
    """Deconvolutions of 4x4 and stride 2 on the encoder's last map, and 1x1 to a map a joint (section 2).

    As many deconvolutions as bring the map to a quarter of the picture (half for pictures below 128 px): three for a
    map of stride 32, as in the paper.

    Departures: Gaussians are centred on the joint's exact place in half-pixel geometry, ``(x + 0.5) / stride - 0.5``,
    not on the nearest cell, so that no shift of a cell is needed when flipped maps are averaged; a map without a value
    above 0 is a lost joint, not one at (0, 0); AdamW with one cycle of the learning rate for the given number of steps,
    the same for every row, in place of 140 epochs of Adam.

    Args:
        freeze: keep the encoder as it is.
        layer: the map; None for the deepest of more than one cell.
        width: channels of the deconvolutions (section 2: 256).
        steps: optimiser steps.
        batch: pictures a step, drawn with replacement.
        rate: highest learning rate of the encoder.
        head_rate: highest learning rate of the head.
        weight_decay: of AdamW.
        sigma: of the Gaussians, in cells of the heat map (their released code: 2).
        decode: ``"middle"``: the weighted middle of the positive values within two sigma of the highest cell;
            ``"quarter"``: the highest cell and a quarter of one towards its higher neighbours (their code).
        flip: share of the training pictures that are mirrored, left and right joints exchanged.
        flip_test: average the maps of the picture and of its mirror image.
        gain: colour gains lie in [1 - gain, 1 + gain).
        offset: brightness offsets lie in [-offset, offset), in units of the full range.
    """

    def __init__(
        self,
        freeze: bool = False,
        layer: str | None = None,
        width: int = 256,
        steps: int = 300,
        batch: int = 32,
        rate: float = 1e-3,
        head_rate: float = 3e-3,
        weight_decay: float = 1e-3,
        sigma: float = 2.0,
        decode: Decode = "middle",
        flip: float = 0.0,
        flip_test: bool = False,
        gain: float = 0.2,
        offset: float = 0.04,
    ):
        if min(width, steps) < 1 or batch < 2 or sigma <= 0 or not 0 <= flip <= 1:
            raise ValueError(
                f"needs width, steps >= 1, batch >= 2, sigma > 0 and flip in [0, 1]; got {width}, {steps}, {batch}, "
                f"{sigma}, {flip}"
            )
        self.name = "frozen heat maps" if freeze else "heat maps"
        self.freeze, self.layer, self.width, self.steps, self.batch = freeze, layer, width, steps, batch
        self.rate, self.head_rate, self.weight_decay, self.sigma = rate, head_rate, weight_decay, sigma
        self.decode: Decode = decode
        self.flip, self.flip_test = flip, flip_test
        self.jitter = GainOffset(gain, offset, scope="tuple")

    def settings(self) -> dict[str, Any]:
        plain = (
            "freeze", "layer", "width", "steps", "batch", "rate", "head_rate", "weight_decay", "sigma", "decode",
            "flip", "flip_test",
        )  # fmt: skip
        return {name: getattr(self, name) for name in plain} | {
            "gain": self.jitter.gain,
            "offset": self.jitter.offset,
            "loss": "half the mean squared error of the maps of counted joints",
            "optimiser": "AdamW, one cycle",
        }

    def __call__(self, encoder: Encoder, labelled: Labelled, test: Tensor, extract: Extractor, seed: int) -> np.ndarray:
        device = extract.device
        labelled.mean_pose()  # every joint must be shown by a label
        gpus = [device] if device.type == "cuda" else []
        layer = self.layer or last_map(encoder, test)
        mirrored = torch.tensor(labelled.mirrored or range(labelled.points.shape[1]), device=device)
        with torch.random.fork_rng(devices=gpus):
            torch.manual_seed(seed)
            network = Mapper(deepcopy(encoder), layer, labelled.middle[:1], labelled.points.shape[1], self.width).to(
                device
            )
            self._learn(network, labelled, mirrored, seed, device)
        found = []
        with torch.inference_mode():
            for batch in test.split(extract.batch):
                pictures = unit(batch.to(device))
                maps = network(pictures)
                if self.flip_test:
                    maps = (maps + network(pictures.flip(-1)).flip(-1)[:, mirrored]) / 2
                found.append(places(maps, network.stride, self.sigma, self.decode).cpu())
        return torch.cat(found).numpy()

    def _learn(self, network: "Mapper", labelled: Labelled, mirrored: Tensor, seed: int, device: torch.device) -> None:
        groups = [{"params": list(network.head.parameters()), "lr": self.head_rate}]
        network.encoder.requires_grad_(not self.freeze)
        if not self.freeze:
            groups.append({"params": list(network.encoder.parameters()), "lr": self.rate})
        optimiser = torch.optim.AdamW(groups, weight_decay=self.weight_decay)
        rates = [group["lr"] for group in groups]
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rates, total_steps=self.steps)
        images, counted = labelled.images.to(device), torch.from_numpy(labelled.counted).to(device)
        points = torch.from_numpy(np.nan_to_num(labelled.points)).float().to(device)
        network.train()
        network.encoder.train(not self.freeze)
        for step in range(self.steps):
            draws = Draws(torch.tensor([[seed, step, item] for item in range(self.batch)], device=device))
            rows = draws.integers(low=0, high=len(labelled) - 1)
            pictures, moved = shifted(images[rows], draws, labelled.margin)
            wanted, known = points[rows] - moved[:, None], counted[rows]
            turned = draws.uniform(1) < self.flip
            pictures, wanted, known = mirror(pictures, wanted, known, turned[:, 0], mirrored)
            maps = network(self.jitter(unit(pictures)[:, None], draws)[:, 0])
            truth = gaussians(wanted, (maps.shape[-2], maps.shape[-1]), network.stride, self.sigma)
            errors = (maps - truth).square().mean((2, 3)) * known
            optimiser.zero_grad()
            (errors.sum() / known.sum().clamp(min=1) / 2).backward()
            optimiser.step()
            schedule.step()
        network.eval()


class Mapper(nn.Module):
    """An encoder up to one of its maps, and deconvolutions to a map a joint.

    Args:
        encoder: pictures to features.
        layer: the map that is read.
        picture: one as the network will see them, uint8 ``(1, 3, H, W)``.
        joints: maps to give.
        width: channels of the deconvolutions.

    Attributes:
        stride: pixels of the picture a cell of the heat maps, (down, across).
    """

    def __init__(self, encoder: Encoder, layer: str, picture: Tensor, joints: int, width: int):
        super().__init__()
        self.encoder, self.layer = encoder, layer
        with torch.inference_mode():
            seen = encoder.eval().taps(unit(picture.to(encoder.mean.device)), [layer])[layer]
        height, width_ = picture.shape[-2:]
        wanted = 4 if min(height, width_) >= LARGE else 2
        count = max(0, round(math.log2(height / seen.shape[-2] / wanted)))
        self.head = nn.Sequential()
        channels = seen.shape[1]
        for number in range(count):
            layer_ = nn.ConvTranspose2d(channels, width, 4, stride=2, padding=1, bias=False)
            nn.init.normal_(layer_.weight, std=0.001)  # their released code
            self.head.add_module(f"up{number + 1}", nn.Sequential(layer_, nn.BatchNorm2d(width), nn.ReLU()))
            channels = width
        last = nn.Conv2d(channels, joints, 1)
        nn.init.normal_(last.weight, std=0.001)
        if last.bias is not None:
            nn.init.zeros_(last.bias)
        self.head.add_module("maps", last)
        self.stride = (height / (seen.shape[-2] * 2**count), width_ / (seen.shape[-1] * 2**count))

    def forward(self, images: Tensor) -> Tensor:
        """Return a map a joint, ``(N, joints, rows, columns)``."""
        return self.head(self.encoder.taps(images, [self.layer])[self.layer])


def gaussians(points: Tensor, size: tuple[int, int], stride: tuple[float, float], sigma: float) -> Tensor:
    """Return maps of height 1 around joints, ``(N, joints, rows, columns)``.

    Args:
        points: joints in pixels of the picture, ``(N, joints, 2)``.
        size: rows and columns.
        stride: pixels a cell, (down, across).
        sigma: in cells.
    """
    x, y = ((points[..., axis] + 0.5) / stride[1 - axis] - 0.5 for axis in (0, 1))
    across = torch.arange(size[1], device=points.device) - x[..., None]
    down = torch.arange(size[0], device=points.device) - y[..., None]
    return torch.exp(-(down[..., :, None].square() + across[..., None, :].square()) / (2 * sigma**2))


def places(maps: Tensor, stride: tuple[float, float], sigma: float, decode: Decode) -> Tensor:
    """Return where maps are highest, in pixels of the picture, ``(N, joints, 2)``; NaN where none is above 0.

    Args:
        maps: ``(N, joints, rows, columns)``.
        stride: pixels a cell, (down, across).
        sigma: in cells; how far round the highest cell ``"middle"`` looks.
        decode: see `HeatMaps`.
    """
    rows, columns = maps.shape[-2:]
    best, place = maps.flatten(2).max(2)
    y, x = (place // columns).float(), (place % columns).float()
    down, across = (torch.arange(count, device=maps.device).float() for count in (rows, columns))
    if decode == "middle":
        near = (down[:, None] - y[..., None, None]).square() + (across - x[..., None, None]).square() <= (
            2 * sigma
        ) ** 2
        weights = maps.clamp(min=0) * near
        total = weights.sum((2, 3)).clamp(min=1e-12)
        y, x = (weights.sum(3) * down).sum(2) / total, (weights.sum(2) * across).sum(2) / total
    else:
        at = maps.flatten(2)

        def value(row: Tensor, column: Tensor) -> Tensor:
            inside = row.clamp(0, rows - 1).long() * columns + column.clamp(0, columns - 1).long()
            return at.gather(2, inside[..., None])[..., 0]

        steps = torch.sign(value(y, x + 1) - value(y, x - 1)), torch.sign(value(y + 1, x) - value(y - 1, x))
        x, y = x + steps[0] / 4, y + steps[1] / 4
    found = torch.stack([(x + 0.5) * stride[1] - 0.5, (y + 0.5) * stride[0] - 0.5], -1)
    return found.masked_fill((best <= 0)[..., None], torch.nan)


def mirror(
    pictures: Tensor, points: Tensor, counted: Tensor, turned: Tensor, mirrored: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Mirror some pictures with their joints: x becomes W - 1 - x, and left and right joints change places.

    Args:
        pictures: ``(N, 3, H, W)``.
        points: ``(N, joints, 2)``.
        counted: ``(N, joints)``.
        turned: which ones, ``(N,)``.
        mirrored: where each joint's namesake stands, ``(joints,)``.
    """
    other = torch.stack([pictures.shape[-1] - 1 - points[..., 0], points[..., 1]], -1)[:, mirrored]
    return (
        pictures.flip(-1).where(turned[:, None, None, None], pictures),
        other.where(turned[:, None, None], points),
        counted[:, mirrored].where(turned[:, None], counted),
    )
