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

from avssl.evaluation.keypoints.heads.base import Head, Labelled
from avssl.evaluation.keypoints.heads.fitting import Learning, Network, Schedule, mirrored_points, sides
from avssl.features.layers import Extractor, unit
from avssl.nets import Encoder


class Regression(Head):
    """One linear layer from the encoder's output to two numbers a joint, with a fixed schedule (section 3.1).

    The schedule is the same whatever encoder is scored: AdamW, one cycle of the learning rate, smooth L1 between
    joints in units of half the picture. Labelled pictures are shifted within their margin and get a random gain and
    offset. The layer starts as the mean pose. The weights of the last step are scored: nothing is chosen on the test.

    Args:
        freeze: keep the encoder as it is and learn the linear layer alone.
        steps: optimiser steps, at least.
        epochs: passes over the labels, where these are more than ``steps``.
        batch: pictures a step, drawn with replacement.
        lr: highest learning rate of the encoder.
        head_lr: highest learning rate of the linear layer.
        weight_decay: of AdamW; without any it is Adam.
        beta: where smooth L1 turns from square to straight, in half pictures.
        schedule: ``"cycle"``: one cycle of the rate; ``"drops"``: divided by 10 after 9/14 and 12/14 of the steps.
        flip: share of the training pictures that are mirrored, left and right joints exchanged.
        flip_test: average the joints of the picture and of its mirror image.
        gain: colour gains lie in [1 - gain, 1 + gain).
        offset: brightness offsets lie in [-offset, offset), in units of the full range.
    """

    trains = True

    def __init__(
        self,
        freeze: bool = False,
        steps: int = 300,
        epochs: float = 0.0,
        batch: int = 32,
        lr: float = 1e-3,
        head_lr: float = 3e-3,
        weight_decay: float = 1e-3,
        beta: float = 0.1,
        schedule: Schedule = "cycle",
        flip: float = 0.0,
        flip_test: bool = False,
        gain: float = 0.2,
        offset: float = 0.04,
    ):
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
        self.name = "frozen regression" if freeze else "fine-tuned"
        self.beta, self.flip_test = beta, flip_test

    def settings(self) -> dict[str, Any]:
        own = {"beta": self.beta, "flip_test": self.flip_test, "loss": "smooth L1 in half pictures"}
        return self.learning.settings() | own

    def chosen(self, encoder: Encoder, pictures: Tensor) -> dict[str, Any]:
        return {}

    def __call__(self, encoder: Encoder, labelled: Labelled, test: Tensor, extract: Extractor, seed: int) -> np.ndarray:
        device = extract.device
        gpus = [device] if device.type == "cuda" else []
        with torch.random.fork_rng(devices=gpus):  # dropout draws from torch's own stream
            torch.manual_seed(seed)
            network = Finder(deepcopy(encoder), labelled.mean_pose(), (test.shape[-2], test.shape[-1])).to(device)
            self.learning(network, labelled, self.loss, seed, device)
        found = []
        with torch.inference_mode():
            for batch in test.split(extract.batch):
                pictures = unit(batch.to(device))
                points = network(pictures)
                if self.flip_test:
                    other = mirrored_points(network(pictures.flip(-1)), pictures.shape[-1], sides(labelled))
                    points = (points + other) / 2
                found.append(points.cpu())
        return torch.cat(found).numpy()

    def loss(self, network: Network, pictures: Tensor, points: Tensor, counted: Tensor) -> Tensor:
        """Return the mean smooth L1 of the joints that count, in half pictures."""
        extent = torch.tensor([pictures.shape[-1], pictures.shape[-2]], device=pictures.device) / 2
        ours, wanted = (halves(places, extent) for places in (network(pictures), points))
        error = F.smooth_l1_loss(ours, wanted, beta=self.beta, reduction="none")
        known = counted[..., None].expand_as(error)
        return (error * known).sum() / known.sum().clamp(min=1)


class Finder(Network):
    """An encoder and a linear layer that starts as the mean pose.

    Args:
        encoder: pictures to vectors.
        mean_pose: ``(joints, 2)`` in pixels.
        size: height and width of the pictures.
    """

    def __init__(self, encoder: Encoder, mean_pose: np.ndarray, size: tuple[int, int]):
        linear = nn.Linear(encoder.dim, mean_pose.size)
        super().__init__(encoder, linear)
        self.register_buffer("extent", torch.tensor([size[1], size[0]]) / 2)
        nn.init.zeros_(linear.weight)
        with torch.no_grad():
            linear.bias.copy_(halves(torch.from_numpy(mean_pose).float(), self.extent).flatten())

    extent: Tensor

    def forward(self, images: Tensor) -> Tensor:
        """Return joints in pixels, ``(N, joints, 2)``."""
        return (self.head(self.encoder(images)).unflatten(1, (-1, 2)) + 1) * self.extent - 0.5


def halves(points: Tensor, extent: Tensor) -> Tensor:
    """Return pixels as half pictures from the middle; ``extent`` is half the width and height, ``(2,)``."""
    return (points + 0.5) / extent - 1
