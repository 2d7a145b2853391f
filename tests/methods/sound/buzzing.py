"""A toy world of pictures that buzz."""

import math

import torch

from avssl.nets import SpectrogramSpec

SPEC = SpectrogramSpec(window=64, hop=32, fft=64, mels=16)


def world(count, seed, cue=True, side=32):
    """Red pictures buzz low, blue ones high; without the cue sounds are drawn whatever is seen."""
    chance = torch.Generator().manual_seed(seed)
    kind = torch.randint(0, 2, (count,), generator=chance)
    other = kind if cue else torch.randint(0, 2, (count,), generator=chance)
    frames = torch.randint(0, 60, (count, 1, 1, 3, side, side), dtype=torch.uint8, generator=chance)
    top = torch.randint(0, 2, (count,), generator=chance)
    for item in range(count):
        half = slice(0, side // 2) if top[item] else slice(side // 2, side)
        frames[item, 0, 0, 2 * int(kind[item]), half] += 190
    hertz = torch.where(other == 0, 300.0, 1500.0) * (1 + 0.2 * torch.rand(count, generator=chance))
    wave = torch.sin(2 * math.pi * hertz[:, None] * torch.arange(1600) / 8000)
    sound = wave + 0.1 * torch.randn(count, 1600, generator=chance)
    key = torch.tensor([[seed, 0, item] for item in range(count)])
    return {"frames": frames, "sound": sound[:, None, None], "key": key, "label": kind}, top
