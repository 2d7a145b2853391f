"""Clusters that nobody is in any more: what a loss may not show."""

from collections.abc import Mapping

from torch import Tensor


def count_used(logits: Tensor) -> int:
    """Return how many clusters are the surest one of some item, of logits ``(N, clusters)``."""
    return len(logits.argmax(1).unique())


def lost_clusters(scores: Mapping[str, float], start: Mapping[str, float]) -> list[str]:
    """Return a line for each data set of which fewer clusters are used than at the start.

    Args:
        scores: measured now, ``clusters`` of each data set among them, as ``train/clusters``.
        start: the same at the start.
    """
    return [
        f"warning: {scores[name]:.0f} clusters of {name.partition('/')[0]} are used, and {start[name]:.0f} were at the "
        "start: items of the others have gone over to them"
        for name in scores
        if name.endswith("/clusters") and scores[name] < start.get(name, 0)
    ]
