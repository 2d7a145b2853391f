"""A bar that runs to the left or to the right: each frame alone tells nothing of its class."""

import numpy as np
import torch

from avssl.data import Dataset

FRAMES, SIDE = 6, 24


class Moving(Dataset):
    """Two clips an item; where the bar is in the middle of a clip is drawn anew for each."""

    classes = ("left", "right")

    def __init__(self, count=24, seed=0, padded=False):
        self.count, self.seed, self.padded, self.reads = count, seed, padded, 0

    def __len__(self):
        return self.count

    def __getitem__(self, key):
        index = key[1] if isinstance(key, tuple) else key
        self.reads += 1
        rng = np.random.default_rng((self.seed, index))
        label = index % 2
        frames = rng.integers(0, 30, (2, FRAMES, 3, SIDE, SIDE))
        for clip in range(2):
            start = int(rng.integers(SIDE))
            for frame in range(FRAMES):
                place = (start + (2 * label - 1) * 2 * frame) % SIDE  # round and round: all places are as likely
                frames[clip, frame, :, :, [place, (place + 1) % SIDE]] += 200
        valid = torch.ones(2, FRAMES, dtype=torch.bool)
        if self.padded:
            valid[1] = False  # the second clip is padding
        return {
            "frames": torch.from_numpy(frames.astype(np.uint8)),
            "valid": valid,
            "times": torch.arange(2 * FRAMES, dtype=torch.float64).view(2, FRAMES) / 10,
            "label": label,
            "path": f"{self.seed}-{index}.mp4",
        }
