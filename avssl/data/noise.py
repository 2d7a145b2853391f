"""Pictures with nothing to see, made on the fly: what is planted in them is all there is to learn."""

from typing import Any

import numpy as np
import torch

from avssl.config import Count
from avssl.data.base import Dataset, Key, split_key
from avssl.transforms.cues import blurred


class Noise(Dataset):
    """Grey noise, the same law in every place of a picture and another draw in every epoch.

    Args:
        count: pictures.
        size: height and width, in pixels.
        contrast: standard deviation about the middle of the range, in units of the full range; 0 is plain grey.
        reach: standard deviation of a blur, in pixels; 0 leaves every pixel by itself.
        seed: of what is drawn.

    Raises:
        ValueError: for a contrast outside [0, 0.25] (noise must stay in range) or a negative reach.

    Examples:
        >>> pictures = Noise(count=8, size=(16, 16))
        >>> pictures[3]["frames"].shape
        torch.Size([1, 1, 3, 16, 16])
    """

    def __init__(
        self, count: Count, size: tuple[Count, Count], contrast: float = 0.1, reach: float = 0.0, seed: int = 0
    ):
        if not 0 <= contrast <= 0.25 or reach < 0:
            raise ValueError(f"contrast must be in [0, 0.25] and reach at least 0; got {contrast=}, {reach=}")
        self.count, self.size, self.contrast, self.reach, self.seed = count, size, contrast, reach, seed

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, key: Key) -> dict[str, Any]:
        """Return one picture, in the form of those of `avssl.data.Pictures`."""
        epoch, index = split_key(key, len(self))
        rng = np.random.default_rng((self.seed, epoch, index))
        margin = round(3 * self.reach)
        noise = torch.from_numpy(rng.standard_normal([side + 2 * margin for side in self.size], dtype=np.float32))
        if self.reach:
            noise = blurred(noise[None, None], self.reach, margin)[0, 0]
        pixels = ((0.5 + self.contrast * noise).clamp(0, 1) * 255).round().byte()
        return {
            "frames": pixels.expand(1, 1, 3, *self.size).contiguous(),
            "times": torch.zeros(1, 1, dtype=torch.float64),
            "valid": torch.ones(1, 1, dtype=torch.bool),
            "label": -1,
            "path": f"noise {index}",
            "key": torch.tensor([self.seed, epoch, index]),
        }
