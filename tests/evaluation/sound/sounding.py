"""A toy data set of pictures with sound."""

import torch

from avssl.data import Dataset


class Toy(Dataset):
    """Pictures as bright as their sounds are loud, two clips a recording; the label says how bright."""

    def __init__(self, count=40, silent=()):
        self.count, self.silent = count, silent

    def __len__(self):
        return self.count

    def __getitem__(self, key):
        _, index = key
        chance = torch.Generator().manual_seed(index)
        level = index % 4
        sound = torch.randn(2, 1, 400, generator=chance) * 10.0**-level
        return {
            "frames": torch.full((2, 1, 3, 8, 8), 40 + 60 * level, dtype=torch.uint8),
            "sound": sound,
            "silent": torch.full((2,), index in self.silent),
            "label": level,
            "path": f"{index}.mp4",
            "key": torch.tensor([0, 0, index]),
        }
