"""Small worlds with known joints, and encoders that know all or nothing of them."""

import numpy as np
import torch
from torch import nn

from avssl.data import Dataset
from avssl.nets import Encoder

JOINTS = 14


class Dots(Dataset):
    """Black pictures of 20 x 20 px that tell the place of the 14 joints by the brightness of 28 pixels."""

    def __init__(self, videos: int, frames: int = 2, seed: int = 0, keypoints: bool = True, bad: int | None = None):
        self.videos, self.frames, self.seed, self.keypoints, self.bad = videos, frames, seed, keypoints, bad
        self.looks = 0

    def __len__(self):
        return self.videos

    def __getitem__(self, key):
        _, index = key if isinstance(key, tuple) else (0, key)
        self.looks += 1
        if index == self.bad:
            return {"failure": {"path": f"{self.seed}-{index}.mp4", "error": "empty"}}
        rng = np.random.default_rng((self.seed, index))
        pose = np.stack([np.linspace(3, 16, JOINTS), np.linspace(16, 3, JOINTS)], 1)
        points = pose + rng.integers(-2, 3, (1, self.frames, JOINTS, 2))
        pictures = np.zeros((1, self.frames, 3, 20, 20), np.uint8)
        pictures[..., 0, 3:17, 8] = 10 * points[..., 0]
        pictures[..., 0, 3:17, 10] = 10 * points[..., 1]
        item = {
            "frames": torch.from_numpy(pictures),
            "times": torch.arange(self.frames, dtype=torch.float64)[None] / 25,
            "valid": torch.ones(1, self.frames, dtype=torch.bool),
            "label": 0,
            "path": f"{self.seed}-{index}.mp4",
        }
        if self.keypoints:
            item["keypoints"] = torch.from_numpy(points.astype(np.float32))
            item["visible"] = torch.ones(1, self.frames, JOINTS, dtype=torch.bool)
        return item


class Planted(Encoder):
    """Its only layer holds the joints, in units of 25.5 px."""

    def __init__(self):
        super().__init__(Reveal(), 28, {"map": "inner"}, mean=(0.0,) * 3, std=(1.0,) * 3)


class Reveal(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner, self.scale = nn.Identity(), nn.Linear(1, 1)

    def forward(self, images):
        columns = images[:, :1, 1:15, :].index_select(3, torch.tensor([6, 8]))  # pictures without a margin of 2 px
        return self.inner(columns).flatten(1) + 0 * self.scale.weight.sum()


class Blind(Encoder):
    """Says the same of every picture."""

    def __init__(self):
        super().__init__(Nothing(), 4, {"map": "inner"})


class Nothing(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Identity()

    def forward(self, images):
        return self.inner(torch.ones(len(images), 4, 2, 2)).mean((2, 3))
