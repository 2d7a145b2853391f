"""What all processes of a training hold, as one batch: a contrast over it is the contrast that one process would see.

Each process computes the whole loss of the whole batch. Its gradient comes back summed over processes, and is averaged
by the strategy (DDP), which leaves that of one process.
"""

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, distributed


def alone() -> bool:
    """Tell whether there is one process, with which nothing needs to be gathered."""
    return not distributed.is_available() or not distributed.is_initialized() or distributed.get_world_size() == 1


def all_gather(rows: Tensor) -> Tensor:
    """Return the rows of all processes in the order of the processes, ``(all rows, ...)``; gradients flow back.

    Args:
        rows: of this process, ``(N, ...)``; processes may hold different numbers of them. Alone, they are returned.
    """
    if alone():
        return rows
    return Gather.apply(rows)  # pyright: ignore[reportReturnType]


def own_share(rows: Tensor) -> Tensor:
    """Return this process's share of rows that all processes hold alike; each row is in one share. Alone, all rows.

    Args:
        rows: ``(N, ...)``.
    """
    if alone():
        return rows
    return rows[distributed.get_rank() :: distributed.get_world_size()]


def counts_of_rows(count: int) -> list[int]:
    """Return how many rows each process holds, in the order of the processes.

    They are told between hosts, so that no host waits for its device.

    Args:
        count: of this process.
    """
    counts = [torch.zeros(1, dtype=torch.int64) for _ in range(distributed.get_world_size())]
    distributed.all_gather(counts, torch.tensor([count]), group=hosts(distributed.group.WORLD))
    return [int(each) for each in counts]


@lru_cache(maxsize=1)
def hosts(world: Any) -> Any:
    """Return a group of all processes of ``world`` in which hosts tell each other numbers."""
    return world if distributed.get_backend(world) == "gloo" else distributed.new_group(backend="gloo")


def all_reduce(values: Tensor) -> Tensor:
    """Return the sum of a tensor over all processes, without gradient; the tensor itself stays. Alone, itself."""
    if alone():
        return values
    summed = values.detach().clone()
    distributed.all_reduce(summed)
    return summed


class Gather(torch.autograd.Function):
    """All processes' rows; backwards, the sum of what all processes ask of the own ones."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        sizes = counts_of_rows(len(rows))
        plain = rows.detach().to(torch.uint8) if rows.dtype == torch.bool else rows.detach()
        padded = plain.new_zeros(max(sizes), *rows.shape[1:])  # collectives need equal shapes
        padded[: len(rows)] = plain
        parts = [torch.empty_like(padded) for _ in sizes]
        distributed.all_gather(parts, padded)
        ctx.first = sum(sizes[: distributed.get_rank()])
        ctx.count = len(rows)
        return torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)]).to(rows.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        asked = gradients[0].contiguous().clone()
        distributed.all_reduce(asked)
        return asked[ctx.first : ctx.first + ctx.count]
