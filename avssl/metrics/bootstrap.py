"""Paired differences of scores, with a bootstrap over runs (draws of labels, seeds) and groups of test items."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from avssl.sampling import rng_for

Resampled = tuple[float, np.ndarray]  # a score, and the scores of resamples (resamples,)


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A paired difference of scores, in the units of the score.

    Args:
        mean: over runs.
        error: standard error over runs; NaN of a single one.
        low: 2.5th percentile of the bootstrap.
        high: 97.5th percentile of the bootstrap.
        draws: how many runs.
    """

    mean: float
    error: float
    low: float
    high: float
    draws: int


def paired_difference(
    ours: np.ndarray, theirs: np.ndarray, group: np.ndarray, resamples: int = 2000, seed: int = 0
) -> Difference:
    """Return the difference of two mean scores, each the mean over columns of a column's mean over items.

    The bootstrap draws runs and *groups* of items with replacement (frames of one video are not independent).

    Args:
        ours: score of each item, such as 1 for right and 0 for wrong, NaN where it does not count,
            ``(runs, items, columns)``.
        theirs: the same for the other row.
        group: name or number of the group of each item, ``(items,)``.
        resamples: how many.
        seed: fixes them.

    Raises:
        ValueError: if the arrays do not fit together.
    """
    if ours.shape != theirs.shape or ours.ndim != 3 or len(group) != ours.shape[1]:
        raise ValueError(f"needs two arrays (runs, items, columns) and a group for each item; got {ours.shape}, "
                         f"{theirs.shape}, {len(group)} groups")  # fmt: skip
    runs = len(ours)
    names, place = np.unique(group, return_inverse=True)
    counted = ~np.isnan(ours) & ~np.isnan(theirs)
    gain = np.where(counted, np.nan_to_num(ours) - np.nan_to_num(theirs), 0.0)
    sums = np.stack([np.bincount(place, column, len(names)) for column in _columns(gain)], 1)
    counts = np.stack([np.bincount(place, column, len(names)) for column in _columns(counted)], 1)
    sums, counts = (table.reshape(len(names), runs, -1).swapaxes(0, 1) for table in (sums, counts))

    each = np.array([_mean(sums[run].sum(0), counts[run].sum(0)) for run in range(runs)])
    of_runs, of_groups = _draw_both(seed, runs, len(names), resamples)
    per_run = np.stack([_mean(of_groups @ sums[run], of_groups @ counts[run]) for run in range(runs)], 1)
    return _difference(each, per_run, of_runs)


def item_weights(group: np.ndarray, resamples: int = 1000, seed: int = 0) -> np.ndarray:
    """Return how often each item counts when groups are drawn with replacement, ``(resamples, items)``.

    Args:
        group: name or number of the group of each item, ``(items,)``.
        resamples: how many.
        seed: fixes them.
    """
    names, place = np.unique(group, return_inverse=True)
    return _draw(rng_for(seed, epoch=0, sample=0), len(names), resamples)[:, place]


def weighted_difference(ours: Sequence[Resampled], theirs: Sequence[Resampled], seed: int = 0) -> Difference:
    """Return the difference of two scores that are no means over items, such as average precision.

    Args:
        ours: of each run the score, and the scores when items count as often as `item_weights` says.
        theirs: the same for the other row.
        seed: fixes the draws of runs, a stream apart from that of `item_weights`. `paired_difference` draws both from
            one stream, runs first: neither is better, and each keeps the digits that were reported with it.
    """
    pairs = list(zip(ours, theirs, strict=True))
    each = np.array([one[0] - other[0] for one, other in pairs])
    per_run = np.stack([one[1] - other[1] for one, other in pairs], 1)
    return _difference(each, per_run, _draw(rng_for(seed, epoch=0, sample=1), len(pairs), len(per_run)))


@lru_cache(maxsize=1)  # the rows of a table are compared on the same draws
def _draw_both(seed: int, runs: int, groups: int, resamples: int) -> tuple[np.ndarray, np.ndarray]:
    """Return how often runs and groups count, float64 ``(resamples, parts)`` each, from one stream."""
    rng = rng_for(seed, epoch=0, sample=0)
    of_runs, of_groups = (_draw(rng, parts, resamples).astype(np.float64) for parts in (runs, groups))
    for draws in (of_runs, of_groups):
        draws.flags.writeable = False
    return of_runs, of_groups


def _draw(rng: np.random.Generator, parts: int, resamples: int) -> np.ndarray:
    """Return how often each of so many parts is drawn when as many are drawn with replacement."""
    return rng.multinomial(parts, np.full(parts, 1 / parts), size=resamples)


def _difference(each: np.ndarray, per_run: np.ndarray, of_runs: np.ndarray) -> Difference:
    """Return the difference of runs ``(runs,)``, resampled ``(resamples, runs)``; each run keeps its own score."""
    runs = len(each)
    low, high = np.nanpercentile((per_run * of_runs).sum(1) / runs, [2.5, 97.5])
    error = each.std(ddof=1) / np.sqrt(runs) if runs > 1 else float("nan")
    return Difference(mean=float(each.mean()), error=float(error), low=float(low), high=float(high), draws=runs)


def _columns(table: np.ndarray) -> np.ndarray:
    return table.swapaxes(0, 1).reshape(table.shape[1], -1).T.astype(np.float64)


def _mean(sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the mean over the columns that count of each column's mean, from ``(..., columns)``."""
    means = np.divide(sums, counts, out=np.zeros_like(sums), where=counts > 0)
    return means.sum(-1) / np.maximum((counts > 0).sum(-1), 1)
