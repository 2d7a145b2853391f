"""Measure k-means beside FAISS, and say what that makes of 1.3 million rows and 2,000 clusters.

python benchmarks/clustering.py                                       20,000 rows of 256 numbers, 200 clusters
python benchmarks/clustering.py rows=200000 clusters=2000 rounds=1    a minute or two
"""

import resource
import sys
from importlib.util import find_spec
from pathlib import Path

import torch
from rich.table import Table
from torch import Tensor
from torch.nn import functional as F

from avssl.config import Count, main
from avssl.nets.kmeans import fit_kmeans
from avssl.screen import screen
from avssl.version import versions

sys.path.insert(0, str(Path(__file__).parents[1]))  # what times transforms lies beside

from benchmarks.transforms import timed

FULL_ROWS, FULL_DIM, FULL_CLUSTERS, FULL_PASSES = 1_300_000, 256, 2000, 26  # Noroozi et al. 2018: 4 hours on a GPU
UNIT = 1 if sys.platform == "darwin" else 1024  # bytes in which the system counts memory
BLOCK = 4096


def bench_clustering(
    *, rows: Count = 20_000, dim: Count = 256, clusters: Count = 200, passes: Count = 2, rounds: Count = 3
) -> dict[str, float]:
    """Time passes of Lloyd's algorithm over rows, from the same centres: ours, and FAISS's where it is installed.

    A pass gives each row its nearest centre and sums the rows of each. Times are of the CPU, over all threads, the
    least of all rounds, which take turns.

    Args:
        rows: how many.
        dim: numbers each.
        clusters: how many.
        passes: over the rows, in one call.
        rounds: how often to measure each.

    Returns:
        ``ours`` and ``faiss``, seconds a pass; ``ratio`` of ours to FAISS's; ``difference`` of their objectives, as a
        share; ``gflops``, billions of operations a second of ours; ``memory``, what rows and k-means take together, as
        a multiple of the rows; ``projected``, seconds of 26 passes over 1.3 million rows with 2,000 clusters.
    """
    data, start = made(rows, dim, clusters)
    before, times, objectives = peak(), {"ours": [], "faiss": []}, {}
    works = {"ours": lambda: ours(data, start, passes)}
    works |= {"faiss": lambda: theirs(data, start, passes)} if find_spec("faiss") else {}
    memory = 0.0
    for _ in range(rounds):
        for name, work in works.items():
            times[name].append(timed(lambda name=name, work=work: objectives.update({name: work()})) / passes)
            memory = memory or 1 + (peak() - before) / data.nbytes
    own = min(times["ours"])
    found = {"ours": own, "gflops": 2 * rows * dim * clusters / own / 1e9, "memory": memory}
    if "faiss" in works:
        found |= {"faiss": min(times["faiss"]), "ratio": own / min(times["faiss"])}
        found["difference"] = abs(objectives["ours"] / objectives["faiss"] - 1)
    operations = 2 * FULL_ROWS * FULL_DIM * FULL_CLUSTERS
    found["projected"] = FULL_PASSES * operations / (found["gflops"] * 1e9)
    show(found, f"{rows} rows of {dim} numbers, {clusters} clusters")
    return found


def ours(data: Tensor, start: Tensor, passes: int) -> float:
    """Return the objective that so many of our passes find."""
    return fit_kmeans(data, len(start), passes - 1, start=start, block=BLOCK).objective[-1]


def theirs(data: Tensor, start: Tensor, passes: int) -> float:
    """Return the objective that so many of FAISS's passes find, over all rows."""
    import faiss

    faiss.omp_set_num_threads(torch.get_num_threads())
    means = faiss.Kmeans(data.shape[1], len(start), niter=passes, max_points_per_centroid=len(data))
    means.train(data.numpy(), init_centroids=start.numpy())
    return float(means.obj[-1])  # pyright: ignore[reportOptionalSubscript]


def made(rows: int, dim: int, clusters: int) -> tuple[Tensor, Tensor]:
    """Return rows of length 1 around as many middles as there are clusters, and centres to start from."""
    chance = torch.Generator().manual_seed(0)
    middles, data = torch.randn(clusters, dim, generator=chance) / 2, torch.empty(rows, dim)
    for part in data.split(BLOCK):  # without a second table of all rows, which would hide what k-means takes
        around = middles[torch.randint(clusters, (len(part),), generator=chance)]
        part.copy_(F.normalize(around + torch.randn(part.shape, generator=chance), dim=1))
    return data, data[torch.randperm(rows, generator=chance)[:clusters]].clone()


def peak() -> int:
    """Return the most memory that this process ever took, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * UNIT


def show(found: dict[str, float], title: str) -> None:
    """Print the table, and what it makes of the full size."""
    table = Table(title=f"{title}: CPU milliseconds a pass, {torch.get_num_threads()} threads", title_justify="left")
    cells = {
        "ours": f"{1000 * found['ours']:.0f}",
        "GFLOP/s": f"{found['gflops']:.0f}",
        "memory / rows": f"{found['memory']:.2f}",
    }
    if "faiss" in found:
        cells |= {"FAISS": f"{1000 * found['faiss']:.0f}", "ratio": f"{found['ratio']:.2f}"}
        cells["objectives differ by"] = f"{found['difference']:.1e}"
    for name in cells:
        table.add_column(name, justify="right")
    table.add_row(*cells.values())
    console, operations = screen(), 2 * FULL_ROWS * FULL_DIM * FULL_CLUSTERS
    console.print(table)
    console.print(
        f"{FULL_ROWS:,} rows of {FULL_DIM} into {FULL_CLUSTERS:,} clusters: 2 x rows x numbers x clusters = "
        f"{operations / 1e12:.2f} T operations a pass; at {found['gflops']:.0f} GFLOP/s "
        f"{operations / found['gflops'] / 1e9:.0f} CPU seconds, {FULL_PASSES} passes {found['projected'] / 60:.1f} CPU "
        f"minutes. Rows take {4 * FULL_ROWS * FULL_DIM / 1e9:.1f} GB; a table of all rows by all clusters would take "
        f"{4 * FULL_ROWS * FULL_CLUSTERS / 1e9:.1f} GB, and is never made."
    )
    if "faiss" not in found:
        console.print("FAISS is not installed (pip install faiss-cpu), so there is no ratio")
    console.print(versions(), markup=False)


if __name__ == "__main__":
    main("__main__.bench_clustering", __doc__, default="configs/bench_clustering.yaml")
