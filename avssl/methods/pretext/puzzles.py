"""What puzzles of nine tiles share: which permutations are shown, how tiles are laid out, how answers are judged."""

import torch
from torch import Tensor
from torch.nn import functional as F

from avssl.methods.guards import Guard
from avssl.methods.pretext.permutations import TILES, distances
from avssl.transforms import Draws

GUARDS = (
    Guard(name="gap, channel_jitter", cue="Texture", off={"gap": 0, "channel_jitter": 0}, on={}),
    Guard(name="gap, channel_jitter", cue="Lines", off={"gap": 0, "channel_jitter": 0}, on={}),
    Guard(
        name="channel_jitter, grey",
        cue="Aberration",
        off={"channel_jitter": 0, "grey": 0.0},
        on={"grey": 1.0},
    ),
    Guard(
        name="normalised",
        cue="Light",
        off={"normalised": False, "levelled": False},
        on={"normalised": True},
    ),
    Guard(
        name="normalised, levelled",
        cue="Vignette",
        off={"normalised": False, "levelled": False},
        on={"normalised": True, "levelled": True},
    ),
)


def draw_permutations(draws: Draws, classes: int, count: int) -> Tensor:
    """Draw ``count`` different classes for each sample, all equally likely, int64 ``(samples, count)``.

    The circle of classes is cut into as many arcs at a drawn place, and one class is drawn out of each arc.

    Raises:
        ValueError: if there are not so many classes.
    """
    if not 1 <= count <= classes:
        raise ValueError(f"permutations_per_picture must be 1 to {classes}, the permutations there are; got {count}")
    ends = torch.arange(count + 1, device=draws.state.device) * classes // count
    within = (draws.uniform(count) * ends.diff()).long().minimum(ends.diff() - 1)
    return (draws.integers(1, low=0, high=classes - 1) + ends[:-1] + within) % classes


def permute_tiles(features: Tensor, order: Tensor) -> Tensor:
    """Lay out the features of tiles in the order of each puzzle.

    Args:
        features: ``(pictures, 9, dim)``.
        order: the tile that each place shows, int64 ``(pictures, puzzles, 9)``.

    Returns:
        ``(pictures, puzzles, 9, dim)``.
    """
    number = torch.arange(len(features), device=features.device)[:, None, None]
    return features[number, order]


def classification(scores: Tensor, truth: Tensor) -> dict[str, Tensor]:
    """Return ``loss``, cross-entropy in nats, and ``accuracy`` of scores ``(puzzles, classes)``."""
    return {"loss": F.cross_entropy(scores, truth), "accuracy": (scores.argmax(1) == truth).float().mean()}


def describe_permutations(permutations: Tensor) -> str:
    """Return a line on a set of permutations: chance, and the distances between them."""
    least, mean = distances(permutations.cpu().numpy())
    return (
        f"{len(permutations)} permutations of {TILES} tiles (chance {1 / len(permutations):.4f}), at least {least} and "
        f"on average {mean:.2f} places apart"
    )
