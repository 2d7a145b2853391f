"""Tables of rows too large to work on at once, taken block by block."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

Rows = Tensor | np.ndarray | Callable[[], Iterable[Any]]
"""A table ``(N, dim)``, memory-mapped or not; or a function that begins a pass anew, in blocks ``(some, dim)``."""

Reduce = Callable[[Tensor], Tensor]
"""Returns the sum of a tensor over all processes, the same in each."""


class Table:
    """Rows of one process, as blocks on a device.

    Args:
        rows: a tensor, an array, or a function that returns blocks in order, asked anew for each pass.
        block: rows at a time, at most.
        device: where to; None leaves them where they are.
        unit: rows are taken at length 1.

    Attributes:
        count: number of rows.
        dim: length of a row.
        device: where blocks are.
        dtype: float64 if the rows are, float32 otherwise.

    Raises:
        ValueError: if these are no rows of one length, or a function has no block.
    """

    def __init__(self, rows: Rows, block: int, device: torch.device | str | None = None, unit: bool = False):
        if block < 1:
            raise ValueError(f"block must be at least 1; got {block}")
        self.rows, self.block, self.unit = rows, block, unit
        self.count, first = 0, None
        for part in rows() if callable(rows) else [rows]:
            first = part if first is None else first
            if part.ndim != 2 or part.shape[1] != first.shape[1]:
                raise ValueError(f"rows must be tables (N, dim) of one dim; got {tuple(part.shape)}")
            self.count += len(part)
        if first is None:
            raise ValueError("the function of rows returned no block; without rows it must give one of shape (0, dim)")
        self.dim = int(first.shape[1])
        here = first.device if isinstance(first, Tensor) else torch.device("cpu")
        self.device = here if device is None else torch.device(device)
        self.dtype = torch.float64 if first.dtype in (torch.float64, np.float64) else torch.float32

    def __iter__(self) -> Iterator[Tensor]:
        for part in self.rows() if callable(self.rows) else [self.rows]:
            for first in range(0, len(part), self.block):
                piece = part[first : first + self.block]
                piece = piece if isinstance(piece, Tensor) else torch.from_numpy(np.array(piece))  # copied off the file
                piece = piece.to(self.device, self.dtype)
                yield F.normalize(piece, dim=1) if self.unit else piece


def exact(device: torch.device) -> torch.dtype:
    """Return the type that sums are held in: float64 where the device has it."""
    return torch.float32 if device.type == "mps" else torch.float64


def alone(values: Tensor) -> Tensor:
    """Return values as they are: the sum over one process."""
    return values
