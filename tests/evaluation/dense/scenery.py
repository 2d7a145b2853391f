"""Small worlds of annotated pictures, and encoders that know all or nothing of them."""

import numpy as np
import torch
from torch import nn

from avssl.data import Dataset
from avssl.nets import Encoder

SIDE = 24


class Squares(Dataset):
    """Pictures with a red and a green square on noise: masks 1 and 2, boxes, and normals that differ between them.

    Squares lie on a grid of 4 pixels, are 8 wide, and never touch.
    """

    classes = ("green", "red")

    def __init__(
        self, pictures: int = 12, seed: int = 0, lacks: str = "", bad: int | None = None, shuffled: bool = False
    ):
        self.pictures, self.seed, self.lacks, self.bad, self.shuffled = pictures, seed, lacks, bad, shuffled

    def __len__(self):
        return self.pictures

    def __getitem__(self, key):
        _, index = key if isinstance(key, tuple) else (0, key)
        path = f"{self.seed}-{index}.png"
        if index == self.bad:
            return {"failure": {"path": path, "error": "empty"}}
        rng = np.random.default_rng((self.seed, index))
        picture = rng.integers(0, 60, (3, SIDE, SIDE)).astype(np.uint8)
        mask, boxes, kinds = np.zeros((SIDE, SIDE), np.uint8), [], []
        told = np.random.default_rng((self.seed, index, 1)) if self.shuffled else rng
        for kind, columns in ((1, (0, 4)), (0, (12, 16))):
            top, left = 4 * rng.integers(0, 5), rng.choice(columns)
            picture[1 - kind, top : top + 8, left : left + 8] = 250
            if self.shuffled:
                top, left = 4 * told.integers(0, 5), told.choice(columns)
            mask[top : top + 8, left : left + 8] = 2 - kind
            boxes.append([left - 0.5, top - 0.5, left + 7.5, top + 7.5])
            kinds.append(kind)
        mask[0, 0] = 255
        normals = np.stack([mask == 1, mask == 2, mask == 0]).astype(np.float32)
        item = {
            "frames": torch.from_numpy(picture)[None, None],
            "times": torch.zeros(1, 1),
            "valid": torch.ones(1, 1, dtype=torch.bool),
            "label": -1,
            "path": path,
            "group": path,
            "mask": torch.from_numpy(mask),
            "normals": torch.from_numpy(normals),
            "boxes": torch.tensor(boxes, dtype=torch.float32),
            "kinds": torch.tensor(kinds),
            "ignored": torch.zeros(2, dtype=torch.bool),
        }
        return {name: value for name, value in item.items() if name != self.lacks}

    def fingerprint(self, index):
        return f"{self.seed}-{index}-{self.pictures}-{self.bad}-{self.shuffled}"


class Colors(Encoder):
    """Its only map tells which pixels are red and which green."""

    def __init__(self):
        super().__init__(Bright(), 2, {"map": "inner"}, mean=(0.0,) * 3, std=(1.0,) * 3)


class Bright(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner, self.scale = nn.Identity(), nn.Linear(1, 1)

    def forward(self, images):
        return self.inner((images[:, :2] > 0.5).float()).mean((2, 3)) + 0 * self.scale.weight.sum()


class Grey(Encoder):
    """Its only map says the same of every pixel of every picture."""

    def __init__(self):
        super().__init__(Same(), 2, {"map": "inner"})


class Same(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner, self.scale = nn.Identity(), nn.Linear(1, 1)

    def forward(self, images):
        return self.inner(torch.ones(len(images), 2, 4, 4)).mean((2, 3)) + 0 * self.scale.weight.sum()
