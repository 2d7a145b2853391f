"""Which training items are labelled: all, a share, or so many a class; nested, and the same for every row."""

import numpy as np

from avssl.config import ConfigError
from avssl.evaluation.probes.base import Labels
from avssl.sampling import rng_for


def labelled(labels: Labels, shots: str | int, draw: int, seed: int) -> np.ndarray:
    """Return the rows of the training items that are labelled, in order.

    Draws are nested: 1 % of a draw is within its 10 %. Each class keeps at least one item.

    Args:
        labels: what the training items are.
        shots: ``"all"``, a share such as ``"10%"``, or a number of items for each class.
        draw: which draw.
        seed: fixes the draws.

    Raises:
        ConfigError: if that is no number of items, or a class has fewer.
    """
    if shots == "all":
        return np.arange(len(labels))
    rng = rng_for(seed, epoch=draw, sample=0)
    order = rng.permutation(len(labels))
    table = np.nan_to_num(labels.table)
    chosen: set[int] = set()
    for label in range(table.shape[1]):
        mine = order[table[order, label] > 0]
        count = number_of(shots, len(mine))
        if count > len(mine):
            raise ConfigError(
                f"evaluator.shots: {shots} items of each class are asked for, but {labels.classes[label]!r} has only "
                f"{len(mine)}; ask for fewer"
            )
        chosen.update(mine[:count].tolist())
    return np.array(sorted(chosen))


def number_of(shots: str | int, size: int) -> int:
    """Return how many of a class's ``size`` items are labelled.

    Examples:
        >>> number_of("10%", 30), number_of("1%", 30), number_of("1%", 0), number_of(5, 30)
        (3, 1, 0, 5)
    """
    text = str(shots)
    try:
        if text.endswith("%"):
            share = float(text.removesuffix("%")) / 100
            if 0 < share <= 1:
                return max(min(1, size), round(share * size))
        elif int(text) > 0:
            return int(text) if size else 0
    except ValueError:
        pass
    raise ConfigError(f"evaluator.shots: {shots!r} is neither all, a share such as 10%, nor a number of items a class")
