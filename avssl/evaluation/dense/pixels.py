"""Tasks on each pixel of a picture: networks that learn one, and what they score."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from avssl.data import Dataset
from avssl.evaluation.dense.fitting import Fitting, batches_of, learn, stacked
from avssl.features.layers import unit
from avssl.nets import Encoder
from avssl.nets.pixel_net import PixelNet
from avssl.report.scores import PIXELS

MASK, NORMALS = "mask", "normals"
TOGETHER = 1 << 17  # pixels that are scored in one pass at most, unless one picture has more


class Task(ABC):
    """What is predicted for each pixel, and how right it is.

    Attributes:
        truth: the key of the truth in an item.
        outputs: numbers for each pixel.
    """

    truth: str
    outputs: int

    @abstractmethod
    def loss(self, predicted: Tensor, truth: Tensor) -> Tensor:
        """Return the loss of ``predicted`` ``(N, outputs, H, W)``; where nobody knows the truth nothing counts."""

    @abstractmethod
    def measure(self, predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
        """Return what scores are made of, for one picture: ``predicted`` is ``(outputs, H, W)``."""

    @abstractmethod
    def answer(self, predicted: np.ndarray) -> np.ndarray:
        """Return what is drawn of ``predicted``."""


class ColorsAndPlace(Encoder):
    """No network: each pixel's colours, its place in the picture, and their products two by two; 20 numbers a pixel."""

    def __init__(self):
        trunk = nn.Sequential()
        trunk.add_module(PIXELS, _Products())
        super().__init__(trunk, 20, {PIXELS: PIXELS}, mean=(0.5,) * 3, std=(0.25,) * 3)


class _Products(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        down, right = (torch.linspace(-1, 1, side, device=images.device) for side in images.shape[-2:])
        grid = torch.stack(torch.meshgrid(down, right, indexing="ij")).expand(len(images), -1, -1, -1)
        plain = torch.cat([images, grid], 1)
        first, second = torch.triu_indices(5, 5)
        return torch.cat([plain, plain[:, first] * plain[:, second]], 1)


def fit(
    encoder: Encoder,
    task: Task,
    start: Tensor,
    data: Dataset,
    rows: Sequence[int],
    layers: Sequence[str],
    hidden: int,
    fitting: Fitting,
    freeze: bool,
    seed: int,
    device: torch.device,
) -> PixelNet:
    """Return a network that learned a task from pictures.

    Args:
        encoder: changed in place unless ``freeze``.
        task: what to learn.
        start: what is predicted for every pixel at first, ``(outputs,)``.
        data: pictures and their truth.
        rows: which of them to learn from.
        layers: maps of the encoder.
        hidden: see `PixelNet`.
        fitting: the schedule.
        freeze: keep the encoder as it is.
        seed: fixes the head's first weights, the order of pictures and their cuts.
        device: where it runs.
    """
    batches = batches_of(data, rows, fitting, seed, task.truth)
    first = next(batches)
    image = unit(first[0]["image"][None]).to(device)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        network = PixelNet(encoder.to(device), layers, start, hidden, image).to(device)

        def loss_of(batch: list[dict[str, Any]]) -> Tensor:
            predicted = network(unit(stacked(batch, "image", device)))
            return task.loss(predicted, stacked(batch, task.truth, device))

        learn(network, encoder, chain([first], batches), loss_of, fitting, freeze)
    return network


class Constant(nn.Module):
    """Predicts the same for every pixel of every picture.

    Args:
        value: what is predicted, ``(outputs,)``.
    """

    def __init__(self, value: Tensor):
        super().__init__()
        self.register_buffer("value", value)

    value: Tensor

    def forward(self, images: Tensor) -> Tensor:
        return self.value[None, :, None, None].expand(len(images), -1, *images.shape[-2:])


@torch.inference_mode()
def score(
    network: nn.Module, task: Task, data: Dataset, drawn: Sequence[int], device: torch.device
) -> dict[str, np.ndarray]:
    """Measure a network on every picture of a data set, each whole and in its own size.

    Returns:
        ``"stats"``: what `Task.measure` gives, ``(pictures, ...)``; ``"answer 7"``: what is predicted for picture 7,
        for each of ``drawn``.
    """
    network = network.to(device).eval()
    stats, answers = [], {f"answer {index}": np.zeros(0) for index in drawn}  # empty where it cannot be read
    for items in same_sizes(data):
        images = torch.cat([item["frames"][0] for _, item in items])
        predicted = network(unit(images.to(device))).float().cpu().numpy()
        for (index, item), one in zip(items, predicted, strict=True):
            stats.append(task.measure(one, item[task.truth].numpy()))
            if index in drawn:
                answers[f"answer {index}"] = task.answer(one)
    return answers | {"stats": np.stack(stats)}


def same_sizes(data: Dataset) -> Iterator[list[tuple[int, dict[str, Any]]]]:
    """Yield the items of a data set that can be read, in order, with their numbers; neighbours of one size together."""
    waiting: list[tuple[int, dict[str, Any]]] = []
    for index in range(len(data)):
        item = data[0, index]
        if "failure" in item:
            continue
        size = item["frames"].shape
        full = (len(waiting) + 1) * size[-2] * size[-1] > TOGETHER
        if waiting and (full or waiting[0][1]["frames"].shape != size):
            yield waiting
            waiting = []
        waiting.append((index, item))
    if waiting:
        yield waiting
