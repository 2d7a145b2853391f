"""How fast evaluation is: PCK of a hundred thousand people, retrieval of UCF101's size, probes of all layers at once.

``python benchmarks/evaluation.py``. Ratios come from one run, best of three; milliseconds depend on the machine.
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from avssl.data import Dataset
from avssl.data.base import Key, split_key
from avssl.features.cache import FeatureCache
from avssl.features.extraction import Asked, extract
from avssl.features.rows import Recipe
from avssl.features.search import search
from avssl.metrics import pck
from avssl.nets import SmallNet

PEOPLE, JOINTS = 100_000, 16
QUERIES, GALLERY, DIM = 3783, 9537, 512  # UCF101 split 1, and a ResNet-18's features


def best(work: Callable[[], object], times: int = 3) -> float:
    """Return the least of some durations, in seconds."""
    found = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        found.append(time.perf_counter() - started)
    return min(found)


def key_points() -> None:
    """PCK at one threshold and its area over 50, against a pass for each threshold."""
    rng = np.random.default_rng(0)
    truth = rng.uniform(0, 200, (PEOPLE, JOINTS, 2)).astype(np.float32)
    found = truth + rng.normal(0, 8, truth.shape).astype(np.float32)
    counted, unit = rng.random((PEOPLE, JOINTS)) < 0.9, rng.uniform(20, 60, PEOPLE)
    one = best(lambda: pck.pck(found, truth, counted, unit, 0.2))
    area = best(lambda: pck.auc(found, truth, counted, unit))
    passes = best(lambda: [pck.pck(found, truth, counted, unit, t) for t in pck.GRID[:5]], 1) * len(pck.GRID) / 5
    print(f"PCK of {PEOPLE:,} people x {JOINTS} joints: {one:.2f} s (asked: at most 0.5)")
    print(
        f"area over {len(pck.GRID)} thresholds: {area:.2f} s, {passes / area:.0f} times faster than a pass a threshold"
    )


def retrieval() -> None:
    """Fifty answers to each query, none of its own group."""
    rng = np.random.default_rng(0)
    queries = rng.normal(size=(QUERIES, DIM)).astype(np.float32)
    gallery = rng.normal(size=(GALLERY, DIM)).astype(np.float32)
    groups = rng.integers(0, 2500, QUERIES), rng.integers(0, 2500, GALLERY)
    plain = best(lambda: search(queries, gallery, 50, engine="torch"))
    without = best(lambda: search(queries, gallery, 50, groups, engine="torch"))
    print(
        f"retrieval, {QUERIES:,} queries in {GALLERY:,} of {DIM} numbers, 50 answers: {plain:.2f} s (asked: at most 1)"
    )
    print(f"the same without answers of the query's own group: {without:.2f} s")
    try:
        quick = best(lambda: search(queries, gallery, 50, engine="faiss"))
    except ValueError as error:
        print(f"FAISS: {error}")
    else:
        print(f"by FAISS, the same answers: {quick:.2f} s")


class Noise(Dataset):
    """Pictures of noise that take a while to make, as decoding does."""

    def __init__(self, count: int = 200, side: int = 64):
        self.count, self.side, self.looks = count, side, 0

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, key: Key) -> dict[str, Any]:
        self.looks += 1
        _, index = split_key(key, len(self))
        rng = np.random.default_rng(index)
        film = rng.integers(0, 256, (8, 3, 4 * self.side, 4 * self.side), dtype=np.uint8)
        frames = torch.from_numpy(film[:, :, ::4, ::4].copy())[None]
        about = {"times": torch.arange(8.0)[None].double(), "valid": torch.ones(1, 8, dtype=torch.bool)}
        return {"frames": frames, "path": str(index), "label": index % 2} | about


def layers() -> None:
    """All layers from one pass over the data, against a pass a layer."""
    net, data = SmallNet(), Noise()
    names = (*net.layers, "output")

    def once(asked: tuple[str, ...]) -> None:
        extract({"net": Asked(net, asked)}, data, Recipe(), FeatureCache(), quiet=True)

    together = best(lambda: once(names), 1)
    reads, data.looks = data.looks, 0
    apart = best(lambda: [once((name,)) for name in names], 1)
    print(
        f"{len(names)} layers of {len(data)} videos: {reads} reads in one pass, {data.looks} layer by layer,", end=" "
    )
    print(f"{apart / together:.1f} times faster")


def main() -> None:
    torch.set_num_threads(2)
    key_points()
    retrieval()
    layers()


if __name__ == "__main__":
    main()
