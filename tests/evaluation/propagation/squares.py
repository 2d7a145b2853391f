"""A film whose truth is known: two textured squares on a texture, of which one moves."""

import numpy as np
import torch

from avssl.data import Dataset

SIDE, FRAMES = 32, 6


class Squares(Dataset):
    """Two textured squares on a texture: one moves to the right by a cell a frame, the other one stands still."""

    def __init__(self, videos=2, frames=FRAMES, masks=True, points=True, bad=None, vanish=None, group=""):
        self.videos, self.frames, self.masks, self.points = videos, frames, masks, points
        self.bad, self.vanish, self.group = bad, vanish, group

    def __len__(self):
        return self.videos

    def __getitem__(self, key):
        _, index = key if isinstance(key, tuple) else (0, key)
        if index == self.bad:
            return {"failure": {"path": "bad.mp4", "error": "empty"}}
        rng = np.random.default_rng(index)
        ground, one, two = (rng.integers(0, 255, (side, side, 3), np.uint8) for side in (SIDE, 12, 8))
        film, masks = np.repeat(ground[None], self.frames, 0), np.zeros((self.frames, SIDE, SIDE), np.uint8)
        points = np.zeros((self.frames, 2, 2), np.float32)
        for time in range(self.frames):
            left = 4 * time
            film[time, 20:28, 4:12], masks[time, 20:28, 4:12] = two, 2
            film[time, 4:16, left : left + 12] = one
            if self.vanish is None or time < self.vanish:
                masks[time, 4:16, left : left + 12] = 1
            points[time] = [[left + 5.5, 9.5], [7.5, 23.5]]
        item = {
            "frames": torch.from_numpy(film).permute(0, 3, 1, 2)[None],
            "times": torch.arange(self.frames)[None] / 25,
            "valid": torch.ones(1, self.frames, dtype=torch.bool),
            "index": torch.arange(self.frames)[None],
            "label": 0,
            "group": self.group,
            "path": f"video{index}.mp4",
        }
        item |= {"masks": torch.from_numpy(masks)[None]} if self.masks else {}
        item |= {"keypoints": torch.from_numpy(points)[None]} if self.points else {}
        return item
