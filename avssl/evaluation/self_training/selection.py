"""Which items a student learns from, of those that a teacher labelled."""

from dataclasses import dataclass

import numpy as np

from avssl.config import ConfigError, Count, Positive, Share
from avssl.sampling import rng_for


@dataclass(frozen=True, kw_only=True)
class PseudoLabels:
    """How a teacher's answers become labels.

    Args:
        soft: labels are shares of all classes; False takes the surest class.
        threshold: the share of its surest class that an item, or a pixel, needs to count (Noisy Student: 0.3).
        balanced: each class gets as many items: its surest, or all of them copied up where it has fewer, as Noisy
            Student does (130,000 of each). Of classes of items alone; for pixels see ``method.balanced``.
        each: how many; None for the mean number over the classes that have any, rounded up.
        temperature: logits are divided by it before they become shares.

    Raises:
        ValueError: if a number cannot be.
    """

    soft: bool = False
    threshold: Share = 0.0
    balanced: bool = True
    each: Count | None = None
    temperature: Positive = 1.0

    def __post_init__(self):
        if not 0 <= self.threshold <= 1 or not self.temperature > 0 or (self.each is not None and self.each < 1):
            raise ValueError(
                "needs threshold in [0, 1], temperature above 0 and each of at least 1; got "
                f"{self.threshold}, {self.temperature} and {self.each}"
            )
        if self.each is not None and not self.balanced:
            raise ValueError(f"each={self.each} is a number for every class; it goes with balanced=true")


def count_copies(sure: np.ndarray, guesses: np.ndarray, how: PseudoLabels, seed: int) -> np.ndarray:
    """Return how often each item is learned from, int64 ``(items,)``, 0 for never.

    Args:
        sure: share of each item's surest class, ``(items,)``; NaN for an item that could not be read.
        guesses: that class, ``(items,)``.
        how: threshold and balance.
        seed: of the copies that do not come out even.

    Raises:
        ConfigError: if no item is sure enough, or all that are sure are of one class.
    """
    kept = np.nan_to_num(sure, nan=-1.0) >= how.threshold
    if not kept.any():
        most = f"the surest has {np.nanmax(sure):.4g}" if np.isfinite(sure).any() else "none could be read"
        raise ConfigError(
            f"pseudo.threshold: no item is confident: of {len(sure)} none reaches {how.threshold:g}, {most}; lower it, "
            "or teach the teacher longer"
        )
    found = np.unique(guesses[kept])
    if len(found) < 2:
        raise ConfigError(
            f"pseudo: all {kept.sum()} confident items are guessed to be of one class (number {found[0]}), of which "
            "nothing can be learned; teach the teacher longer, or lower pseudo.threshold"
        )
    if not how.balanced:
        return kept.astype(np.int64)
    each = how.each or -(-int(kept.sum()) // len(found))
    copies = np.zeros(len(sure), np.int64)
    for label in found.tolist():
        mine = np.flatnonzero(kept & (guesses == label))
        mine = mine[np.argsort(-sure[mine], kind="stable")]
        if len(mine) >= each:
            copies[mine[:each]] = 1
            continue
        times, rest = divmod(each, len(mine))
        copies[mine] = times
        copies[rng_for(seed, 0, label).permutation(mine)[:rest]] += 1
    return copies
