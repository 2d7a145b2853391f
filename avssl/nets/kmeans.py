"""K-means: Lloyd's algorithm, exact, in blocks, on any device and over any number of processes.

Lloyd, "Least squares quantization in PCM", 1982; k-means++: Arthur and Vassilvitskii, SODA 2007. Clusters that lose all
their rows split the largest one, as in FAISS and DeepCluster (Caron et al., ECCV 2018, section 3.2,
https://arxiv.org/abs/1807.05520).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from avssl.nets.kmeans_start import starting
from avssl.nets.row_blocks import Reduce, Rows, Table, alone, exact

EachRound = Callable[[int, float], None]
"""Called with the number of passes made over the rows, from 1, and the objective that the last one found."""

APART = 1 / 1024  # share of each coordinate by which the halves of a split cluster are moved apart
CACHED = 2**21  # products on a CPU at a time, which stay in its cache: 8 MB
LEAST = 64  # rows at a time even so
FEW = 4  # threads up to which NumPy, in one thread, finds the least of a row sooner than torch


@dataclass(frozen=True, eq=False)
class KMeans:
    """What k-means found.

    Args:
        centres: ``(clusters, dim)``.
        labels: the nearest centre of each row of this process, int64 ``(N,)``.
        sizes: rows of each cluster in all processes, int64 ``(clusters,)``; 0 where nothing is nearest.
        objective: sum of squared distances of all rows to their nearest centre, before each update and at the end.
    """

    centres: Tensor
    labels: Tensor
    sizes: Tensor
    objective: list[float]


@torch.no_grad()
def fit_kmeans(
    rows: Rows,
    clusters: int,
    rounds: int = 25,
    start: Literal["random", "k-means++"] | Tensor = "random",
    seed: int = 0,
    spherical: bool = False,
    tolerance: float = 0.0,
    block: int = 8192,
    index: Tensor | None = None,
    reduce: Reduce | None = None,
    device: torch.device | str | None = None,
    each_round: EachRound | None = None,
) -> KMeans:
    """Find centres and the nearest one of each row. No table of all rows by all clusters is ever made.

    An empty cluster takes half of the largest one, the first of equals: both centres are moved apart by 1/1024 of each
    coordinate, in turn up and down. On a CPU the result depends on the arguments alone (on a GPU sums are made in any
    order, and a last digit may differ); blocks and processes change it by rounding only.

    Args:
        rows: ``(N, dim)``: a tensor, an array (memory-mapped or not), or a function that returns blocks in order, asked
            anew for each pass.
        clusters: how many; no more than there are rows.
        rounds: updates of the centres, at most; fewer once they stand still.
        start: ``"random"``: rows drawn by chance; ``"k-means++"``: rows far from each other, among at most 64 a cluster
            that are drawn by chance; or centres, ``(clusters, dim)``.
        seed: of the start.
        spherical: rows and centres are of length 1.
        tolerance: stop once the squared moves of all centres, summed, are no more than this; 0: once they stand still.
        block: rows compared with all centres at a time, at most; on a CPU fewer where clusters are many.
        index: the number of each row among those of all processes, int64 ``(N,)``; needed with ``reduce``, since the
            start is drawn by these numbers.
        reduce: sum over processes; None for one process. Each process hands in its own rows.
        device: where to compute; None where the rows are.
        each_round: called after each pass, such as to show progress.

    Raises:
        ValueError: if there are fewer rows than clusters, values that are not finite, or a setting cannot be.

    Examples:
        >>> found = fit_kmeans(torch.tensor([[0.0], [1.0], [10.0], [11.0]]), clusters=2)
        >>> found.centres.sort(0).values.flatten().tolist(), found.objective[-1]
        ([0.5, 10.5], 1.0)
    """
    if clusters < 1 or rounds < 0 or not tolerance >= 0:
        raise ValueError(
            f"needs clusters >= 1, rounds >= 0 and tolerance >= 0; got {clusters}, {rounds} and {tolerance}"
        )
    if reduce is not None and index is None:
        raise ValueError("with several processes k-means needs index: the number of each row among those of all")
    table, reduce = Table(rows, block, device, spherical), reduce or alone
    total = int(reduce(torch.tensor([table.count], device=table.device)))
    if total < clusters:
        raise ValueError(f"{total} rows cannot make {clusters} clusters; set clusters lower")
    if not isinstance(start, Tensor):
        start = starting(table, clusters, total, start, seed, index, reduce)
    centres = start.to(table.device, table.dtype)
    if centres.shape != (clusters, table.dim):
        raise ValueError(f"start must be centres ({clusters}, {table.dim}); got {tuple(centres.shape)}")
    centres, objective = unit(centres, spherical), []
    for _ in range(rounds):
        sums, sizes, value, _ = one_pass(table, centres, reduce)
        objective.append(value)
        if each_round is not None:
            each_round(len(objective), value)
        moved = torch.where(sizes[:, None] > 0, sums / sizes.clamp(min=1)[:, None], centres.to(sums)).to(centres)
        moved = unit(split_empty(moved, sizes), spherical)
        far = (moved - centres).to(exact(centres.device)).square().sum() > tolerance
        moving = reduce(far.to(torch.int64))  # summed, so that all processes stop in one round
        centres = moved
        if not moving:
            break
    _, sizes, value, labels = one_pass(table, centres, reduce)
    objective.append(value)
    if each_round is not None:
        each_round(len(objective), value)
    return KMeans(centres, labels, sizes, objective)


@torch.no_grad()
def nearest(rows: Rows, centres: Tensor, spherical: bool = False, block: int = 8192) -> tuple[Tensor, Tensor]:
    """Return the nearest centre of each row, int64 ``(N,)``, and the squared distance to it, ``(N,)``.

    Args:
        rows: as for `fit_kmeans`; computed where the centres are.
        centres: ``(clusters, dim)``.
        spherical: rows are taken at length 1.
        block: rows compared with all centres at a time, at most.
    """
    table = Table(rows, block, centres.device, spherical)
    if centres.ndim != 2 or centres.shape[1] != table.dim:
        raise ValueError(
            f"rows of {table.dim} numbers need centres (clusters, {table.dim}); got {tuple(centres.shape)}"
        )
    centres = unit(centres.to(table.dtype), spherical)
    labels = torch.empty(table.count, dtype=torch.int64, device=centres.device)
    distances, first = centres.new_empty(table.count), 0
    for rows, near, far in compared(table, centres):
        labels[first : first + len(rows)], distances[first : first + len(rows)] = near, far
        first += len(rows)
    return labels, distances


def unit(rows: Tensor, asked: bool) -> Tensor:
    return F.normalize(rows, dim=1) if asked else rows


def compared(table: Table, centres: Tensor) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yield rows, the nearest centre of each, the first of equals, and the squared distance to it, some at a time."""
    middle = centres.mean(0)  # or digits are lost where rows lie far from 0
    others = centres - middle
    lengths = others.square().sum(1)
    most = max(LEAST, CACHED // len(centres)) if centres.device.type == "cpu" else table.block
    moved, scores, count = centres.new_empty(0), centres.new_empty(0), 0  # kept: new ones cost a fifth of the time
    for part in table:
        count += len(part)
        for rows in part.split(most):
            if len(rows) > len(moved):
                moved, scores = torch.empty_like(rows), rows.new_empty(len(rows), len(centres))
            left, products = torch.sub(rows, middle, out=moved[: len(rows)]), scores[: len(rows)]
            with torch.autocast(rows.device.type, enabled=False):
                labels = first_least(torch.addmm(lengths, left, others.T, alpha=-2, out=products))
            yield rows, labels, (rows - centres[labels]).square().sum(1)
    if count != table.count:
        raise ValueError(f"the function of rows gave {table.count} rows at first and {count} now; it must begin anew")


def first_least(table: Tensor) -> Tensor:
    """Return the place of the least number of each row, of equals the first, int64 ``(N,)``."""
    if table.device.type == "cpu" and torch.get_num_threads() <= FEW:
        return torch.from_numpy(table.numpy().argmin(1))
    return table.min(1).indices  # on CPUs half the time of argmin


def one_pass(table: Table, centres: Tensor, reduce: Reduce) -> tuple[Tensor, Tensor, float, Tensor]:
    """Return sums and numbers of the rows of each cluster and the objective, of all processes, and own labels."""
    wide = exact(centres.device)
    sums = torch.zeros(centres.shape, dtype=wide, device=centres.device)
    sizes = torch.zeros(len(centres), dtype=torch.int64, device=centres.device)
    value, first = torch.zeros((), dtype=wide, device=centres.device), 0
    found = sizes.new_empty(table.count)  # filled: many small pieces that are kept would hold memory between them
    for rows, labels, distances in compared(table, centres):
        sums.index_add_(0, labels, rows.to(wide))
        sizes += torch.bincount(labels, minlength=len(centres))
        value += distances.sum(dtype=wide)
        found[first : first + len(rows)] = labels
        first += len(rows)
    sums, sizes, objective = reduce(sums), reduce(sizes), float(reduce(value))
    if not objective < float("inf"):
        raise ValueError("rows hold values that are not finite, and have no nearest centre")
    return sums, sizes, objective, found


def split_empty(centres: Tensor, sizes: Tensor) -> Tensor:
    """Return centres where each empty cluster takes half of the largest one."""
    centres, left = centres.clone(), sizes.to(exact(sizes.device))
    apart = torch.full_like(centres[0], APART)
    apart[1::2] *= -1
    for empty in (sizes == 0).nonzero().flatten().tolist():
        largest = int(left.argmax())
        if left[largest] <= 1:  # nothing to share: fewer rows than clusters
            break
        left[largest] = left[empty] = left[largest] / 2
        centres[empty], centres[largest] = centres[largest] * (1 + apart), centres[largest] * (1 - apart)
    return centres
