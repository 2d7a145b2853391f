"""Sets of permutations of nine tiles that lie far apart.

Noroozi and Favaro, "Unsupervised Learning of Visual Representations by Solving Jigsaw Puzzles", ECCV 2016,
algorithm 1 and "Permutation set". https://arxiv.org/abs/1603.09246
"""

import math
from functools import lru_cache
from itertools import permutations
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from avssl.transforms import Draws

TILES = 9
ALL = math.factorial(TILES)  # 362,880
Choice = Literal["apart", "max", "middle", "min"]


@lru_cache(maxsize=8)
def permutation_set(count: int, choice: Choice = "apart", seed: int = 0) -> NDArray[np.int64]:
    """Choose permutations one by one, each looking at all that were chosen before it.

    Numbers are hashes of the seed, so that a set is the same on every machine. A longer set begins with the shorter.

    Args:
        count: how many.
        choice: which comes next. ``"apart"`` is the one whose least Hamming distance to those chosen is greatest, and
            among equals the one of the greatest mean distance. The paper's algorithm 1 knows the mean distance alone:
            ``"max"`` takes the greatest, ``"middle"`` and ``"min"`` (its ablation) the middle and the least.
        seed: names the order in which equals are met, and the first permutation.

    Returns:
        ``(count, 9)``, not to be written to: place ``j`` of puzzle ``i`` shows tile ``[i, j]``.

    Raises:
        ValueError: for fewer than two permutations, or more than there are.

    Examples:
        >>> distances(permutation_set(9))
        (9, 9.0)
    """
    if not 2 <= count <= ALL:
        raise ValueError(f"a set has 2 to {ALL:,} permutations of nine tiles; got {count}")
    known = candidates(seed)
    least = np.full(ALL, TILES, np.int8)  # distance of each candidate to the nearest that was chosen
    total = np.zeros(ALL, np.int32)  # and to all of them together
    chosen = [0]
    for _ in range(count - 1):
        last = np.zeros(ALL, np.int8)
        for places in known:
            last += places != places[chosen[-1]]
        np.minimum(least, last, out=least)
        total += last
        chosen.append(following(least, total, choice))
    found = known[:, chosen].T.astype(np.int64)
    found.setflags(write=False)
    return found


def following(least: NDArray[np.int8], total: NDArray[np.int32], choice: Choice) -> int:
    """Return the candidate that comes next; of equals the first."""
    if choice == "apart":
        farthest = np.flatnonzero(least == least.max())
        return int(farthest[total[farthest].argmax()])
    free = np.flatnonzero(least)
    means = total[free]
    if choice == "max":
        return int(free[means.argmax()])
    if choice == "min":
        return int(free[means.argmin()])
    return int(free[(means == np.partition(means, len(means) // 2)[len(means) // 2]).argmax()])


@lru_cache(maxsize=2)
def candidates(seed: int) -> NDArray[np.int8]:
    """Return all permutations in an order that the seed names, ``(9, 362880)``: one row per place."""
    known = np.array(list(permutations(range(TILES))), np.int8)
    order = Draws(torch.tensor([[seed]])).uniform(ALL)[0].numpy().argsort(kind="stable")
    return np.ascontiguousarray(known[order].T)


def distances(chosen: NDArray[np.int64]) -> tuple[int, float]:
    """Return the least and the mean Hamming distance between permutations ``(count, 9)`` of a set, in places."""
    apart = np.concatenate([(chosen[number + 1 :] != row).sum(1) for number, row in enumerate(chosen)])
    return int(apart.min()), float(apart.mean())
