"""Shuffled batches: where batch statistics must not tell which items were together, they are those of drawn groups.

He et al., "Momentum Contrast for Unsupervised Visual Representation Learning", CVPR 2020, section 3.3*, "Shuffling BN",
https://arxiv.org/abs/1911.05722 (*: the section from memory). A query and its key that were normalised with the same
neighbours know each other by these, and learn nothing else. The authors need several devices for it; groups of one
batch do the same on one.
"""

from collections.abc import Callable

import torch
from torch import Tensor, distributed

from avssl.distributed import all_gather, counts_of_rows
from avssl.transforms import Draws
from avssl.transforms.draws import stream_of

SHUFFLE_STREAM = -11  # last number of the key that orders are drawn by, so that they share no chance with views


class Shuffle:
    """An order of the items of all processes, drawn by their keys, and the way back.

    Each process gets a share of it, as nearly equal as can be. The order is the same for any number of processes.

    Args:
        key: names each item of this process, int64 ``(N, parts)``; processes may hold different numbers of them.

    Examples:
        >>> shuffle = Shuffle(torch.tensor([[0, 0, index] for index in range(4)]))
        >>> rows = torch.arange(4)
        >>> shuffle.shuffle(rows).tolist(), shuffle.unshuffle(shuffle.shuffle(rows)).tolist()
        ([3, 1, 0, 2], [0, 1, 2, 3])
    """

    def __init__(self, key: Tensor):
        self.rank, self.world = rank_and_world()
        self.order = Draws(stream_of(all_gather(key), SHUFFLE_STREAM)).state.argsort(stable=True)
        first = sum(counts_of_rows(len(key))[: self.rank]) if self.world > 1 else 0
        self.own = slice(first, first + len(key))

    def shuffle(self, rows: Tensor) -> Tensor:
        """Return this process's share of the rows ``(N, ...)`` of all processes, in the drawn order."""
        return all_gather(rows)[self.order.tensor_split(self.world)[self.rank]]

    def unshuffle(self, rows: Tensor) -> Tensor:
        """Return what became of this process's own rows, in their order, from the shares of all processes."""
        return all_gather(rows)[self.order.argsort()][self.own]


def apply_in_groups(network: Callable[[Tensor], Tensor], rows: Tensor, key: Tensor, groups: int) -> Tensor:
    """Return what a network makes of rows, passed through it in groups drawn by key; their order is restored.

    Args:
        network: such as one with batch normalisation.
        rows: of this process, ``(N, ...)``.
        key: names each row, int64 ``(N, parts)``.
        groups: over all processes; at least one for each process. A group has at least two rows, so that fewer rows
            make fewer groups.
    """
    shuffle = Shuffle(key)
    share = shuffle.shuffle(rows)
    count = max(1, min(-(-groups // shuffle.world), len(share) // 2))
    return shuffle.unshuffle(torch.cat([network(part) for part in share.tensor_split(count)]))


def rank_and_world() -> tuple[int, int]:
    """Return the number of this process, and how many there are."""
    if not distributed.is_available() or not distributed.is_initialized():
        return 0, 1
    return distributed.get_rank(), distributed.get_world_size()
