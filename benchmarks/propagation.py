"""Measure the search for similar cells, tile by tile, beside the whole product of a frame with its context.

python benchmarks/propagation.py                      a frame of 480p at stride 8, 20 frames and the first: a minute
python benchmarks/propagation.py tile=24 share=0.2
"""

import multiprocessing
import os
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

import torch
from rich.table import Table
from torch import Tensor
from torch.nn import functional as F

from avssl.config import Count, main
from avssl.features.propagation.search import neighbours
from avssl.features.propagation.tiles import Reach
from avssl.screen import screen
from avssl.version import versions

sys.path.insert(0, str(Path(__file__).parents[1]))  # what times transforms lies beside

from benchmarks.transforms import timed

UNIT = 1 if sys.platform == "darwin" else 1024  # bytes in which the system counts memory
CHUNK = 100  # queries that the whole product takes at a time, as videowalk does


def bench_propagation(
    *,
    rows: Count = 60,
    columns: Count = 107,
    channels: Count = 256,
    context: Count = 20,
    radius: float = 12,
    k: Count = 10,
    tile: Count = 16,
    share: float = 0.08,
    rounds: Count = 2,
) -> dict[str, float]:
    """Time one frame's search: ours, and the whole product, contiguous, with top k along the last axis.

    The whole product is timed on a share of the queries and multiplied; times are of the CPU, over all threads, the
    least of all rounds, which take turns. Memory is the most that a process of its own takes above what it had before.

    Args:
        rows: of cells.
        columns: of cells.
        channels: of features.
        context: frames beside the first one.
        radius: in cells; the first frame is exempt from it.
        k: cells that are kept.
        tile: cells a side.
        share: of queries that the whole product is timed on.
        rounds: how often to measure each.

    Returns:
        ``ours`` and ``whole``, CPU seconds a frame; ``ratio`` of whole to ours; ``ours_memory`` and ``whole_memory`` in
        bytes; ``memory``, their ratio; ``same``, the share of neighbours that are the same.
    """
    query, *keys = made(rows, columns, channels, context)
    keys = [one.half() for one in keys]
    full = torch.stack([one.float() for one in keys]).flatten(0, 2)
    count = max(1, round(share * rows * columns))
    times, found = {"ours": [], "whole": []}, {}
    works = {
        "ours": lambda: neighbours(query, keys, k, Reach(radius=radius), 1, tile=tile).places,
        "whole": lambda: whole(query, full, radius, k, count),
    }
    for _ in range(rounds):
        for name, work in works.items():
            times[name].append(timed(lambda name=name, work=work: found.update({name: work()})))
    ours, all_of_it = min(times["ours"]), min(times["whole"]) * rows * columns / count
    same = (found["ours"][:count].sort(1).values == found["whole"].sort(1).values).double().mean()
    sizes = (rows, columns, channels, context, radius, k, tile)
    taken = {name: alone(name, *sizes) for name in works}
    result = {"ours": ours, "whole": all_of_it, "ratio": all_of_it / ours, "same": float(same)}
    result |= {"ours_memory": taken["ours"], "whole_memory": taken["whole"]}
    result["memory"] = taken["ours"] / max(1, taken["whole"])
    show(result, f"{rows} x {columns} cells of {channels} numbers, {context} + 1 frames, radius {radius:g}, k {k}")
    return result


def whole(query: Tensor, keys: Tensor, radius: float, k: int, count: int) -> Tensor:
    """Return the places of the ``k`` best cells of the first ``count`` queries, from products with all keys."""
    rows, columns, _ = query.shape
    cells, frames = rows * columns, len(keys) // (rows * columns)
    places = torch.stack(torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij"), -1).flatten(0, 1)
    found = []
    for part in torch.arange(count).split(CHUNK):
        scores = query.flatten(0, 1)[part] @ keys.T
        far = (places[part][:, None] - places).square().sum(-1) >= radius**2
        scores.view(len(part), frames, cells)[:, 1:].masked_fill_(far[:, None], -torch.inf)
        found.append(scores.topk(k, 1).indices)
    return torch.cat(found)


def made(rows: int, columns: int, channels: int, context: int) -> Iterator[Tensor]:
    """Yield smooth features of unit length: those of a frame, and then of its context."""
    chance = torch.Generator().manual_seed(0)
    for _ in range(2 + context):
        noise = torch.randn(1, channels, rows + 4, columns + 4, generator=chance)
        yield F.normalize(F.avg_pool2d(noise, 5, 1)[0].permute(1, 2, 0), dim=-1).contiguous()


def alone(*work: object) -> float:
    """Return how much memory a search takes in a process of its own, its keys included, in bytes."""
    os.environ["MALLOC_MMAP_THRESHOLD_"] = "65536"  # what is freed goes back to the system, there
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(memory, work)


def memory(name: str, rows: int, columns: int, channels: int, context: int, radius: float, k: int, tile: int) -> float:
    """Return what one search takes beyond what loading the library and a small search took."""
    torch.set_num_threads(1)
    before = 0
    for height, width, frames in ((8, 8, 1), (rows, columns, context)):
        before = peak()
        features = made(height, width, channels, frames)
        query = next(features)
        if name == "ours":
            neighbours(query, [one.half() for one in features], k, Reach(radius=radius), 1, tile=tile)
        else:
            full = torch.empty(1 + frames, height, width, channels)
            for one in full:
                one.copy_(next(features))
            whole(query, full.flatten(0, 2), radius, k, min(2 * CHUNK, height * width))
    return float(peak() - before)


def peak() -> int:
    """Return the most memory that this process ever took, in bytes."""
    status = Path("/proc/self/status")  # on Linux the other count begins at what the parent took
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * UNIT


def show(found: dict[str, float], title: str) -> None:
    """Print the table."""
    table = Table(title=f"{title}, {torch.get_num_threads()} threads", title_justify="left")
    cells = {
        "": ("tiles", "whole product", "ratio"),
        "CPU s a frame": (f"{found['ours']:.2f}", f"{found['whole']:.2f}", f"{found['ratio']:.1f}"),
        "memory, MB": (
            f"{found['ours_memory'] / 1e6:.0f}",
            f"{found['whole_memory'] / 1e6:.0f}",
            f"{found['memory']:.2f}",
        ),
        "same neighbours": ("", "", f"{100 * found['same']:.3f} %"),
    }
    for name in cells:
        table.add_column(name, justify="right" if name else "left")
    for row in zip(*cells.values(), strict=True):
        table.add_row(*row)
    console = screen()
    console.print(table)
    console.print(versions(), markup=False)


if __name__ == "__main__":
    main("__main__.bench_propagation", __doc__, default="configs/bench_propagation.yaml")
