"""How heads with a network learn: one loop, one schedule, one augmentation, whatever encoder is scored."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from avssl.config import ConfigError
from avssl.evaluation.keypoints.heads.base import Labelled
from avssl.features.layers import unit
from avssl.nets import Encoder
from avssl.nets.layout import channels_last
from avssl.transforms import Draws, GainOffset

Schedule = Literal["cycle", "drops"]
AHEAD = 16  # steps whose pictures are held at a time
DROPS = (90 / 140, 120 / 140)  # epochs after which Xiao et al., ECCV 2018, divide the rate by 10 (section 3.1)


class Network(nn.Module, ABC):
    """An encoder, and what turns its features into joints.

    Args:
        encoder: what is scored.
        head: new layers.
    """

    def __init__(self, encoder: Encoder, head: nn.Module):
        super().__init__()
        self.encoder, self.head = encoder, head

    @abstractmethod
    def forward(self, images: Tensor) -> Tensor:
        """Return what the loss compares with the labels, from pictures in [0, 1] ``(N, 3, H, W)``."""


Loss = Callable[[Network, Tensor, Tensor, Tensor], Tensor]  # network, pictures, points, counted -> a number


@dataclass(frozen=True, kw_only=True)
class Learning:
    """How a head learns from a few labelled pictures; the last step is scored, for nothing is chosen on the test.

    Pictures are shifted within their margin, mirrored by chance, and get a random gain and offset.

    Args:
        freeze: keep the encoder as it is.
        steps: optimiser steps, at least.
        epochs: passes over the labels, where these are more than ``steps``.
        batch: pictures a step, drawn with replacement.
        lr: highest learning rate of the encoder.
        head_lr: highest learning rate of the new layers.
        weight_decay: of AdamW; without any it is Adam.
        schedule: ``"cycle"``: one cycle of the rate; ``"drops"``: divided by 10 after 9/14 and 12/14 of the steps.
        flip: share of the pictures that are mirrored, left and right joints exchanged.
        gain: colour gains lie in [1 - gain, 1 + gain).
        offset: brightness offsets lie in [-offset, offset), in units of the full range.

    Raises:
        ValueError: for settings that cannot be used.
    """

    freeze: bool
    steps: int
    epochs: float
    batch: int
    lr: float
    head_lr: float
    weight_decay: float
    schedule: Schedule
    flip: float
    gain: float
    offset: float

    def __post_init__(self) -> None:
        if self.steps < 1 or self.epochs < 0 or self.batch < 2 or not 0 <= self.flip <= 1:
            raise ValueError(
                f"steps must be at least 1, epochs at least 0, batch at least 2 and flip in [0, 1]; "
                f"got steps={self.steps}, epochs={self.epochs:g}, batch={self.batch}, flip={self.flip:g}"
            )
        GainOffset(self.gain, self.offset)  # says itself what is wrong

    def settings(self) -> dict[str, Any]:
        """Return all settings as plain values."""
        return asdict(self) | {"optimiser": "AdamW" if self.weight_decay else "Adam"}

    def __call__(self, network: Network, labelled: Labelled, loss: Loss, seed: int, device: torch.device) -> None:
        """Train a network, in place; it is left in evaluation mode.

        Args:
            network: on the device; its encoder stays as it is if it is frozen.
            labelled: the pictures to learn from.
            loss: of a batch of pictures ``(N, 3, H, W)``, their joints and which of them count.
            seed: fixes every draw.
            device: where to work.
        """
        steps = max(self.steps, math.ceil(self.epochs * len(labelled) / self.batch))
        optimiser, schedule = self._optimiser(channels_last(network), steps)
        network.train()
        network.encoder.train(not self.freeze)
        for batch in self._batches(labelled, steps, seed, device):
            optimiser.zero_grad()
            loss(network, *batch).backward()
            optimiser.step()
            schedule.step()
        network.eval()

    def _batches(
        self, labelled: Labelled, steps: int, seed: int, device: torch.device
    ) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Yield each step's pictures, their joints and which of them count; `AHEAD` steps are augmented at once."""
        images, counted = labelled.images.to(device), torch.from_numpy(labelled.counted).to(device)
        points = torch.from_numpy(np.nan_to_num(labelled.points)).float().to(device)
        jitter = GainOffset(self.gain, self.offset, scope="tuple")
        for ahead in torch.arange(steps).split(AHEAD):
            keys = torch.cartesian_prod(torch.tensor([seed]), ahead, torch.arange(self.batch))
            draws = Draws(keys.to(device))
            rows = draws.integers(low=0, high=len(labelled) - 1)
            pictures, moved = shifted(images[rows], draws, labelled.margin)
            wanted, known = points[rows] - moved[:, None], counted[rows]
            if self.flip:
                turned = draws.uniform(1)[:, 0] < self.flip
                pictures, wanted, known = mirror(pictures, wanted, known, turned, sides(labelled))
            pictures = jitter(unit(pictures)[:, None], draws)[:, 0]
            yield from zip(*(one.split(self.batch) for one in (pictures, wanted, known)), strict=True)

    def _optimiser(
        self, network: Network, steps: int
    ) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
        groups = [{"params": list(network.head.parameters()), "lr": self.head_lr}]
        network.encoder.requires_grad_(not self.freeze)
        if not self.freeze:
            groups.append({"params": list(network.encoder.parameters()), "lr": self.lr})
        optimiser = torch.optim.AdamW(groups, weight_decay=self.weight_decay, fused=True)
        rates = [group["lr"] for group in groups]
        if self.schedule == "cycle":
            return optimiser, torch.optim.lr_scheduler.OneCycleLR(optimiser, rates, total_steps=steps)
        drops = [round(share * steps) for share in DROPS]
        return optimiser, torch.optim.lr_scheduler.MultiStepLR(optimiser, drops)


def sides(labelled: Labelled) -> list[int]:
    """Return where each joint's namesake on the other side stands.

    Raises:
        ConfigError: if it is not given.
    """
    if not labelled.mirrored:
        raise ConfigError("flip and flip_test need to know which joints are left and right; pass mirrored")
    return list(labelled.mirrored)


def mirror(
    pictures: Tensor, points: Tensor, counted: Tensor, turned: Tensor, mirrored: list[int]
) -> tuple[Tensor, Tensor, Tensor]:
    """Mirror some pictures with their joints: x becomes W - 1 - x, and left and right joints change places.

    Args:
        pictures: ``(N, 3, H, W)``.
        points: ``(N, joints, 2)``.
        counted: ``(N, joints)``.
        turned: which ones, ``(N,)``.
        mirrored: where each joint's namesake stands.
    """
    return (
        pictures.flip(-1).where(turned[:, None, None, None], pictures),
        mirrored_points(points, pictures.shape[-1], mirrored).where(turned[:, None, None], points),
        counted[:, mirrored].where(turned[:, None], counted),
    )


def mirrored_points(points: Tensor, width: int, mirrored: list[int]) -> Tensor:
    """Return where joints ``(N, joints, 2)`` are in pictures of a width that are mirrored, left and right exchanged."""
    return torch.stack([width - 1 - points[..., 0], points[..., 1]], -1)[:, mirrored]


def shifted(images: Tensor, draws: Draws, margin: int) -> tuple[Tensor, Tensor]:
    """Cut each picture out of its margin at a random whole pixel.

    Args:
        images: ``(N, 3, H + 2 * margin, W + 2 * margin)``.
        draws: one stream per picture.
        margin: the farthest shift in pixels.

    Returns:
        ``(N, 3, H, W)``, and where each picture begins less where the middle one does, (x, y) ``(N, 2)``.
    """
    if not margin:
        return images, images.new_zeros((len(images), 2), dtype=torch.float32)
    starts = draws.integers(2, low=0, high=2 * margin)  # (N, 2): x, y
    height, width = (side - 2 * margin for side in images.shape[-2:])
    rows = starts[:, 1, None] + torch.arange(height, device=images.device)
    columns = starts[:, 0, None] + torch.arange(width, device=images.device)
    picture = torch.arange(len(images), device=images.device)
    cut = images[picture[:, None, None], :, rows[:, :, None], columns[:, None, :]]  # (N, H, W, 3)
    return cut.movedim(-1, 1).contiguous(), (starts - margin).float()
