"""Where k-means starts: rows drawn by their numbers, so that processes and blocks change nothing.

K-means++: Arthur and Vassilvitskii, "k-means++: The Advantages of Careful Seeding", SODA 2007.
"""

import torch
from torch import Tensor

from avssl.nets.row_blocks import Reduce, Table

SAMPLE = 64  # rows a cluster, at most, among which k-means++ looks


def starting(
    table: Table, clusters: int, total: int, kind: str, seed: int, index: Tensor | None, reduce: Reduce
) -> Tensor:
    """Return rows to start from, ``(clusters, dim)``, the same in all processes.

    Args:
        table: rows of this process.
        clusters: how many; no more than ``total``.
        total: rows of all processes.
        kind: ``"random"``, or ``"k-means++"``: each next row is drawn among 64 a cluster, at most, with a chance that
            grows with its squared distance to the nearest row drawn before.
        seed: the only source of chance.
        index: the number of each row among those of all processes; None for one process.
        reduce: sum over processes.

    Raises:
        ValueError: if there is no such start, or numbers of rows cannot be.
    """
    if kind not in ("random", "k-means++"):
        raise ValueError(f"start must be 'random', 'k-means++' or centres; got {kind!r}")
    chance = torch.Generator().manual_seed(seed)
    order = torch.randperm(total, generator=chance)
    if kind == "random":
        return collected(table, order[:clusters], total, index, reduce)
    rows = collected(table, order[: SAMPLE * clusters], total, index, reduce)
    return rows[apart(rows, torch.rand(clusters, generator=chance, dtype=torch.float64))]


def apart(rows: Tensor, shares: Tensor) -> list[int]:
    """Return which rows k-means++ draws, by one number in [0, 1) each; the first row is always drawn."""
    found, distances = [0], (rows - rows[0]).square().sum(1)
    for share in shares[1:].tolist():
        heap = distances.to("cpu", torch.float64).cumsum(0)
        pick = int(torch.searchsorted(heap, share * float(heap[-1]), right=True).clamp(max=len(heap) - 1))
        found.append(pick)
        distances = torch.minimum(distances, (rows - rows[pick]).square().sum(1))
    return found


def collected(table: Table, wanted: Tensor, total: int, index: Tensor | None, reduce: Reduce) -> Tensor:
    """Return the rows of some numbers, whichever process holds them, in the order of the numbers, ``(some, dim)``."""
    numbers = torch.arange(table.count) if index is None else index.cpu()
    if numbers.shape != (table.count,) or (table.count and not 0 <= int(numbers.min()) <= int(numbers.max()) < total):
        raise ValueError(f"index must number {table.count} rows from 0 to {total - 1}; got {tuple(numbers.shape)}")
    place = torch.full((total,), -1)
    place[wanted] = torch.arange(len(wanted))
    found = torch.zeros(len(wanted), table.dim, dtype=table.dtype, device=table.device)
    times, first = torch.zeros(len(wanted), dtype=torch.int64, device=table.device), 0
    for part in table:
        here = place[numbers[first : first + len(part)]].to(table.device)
        found.index_add_(0, here[here >= 0], part[here >= 0])
        times += torch.bincount(here[here >= 0], minlength=len(wanted))
        first += len(part)
    found, times = reduce(found), reduce(times)
    if (times != 1).any():
        raise ValueError("index must give each row of all processes a number of its own, from 0 on")
    return found
