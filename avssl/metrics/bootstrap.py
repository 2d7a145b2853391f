"""Differences between two rows of a table that saw the same labels and the same test videos."""

from dataclasses import dataclass

import numpy as np

from avssl.sampling import rng_for


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A paired difference of scores.

    Args:
        mean: over the label draws.
        error: standard error over the label draws.
        low: lower end of the bootstrap interval.
        high: upper end of the bootstrap interval.
        draws: how many label draws.
    """

    mean: float
    error: float
    low: float
    high: float
    draws: int

    def __str__(self) -> str:
        error = f" ± {100 * self.error:.1f}" if self.draws > 1 else ""  # one draw does not tell its error
        return f"{100 * self.mean:+.1f}{error} (95 % {100 * self.low:+.1f} to {100 * self.high:+.1f})"


def paired_difference(
    ours: np.ndarray, theirs: np.ndarray, video: np.ndarray, resamples: int = 2000, seed: int = 0
) -> Difference:
    """Return the difference of two mean scores, each the mean over joints of a joint's mean over pictures.

    The bootstrap draws label draws and test *videos* with replacement (frames of one video are not independent) and
    takes the 2.5th and 97.5th percentile.

    Args:
        ours: 1 for right, 0 for wrong, NaN where it does not count, ``(draws, pictures, joints)``.
        theirs: the same for the other row.
        video: which video each picture is from, whole numbers ``(pictures,)``.
        resamples: bootstrap draws.
        seed: fixes them.

    Raises:
        ValueError: if the arrays do not fit together.
    """
    if ours.shape != theirs.shape or ours.ndim != 3 or len(video) != ours.shape[1]:
        raise ValueError(f"needs two arrays (draws, pictures, joints) and a video a picture; got {ours.shape}, "
                         f"{theirs.shape}, {len(video)} videos")  # fmt: skip
    draws = len(ours)
    names, place = np.unique(video, return_inverse=True)
    counted = ~np.isnan(ours) & ~np.isnan(theirs)
    gain = np.where(counted, np.nan_to_num(ours) - np.nan_to_num(theirs), 0.0)
    sums = np.stack([np.bincount(place, column, len(names)) for column in _columns(gain)], 1)
    counts = np.stack([np.bincount(place, column, len(names)) for column in _columns(counted)], 1)
    sums, counts = (table.reshape(len(names), draws, -1).swapaxes(0, 1) for table in (sums, counts))

    each = np.array([_score(sums[i].sum(0), counts[i].sum(0)) for i in range(draws)])
    rng = rng_for(seed, epoch=0, sample=0)
    of_draws = rng.multinomial(draws, np.full(draws, 1 / draws), size=resamples)
    of_videos = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=resamples)
    # each draw keeps its own score, as in the mean; draws are then averaged by how often they were drawn
    per_draw = np.stack([_score(of_videos @ sums[i], of_videos @ counts[i]) for i in range(draws)], 1)
    spread = (per_draw * of_draws).sum(1) / draws
    low, high = np.percentile(spread, [2.5, 97.5])
    error = each.std(ddof=1) / np.sqrt(draws) if draws > 1 else float("nan")
    return Difference(mean=float(each.mean()), error=float(error), low=float(low), high=float(high), draws=draws)


def _columns(table: np.ndarray) -> np.ndarray:
    return table.swapaxes(0, 1).reshape(table.shape[1], -1).T.astype(np.float64)


def _score(sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the mean over the joints that count of each joint's mean, from ``(..., joints)``."""
    means = np.divide(sums, counts, out=np.zeros_like(sums), where=counts > 0)
    return means.sum(-1) / np.maximum((counts > 0).sum(-1), 1)
