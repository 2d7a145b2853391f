"""A classifier that learned from true pictures, and is then asked about recoloured ones."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avssl.evaluation.baselines import reinitialised
from avssl.features.layers import unit
from avssl.nets import Encoder
from avssl.transforms import Draws

WEIGHT_DECAY = 1e-3


def learned(
    encoder: Encoder, images: Tensor, label: np.ndarray, steps: int, batch: int, lr: float, seed: int, device: str
) -> nn.Module:
    """Return a classifier that learned from initial weights; half of the pictures are mirrored.

    Args:
        encoder: the architecture; it is not changed.
        images: uint8 ``(N, 3, H, W)``.
        label: class numbers, ``(N,)``.
        steps: of AdamW, one cycle of the learning rate.
        batch: pictures a step.
        lr: highest learning rate.
        seed: of initial weights and draws.
        device: where it learns.
    """
    truth = torch.from_numpy(label).long()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        head = nn.Linear(encoder.dim, int(label.max()) + 1)
    network = nn.Sequential(reinitialised(encoder, seed), head).to(device).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=lr, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, lr, total_steps=steps)
    for step in range(steps):
        draws = Draws(torch.tensor([[seed, step, item] for item in range(batch)]))
        rows = draws.integers(low=0, high=len(images) - 1)
        pictures, mirrored = unit(images[rows]), draws.uniform() < 0.5
        pictures[mirrored] = pictures[mirrored].flip(-1)
        optimiser.zero_grad()
        F.cross_entropy(network(pictures.to(device)), truth[rows].to(device)).backward()
        optimiser.step()
        schedule.step()
    return network.eval()


@torch.no_grad()
def is_right(network: nn.Module, pictures: np.ndarray, label: np.ndarray, device: str) -> np.ndarray:
    """Return 1 for each picture whose class is found and 0 for others, ``(N,)``."""
    parts = torch.from_numpy(pictures).split(256)
    scores = torch.cat([network(unit(part).to(device)).float().cpu() for part in parts])
    return (scores.argmax(1).numpy() == label).astype(float)
