"""Heads that judge a few features together, such as the frames of a tuple."""

from itertools import combinations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avssl.losses.precision import product, wide


class LinearHead(nn.Module):
    """One linear layer on the concatenated features.

    It is additive: the score is a sum of one term a frame, so it cannot tell whether one frame lies
    *between* two others.

    Args:
        dim: length of a feature.
        members: features judged together.
        classes: scores given.
        dropout: chance of dropping a feature value.
    """

    def __init__(self, dim: int, members: int, classes: int = 2, dropout: float = 0.0):
        super().__init__()
        self.layers = nn.Sequential(nn.Dropout(dropout), nn.Linear(members * dim, classes))

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(N, members, dim)`` to scores, ``(N, classes)``."""
        return self.layers(features.flatten(1))


class MLPHead(nn.Module):
    """Two layers on the concatenated features.

    Args:
        dim: length of a feature.
        members: features judged together.
        classes: scores given.
        hidden: width of the hidden layer.
        dropout: chance of dropping a hidden value.
    """

    def __init__(self, dim: int, members: int, classes: int = 2, hidden: int = 128, dropout: float = 0.0):
        super().__init__()
        self.layers = two_layers(members * dim, hidden, classes, dropout)

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(N, members, dim)`` to scores, ``(N, classes)``."""
        return self.layers(features.flatten(1))


class RelationHead(nn.Module):
    """Two layers on the features and on the absolute difference of each pair of them.

    Args:
        dim: length of a feature.
        members: features judged together.
        classes: scores given.
        hidden: width of the hidden layer.
        dropout: chance of dropping a hidden value.

    Examples:
        >>> RelationHead(dim=8, members=3)(torch.rand(4, 3, 8)).shape
        torch.Size([4, 2])
    """

    def __init__(self, dim: int, members: int, classes: int = 2, hidden: int = 128, dropout: float = 0.0):
        super().__init__()
        self.pairs = list(combinations(range(members), 2))
        self.layers = two_layers((members + len(self.pairs)) * dim, hidden, classes, dropout)

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(N, members, dim)`` to scores, ``(N, classes)``."""
        differences = torch.stack([(features[:, i] - features[:, j]).abs() for i, j in self.pairs], 1)
        return self.layers(torch.cat([features, differences], 1).flatten(1))


class PairHead(nn.Module):
    """A layer for each pair of the features, then one on all pairs, like a sort by comparisons.

    Lee et al., "Unsupervised Representation Learning by Sorting Sequences", ICCV 2017, section 3.2*,
    https://arxiv.org/abs/1708.01246 (*: the section from memory).

    Args:
        dim: length of a feature.
        members: features judged together.
        classes: scores given.
        hidden: width of each pair's layer.
        differences: whether a pair's layer also sees the absolute differences of the two; the paper's does not.
        shared: whether one layer serves all pairs; in the paper each pair has its own.
        dropout: chance of dropping a hidden value.

    Examples:
        >>> PairHead(dim=8, members=4, classes=12)(torch.rand(5, 4, 8)).shape
        torch.Size([5, 12])
    """

    def __init__(
        self,
        dim: int,
        members: int,
        classes: int,
        hidden: int = 64,
        differences: bool = True,
        shared: bool = False,
        dropout: float = 0.0,
    ):
        super().__init__()
        self.pairs, self.differences = list(combinations(range(members), 2)), differences
        inputs = (3 if differences else 2) * dim
        self.layers = nn.ModuleList(nn.Linear(inputs, hidden) for _ in (self.pairs[:1] if shared else self.pairs))
        self.last = nn.Sequential(nn.Dropout(dropout), nn.Linear(hidden * len(self.pairs), classes))

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(N, members, dim)`` to scores, ``(N, classes)``."""
        found = []
        for number, (i, j) in enumerate(self.pairs):
            one, other = features[:, i], features[:, j]
            seen = [one, other, (one - other).abs()] if self.differences else [one, other]
            found.append(F.relu(self.layers[min(number, len(self.layers) - 1)](torch.cat(seen, 1))))
        return self.last(torch.cat(found, 1))


def two_layers(inputs: int, hidden: int, outputs: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, hidden, bias=False),
        nn.BatchNorm1d(hidden),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(hidden, outputs),
    )


class Prototypes(nn.Module):
    """Cosines with unit vectors that are learned, such as those of SwAV and DINO.

    Args:
        dim: length of the features.
        count: of the vectors.

    Raises:
        ValueError: if a size is not at least 1.

    Examples:
        >>> import torch
        >>> Prototypes(dim=8, count=5)(torch.rand(2, 8)).shape
        torch.Size([2, 5])
    """

    def __init__(self, dim: int, count: int):
        super().__init__()
        if min(dim, count) < 1:
            raise ValueError(f"needs dim and count of at least 1; got {dim} and {count}")
        self.count = count
        self.weight = nn.Parameter(F.normalize(torch.randn(count, dim), dim=1))

    def forward(self, features: Tensor) -> Tensor:
        """Return cosines ``(N, count)``, in [-1, 1], of features ``(N, dim)`` of any length; float32 at least."""
        return product(F.normalize(wide(features), dim=1), F.normalize(wide(self.weight), dim=1).T)
