"""The order in which training items are drawn."""

from collections.abc import Iterator
from itertools import count

import numpy as np
from torch.utils.data import Sampler


class Endless(Sampler):
    """Every item once an epoch, epoch after epoch, in an order fixed by the seed.

    Yields ``(epoch, index)`` keys. Because a key names its epoch, what an item looks
    like never depends on workers, processes or interruptions: to resume, start later.

    Args:
        size: items in the dataset.
        seed: fixes the order.
        start: draws already taken, over all processes.
        rank: this process, of ``world`` processes that share the draws.
        world: number of processes.

    Raises:
        ValueError: if there is nothing to draw from, or ``rank`` is not one of ``world``.
    """

    def __init__(self, size: int, seed: int = 0, start: int = 0, rank: int = 0, world: int = 1):
        if size < 1:
            raise ValueError("there is nothing to draw from: the dataset is empty")
        if not 0 <= rank < world or start < 0:
            raise ValueError(f"rank must be in [0, world) and start at least 0; got {rank=}, {world=}, {start=}")
        self.size, self.seed, self.start, self.rank, self.world = size, seed, start, rank, world

    def __iter__(self) -> Iterator[tuple[int, int]]:
        current, order = -1, []
        for draw in count(self.start + self.rank, self.world):
            epoch, place = divmod(draw, self.size)
            if epoch != current:
                current, order = epoch, np.random.default_rng((self.seed, epoch)).permutation(self.size).tolist()
            yield epoch, order[place]
