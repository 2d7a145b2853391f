"""Small worlds to retrieve in: rows of features without features, colours, tones."""

import numpy as np
import torch

from avssl.data import Dataset
from avssl.features.extraction import Rows


def rows(label, group=None, item=None, path=None, clip=None, labels=None):
    """Return rows of which only what is named matters; each its own item and file otherwise."""
    count = len(label)
    names = [str(number) for number in (range(count) if group is None else group)]
    return Rows(
        item=np.array(range(count) if item is None else item),
        clip=np.full(count, -1) if clip is None else np.array(clip),
        start=np.zeros(count),
        end=np.zeros(count),
        label=np.array(label),
        labels=None if labels is None else np.array(labels, np.float32),
        group=np.array(names),
        path=np.array(names if path is None else path),
        box=None,
        keypoints=None,
        visible=None,
    )


class Colors(Dataset):
    """Two clips of two frames an item in the colour of its class, up to noise; without the cue colours are random."""

    classes = ("red", "green", "blue")

    def __init__(self, count=12, seed=0, cue=True, labels=True, several=False, first=0):
        self.count, self.seed, self.cue, self.labels, self.several = count, seed, cue, labels, several
        self.first, self.looks = first, 0

    def __len__(self):
        return self.count

    def __getitem__(self, key):
        index = (key[1] if isinstance(key, tuple) else key) + self.first
        self.looks += 1
        rng = np.random.default_rng((self.seed, index))
        frames = rng.integers(0, 60, (2, 2, 3, 16, 16))
        label = index % 3
        frames[:, :, label if self.cue else int(rng.integers(3))] += 150
        item = {
            "frames": torch.from_numpy(frames.astype(np.uint8)),
            "times": torch.arange(4, dtype=torch.float64).view(2, 2),
            "valid": torch.ones(2, 2, dtype=torch.bool),
            "label": label if self.labels else -1,
            "path": f"{self.seed}-{index}.mp4",
        }
        if self.several:
            item |= {"label": -1, "labels": torch.tensor([float(label == one) for one in range(3)])}
        return item


class Tones(Dataset):
    """Two windows of half a second an item, a tone as high as its class says."""

    classes = ("low", "high")

    def __init__(self, count=8, seed=0):
        self.count, self.seed = count, seed

    def __len__(self):
        return self.count

    def __getitem__(self, key):
        index = key[1] if isinstance(key, tuple) else key
        rng = np.random.default_rng((self.seed, index))
        time = torch.arange(8000) / 16000
        pitch = (300, 2500)[index % 2] * (1 + 0.05 * rng.uniform(-1, 1, 2))
        sound = torch.stack([torch.sin(2 * torch.pi * one * time + rng.uniform(0, 6))[None] for one in pitch]).float()
        return {
            "sound": sound + 0.01 * torch.from_numpy(rng.normal(size=sound.shape)).float(),
            "sound_valid": torch.ones(2, 8000, dtype=torch.bool),
            "times": torch.tensor([[0.0, 0.5], [0.5, 1.0]], dtype=torch.float64),
            "label": index % 2,
            "path": f"{self.seed}-{index}.wav",
        }
