"""Chance by key: what a step draws depends on its number, not on what ran before it."""

import numpy as np
import torch


def seed_torch(*key: int) -> None:
    """Seed torch's generators, on every device, from whole numbers of at least 0.

    Examples:
        >>> seed_torch(0, 7)
        >>> first = torch.rand(1)
        >>> seed_torch(0, 7)
        >>> bool(torch.rand(1) == first)
        True
    """
    torch.manual_seed(int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0]) >> 1)
