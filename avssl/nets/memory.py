"""Memories of vectors: a queue of the latest ones, and a bank with one for each item.

Queue: He et al., "Momentum Contrast" (MoCo), CVPR 2020, section 3.2, https://arxiv.org/abs/1911.05722. Bank: Wu et al.,
"Unsupervised Feature Learning via Non-Parametric Instance Discrimination", CVPR 2018, section 3.1,
https://arxiv.org/abs/1805.01978.

Both are buffers, so part of checkpoints. Write after backward: what a loss has read must not change before. Over
several processes hand in the rows of all, so that every process holds the same memory.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Queue(nn.Module):
    """The latest ``size`` vectors, with the item that each is of; the oldest leave first.

    Args:
        size: places.
        dim: length of the vectors.

    Attributes:
        rows: vectors in their places, ``(size, dim)``; 0 in places not filled yet.
        items: the item that each is of, int64 ``(size,)``; -1 in places not filled yet.
        filled: places filled, int64, one number.

    Raises:
        ValueError: if a size is not at least 1.

    Examples:
        >>> queue = Queue(size=3, dim=1)
        >>> queue.enqueue(torch.tensor([[1.0], [2.0], [3.0], [4.0]]), torch.tensor([10, 11, 12, 13]))
        >>> queue.contents()[1].tolist()
        [11, 12, 13]
        >>> queue.counts(torch.tensor([12, 50])).tolist()  # an item's own older vector does not count
        [[True, True, False], [True, True, True]]
    """

    rows: Tensor
    items: Tensor
    place: Tensor
    filled: Tensor

    def __init__(self, size: int, dim: int):
        super().__init__()
        if size < 1 or dim < 1:
            raise ValueError(f"a queue needs size and dim of at least 1; got {size} and {dim}")
        self.register_buffer("rows", torch.zeros(size, dim))
        self.register_buffer("items", torch.full((size,), -1))
        self.register_buffer("place", torch.zeros((), dtype=torch.int64))  # where the next one goes
        self.register_buffer("filled", torch.zeros((), dtype=torch.int64))

    def __len__(self) -> int:
        return len(self.rows)

    @torch.no_grad()
    def enqueue(self, rows: Tensor, items: Tensor) -> None:
        """Take in vectors in their order; of more than fit, the last ones.

        Args:
            rows: ``(N, dim)``.
            items: the item of each, at least 0, ``(N,)``.

        Raises:
            ValueError: if shapes do not fit.
        """
        if rows.ndim != 2 or rows.shape[1] != self.rows.shape[1] or items.shape != rows.shape[:1]:
            raise ValueError(
                f"the queue takes rows (N, {self.rows.shape[1]}) and their items (N,); got {tuple(rows.shape)} and "
                f"{tuple(items.shape)}"
            )
        size, count = len(self), len(rows)
        skipped = max(0, count - size)  # a place that is written twice at once may hold either
        places = (self.place + torch.arange(skipped, count, device=self.rows.device)) % size
        self.rows[places] = rows[skipped:].to(self.rows)
        self.items[places] = items[skipped:].to(self.items)
        self.place.copy_((self.place + count) % size)
        self.filled.copy_((self.filled + count).clamp(max=size))

    def counts(self, items: Tensor) -> Tensor:
        """Return which places count for each item, bool ``(N, size)``: filled, and not of the item itself.

        Args:
            items: ``(N,)``.
        """
        return (self.items >= 0)[None] & (self.items[None] != items[:, None])

    def contents(self) -> tuple[Tensor, Tensor]:
        """Return copies of vectors and items that are filled, oldest first, ``(filled, dim)`` and ``(filled,)``."""
        first = self.place - self.filled
        places = (first + torch.arange(int(self.filled), device=self.rows.device)) % len(self)
        return self.rows[places], self.items[places]


class Bank(nn.Module):
    """A running unit vector of each item; before an item is seen, a random one.

    Args:
        items: how many the data has.
        dim: length of the vectors.
        momentum: share of a vector that is kept when its item is seen (section 3.1: 0.5), in [0, 1).
        seed: of the random vectors; or a generator, from which they are drawn next.
        things: what the items are called, and the setting that says how many, in messages.

    Raises:
        ValueError: if there is nothing to tell items from, or a momentum that cannot be.

    Examples:
        >>> bank = Bank(items=3, dim=2, momentum=0.0)
        >>> bank.update(torch.tensor([1, 1]), torch.tensor([[1.0, 0.0], [0.0, 1.0]]))  # the mean of both
        >>> bank.rows[1]
        tensor([0.7071, 0.7071])
    """

    rows: Tensor

    def __init__(
        self,
        items: int,
        dim: int,
        momentum: float = 0.5,
        seed: int | torch.Generator = 0,
        things: str = "items",
    ):
        super().__init__()
        if items <= 1 or dim < 1 or not 0 <= momentum < 1:
            raise ValueError(
                f"a bank needs {things} > 1, dim >= 1 and momentum in [0, 1); got {items}, {dim} and {momentum}"
            )
        self.momentum, self.things = momentum, things
        chance = seed if isinstance(seed, torch.Generator) else torch.Generator().manual_seed(seed)
        self.register_buffer("rows", F.normalize(torch.randn(items, dim, generator=chance), dim=1))

    def __len__(self) -> int:
        return len(self.rows)

    def check(self, index: Tensor) -> Tensor:
        """Return numbers of items ``(N,)``, or complain about one that the bank has not.

        On a GPU they are not looked at, as the host would wait for it; a number beyond the bank's then ends the program
        with a device-side assertion. A run of another number of items is refused before it starts.

        Raises:
            ValueError: if an item's number is negative or not below that of the bank's.
        """
        if index.device.type != "cpu" or not index.numel():
            return index
        least, most = int(index.min()), int(index.max())
        if least < 0 or most >= len(self):
            raise ValueError(
                f"the data has {self.things[:-1]} number {least if least < 0 else most} and the bank {len(self)} "
                f"entries; set {self.things} to the number of {self.things}"
            )
        return index

    @torch.no_grad()
    def update(self, index: Tensor, rows: Tensor) -> None:
        """Move vectors towards the mean of the rows of their items, and to length 1.

        Args:
            index: item of each row, ``(N,)``; one may come several times.
            rows: ``(N, dim)``.

        Raises:
            ValueError: if shapes do not fit, or an item is not the bank's.
        """
        if rows.ndim != 2 or rows.shape[1] != self.rows.shape[1] or index.shape != rows.shape[:1]:
            raise ValueError(
                f"the bank takes items (N,) and rows (N, {self.rows.shape[1]}); got {tuple(index.shape)} and "
                f"{tuple(rows.shape)}"
            )
        if not len(index):
            return
        first = (self.check(index)[:, None] == index).int().argmax(1)  # the first row of the same item; nothing waits
        sums = torch.zeros_like(rows, dtype=torch.float32).index_add_(0, first, rows.float())
        counts = torch.zeros_like(sums[:, 0]).index_add_(0, first, torch.ones_like(sums[:, 0]))
        means = (sums / counts[:, None])[first]
        moved = self.momentum * self.rows[index] + (1 - self.momentum) * means
        self.rows[index] = F.normalize(moved, dim=1)  # rows of one item are all alike
