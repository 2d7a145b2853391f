"""Which pictures are labelled: draws that are nested, the same for every row, and spread over pictures and groups."""

import numpy as np

from avssl.evaluation.keypoints.people import People
from avssl.sampling import rng_for


def label_order(people: People, seed: int, draw: int) -> np.ndarray:
    """Return the order in which items are labelled, by one picture of each, ``(items,)``, so that draws are nested.

    Nobody else of a picture file is labelled before every file has somebody labelled, nor a second item of a group
    (a film, a source video) before every group has one: labels that look alike teach little.

    Args:
        people: the training pictures.
        seed: fixes the draws.
        draw: which draw.
    """
    rng = rng_for(seed, epoch=draw, sample=0)
    rows = np.argsort(people.video, kind="stable")
    starts = np.flatnonzero(np.diff(people.video[rows], prepend=-1))
    counts = np.diff(np.append(starts, len(rows)))
    chosen = rows[starts + np.array([rng.integers(count) for count in counts])]
    chosen = chosen[rng.permutation(len(chosen))]
    files = np.unique(people.paths, return_inverse=True)[1][people.video]
    chosen = chosen[np.argsort(_earlier(files[chosen]), kind="stable")]
    chosen = chosen[np.argsort(_earlier(people.independent[chosen]), kind="stable")]
    return chosen[np.argsort(_earlier(files[chosen]), kind="stable")]


def _earlier(values: np.ndarray) -> np.ndarray:
    """Return how many equal values come before each, ``(values,)``.

    Examples:
        >>> _earlier(np.array([7, 3, 7, 7, 3]))
        array([0, 0, 1, 2, 1])
    """
    order = np.argsort(values, kind="stable")
    starts = np.flatnonzero(np.diff(values[order], prepend=np.nan))
    counts = np.diff(np.append(starts, len(values)))
    found = np.empty(len(values), dtype=np.int64)
    found[order] = np.arange(len(values)) - np.repeat(starts, counts)
    return found
