"""How fast evaluation is: PCK of a hundred thousand people, retrieval of UCF101's size, probes of all layers at once.

``python benchmarks/evaluation.py``, or some of it: ``python benchmarks/evaluation.py probes gradients``. Ratios come
from one run, best of three; milliseconds depend on the machine.
"""

import os
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from skimage.feature import hog
from torch import Tensor, nn
from torch.nn import functional as F

from avssl.data import Dataset
from avssl.data.base import Key, split_key
from avssl.evaluation.probes.logistic import fit_all
from avssl.features.cache import FeatureCache
from avssl.features.extraction import Asked, extract
from avssl.features.hog import Hog
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


def probes() -> None:
    """Logistic regression with five penalties at once, against PyTorch's L-BFGS for one after the other."""
    rng = np.random.default_rng(0)
    truth = rng.integers(10, size=2400)
    features = rng.normal(size=(len(truth), 1536)).astype(np.float32) + 0.1 * truth[:, None].astype(np.float32)
    known, labels, penalties, steps = (
        torch.from_numpy(features),
        torch.from_numpy(truth),
        (1.0, 0.1, 0.01, 1e-3, 1e-4),
        40,
    )

    def alone(penalty: float) -> None:
        layer = nn.Linear(known.shape[1], 10)
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
        descent = torch.optim.LBFGS(layer.parameters(), max_iter=steps, line_search_fn="strong_wolfe")

        def cost() -> Tensor:
            descent.zero_grad()
            loss = F.cross_entropy(layer(known), labels) + penalty / 2 * layer.weight.square().sum()
            loss.backward()
            return loss

        descent.step(cost)

    table = np.eye(10)[truth]
    pairs = paired(lambda: fit_all(features, table, False, penalties, steps), lambda: [alone(one) for one in penalties])
    print(f"linear probes, {len(penalties)} penalties, {features.shape[0]:,} x {features.shape[1]:,}: {pairs}")


def gradients() -> None:
    """HOG of many pictures at once, against scikit-image's of one after the other."""
    for side in (28, 36, 128):
        pictures = torch.rand(32, 3, side, side)
        encoder, each, cell = Hog((side, side)), pictures.permute(0, 2, 3, 1).numpy(), side // 8
        pairs = paired(
            lambda encoder=encoder, pictures=pictures: encoder(pictures),
            lambda each=each, cell=cell: [hog(one, 9, (cell, cell), (2, 2), channel_axis=-1) for one in each],
        )
        print(f"HOG of {len(pictures)} pictures of {side} px: {pairs}")


def paired(ours: Callable[[], object], theirs: Callable[[], object], times: int = 3) -> str:
    """Return seconds of CPU of both, taken in turns, and the median of their ratios."""
    found = []
    for _ in range(times + 1):
        moments = [time.process_time()]
        for work in (ours, theirs):
            work()
            moments.append(time.process_time())
        found.append(np.diff(moments))
    mine, other = np.array(found[1:]).T  # the first of all warms up
    return f"{np.median(mine):.3f} and {np.median(other):.3f} s of CPU, a ratio of {np.median(mine / other):.2f}"


def main() -> None:
    parts = {part.__name__: part for part in (key_points, retrieval, layers, probes, gradients)}
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
    for name in sys.argv[1:] or parts:
        parts[name]()


if __name__ == "__main__":
    main()
