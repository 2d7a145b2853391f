"""Direct regression of the joints, with the encoder trained along or frozen.

Toshev & Szegedy, "DeepPose: Human Pose Estimation via Deep Neural Networks", CVPR 2014.
https://arxiv.org/abs/1312.4659
"""

from copy import deepcopy
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avssl.data.transforms import Draws, GainOffset
from avssl.evaluation.features import Extractor, unit
from avssl.evaluation.keypoints.heads.base import Head, Labelled
from avssl.nets import Encoder


class Regression(Head):
    """One linear layer from the encoder's output to two numbers a joint, with a fixed schedule.

    The schedule is the same whatever encoder is judged: AdamW, one cycle of the learning rate, smooth L1 between
    joints in units of half the picture. Labelled pictures are shifted within their margin and get a random gain and
    offset. The layer starts as the mean pose. The weights of the last step are judged: nothing is chosen on the test.

    Args:
        freeze: keep the encoder as it is and learn the linear layer alone.
        steps: optimiser steps.
        batch: pictures a step, drawn with replacement.
        rate: highest learning rate of the encoder.
        head_rate: highest learning rate of the linear layer.
        weight_decay: of AdamW.
        beta: where smooth L1 turns from square to straight, in half pictures.
        gain: colour gains lie in [1 - gain, 1 + gain).
        offset: brightness offsets lie in [-offset, offset), in units of the full range.
    """

    def __init__(
        self,
        freeze: bool = False,
        steps: int = 300,
        batch: int = 32,
        rate: float = 1e-3,
        head_rate: float = 3e-3,
        weight_decay: float = 1e-3,
        beta: float = 0.1,
        gain: float = 0.2,
        offset: float = 0.04,
    ):
        if steps < 1 or batch < 2:
            raise ValueError(f"steps must be at least 1 and batch at least 2; got steps={steps}, batch={batch}")
        self.name = "frozen regression" if freeze else "fine-tuned"
        self.freeze, self.steps, self.batch, self.rate, self.head_rate = freeze, steps, batch, rate, head_rate
        self.weight_decay, self.beta, self.jitter = weight_decay, beta, GainOffset(gain, offset, scope="tuple")

    def settings(self) -> dict[str, Any]:
        plain = ("freeze", "steps", "batch", "rate", "head_rate", "weight_decay", "beta")
        return {name: getattr(self, name) for name in plain} | {
            "gain": self.jitter.gain,
            "offset": self.jitter.offset,
            "loss": "smooth L1 in half pictures",
            "optimiser": "AdamW, one cycle",
        }

    def __call__(self, encoder: Encoder, labelled: Labelled, test: Tensor, extract: Extractor, seed: int) -> np.ndarray:
        device = extract.device
        gpus = [device] if device.type == "cuda" else []
        with torch.random.fork_rng(devices=gpus):  # dropout draws from torch's own stream
            torch.manual_seed(seed)
            network = Finder(deepcopy(encoder), labelled.mean_pose(), (test.shape[-2], test.shape[-1])).to(device)
            self._learn(network, labelled, seed, device)
        with torch.inference_mode():
            found = [network(unit(batch.to(device))).cpu() for batch in test.split(extract.batch)]
        return torch.cat(found).numpy()

    def _learn(self, network: "Finder", labelled: Labelled, seed: int, device: torch.device) -> None:
        groups = [{"params": list(network.linear.parameters()), "lr": self.head_rate}]
        network.encoder.requires_grad_(not self.freeze)
        if not self.freeze:
            groups.append({"params": list(network.encoder.parameters()), "lr": self.rate})
        optimiser = torch.optim.AdamW(groups, weight_decay=self.weight_decay)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, [group["lr"] for group in groups], total_steps=self.steps
        )
        images, counted = labelled.images.to(device), torch.from_numpy(labelled.counted).to(device)
        points = torch.from_numpy(np.nan_to_num(labelled.points)).float().to(device)
        network.train()
        network.encoder.train(not self.freeze)
        for step in range(self.steps):
            draws = Draws(torch.tensor([[seed, step, item] for item in range(self.batch)], device=device))
            rows = draws.integers(low=0, high=len(labelled) - 1)
            pictures, moved = shifted(images[rows], draws, labelled.margin)
            pictures = self.jitter(unit(pictures)[:, None], draws)[:, 0]
            error = F.smooth_l1_loss(
                network.scaled(network(pictures)),
                network.scaled(points[rows] - moved[:, None]),
                beta=self.beta,
                reduction="none",
            )
            known = counted[rows][..., None].expand_as(error)
            optimiser.zero_grad()
            (error * known).sum().div(known.sum().clamp(min=1)).backward()
            optimiser.step()
            schedule.step()
        network.eval()


class Finder(nn.Module):
    """An encoder and a linear layer that starts as the mean pose.

    Args:
        encoder: pictures to vectors.
        mean_pose: ``(joints, 2)`` in pixels.
        size: height and width of the pictures.
    """

    def __init__(self, encoder: Encoder, mean_pose: np.ndarray, size: tuple[int, int]):
        super().__init__()
        self.encoder = encoder
        self.linear = nn.Linear(encoder.dim, mean_pose.size)
        half = torch.tensor([size[1], size[0]]) / 2
        self.register_buffer("extent", half)
        nn.init.zeros_(self.linear.weight)
        with torch.no_grad():
            self.linear.bias.copy_(self.scaled(torch.from_numpy(mean_pose).float()).flatten())

    extent: Tensor

    def scaled(self, points: Tensor) -> Tensor:
        """Return pixels as half pictures from the middle."""
        return (points + 0.5) / self.extent - 1

    def forward(self, images: Tensor) -> Tensor:
        """Return joints in pixels, ``(N, joints, 2)``."""
        return (self.linear(self.encoder(images)).unflatten(1, (-1, 2)) + 1) * self.extent - 0.5


def shifted(images: Tensor, draws: Draws, margin: int) -> tuple[Tensor, Tensor]:
    """Cut each picture out of its margin at a random whole pixel.

    Args:
        images: ``(N, 3, H + 2 * margin, W + 2 * margin)``.
        draws: one stream a picture.
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
