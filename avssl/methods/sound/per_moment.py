"""Embeddings that keep time: a vector for each moment, side by side."""

from torch import Tensor, nn


class PerMoment(nn.Module):
    """The same small network over time makes a vector of each moment; put side by side they are the embedding.

    The product of two such embeddings is the sum of the products moment by moment: it grows with what happens at once.

    Args:
        inputs: channels of the features, each of which comes for ``moments`` moments, channel by channel.
        moments: how many.
        dim: length of the embedding, a multiple of ``moments``.
        hidden: channels of the layer before.

    Raises:
        ValueError: if features or embedding cannot be split into so many moments.

    Examples:
        >>> import torch
        >>> PerMoment(inputs=24, moments=4, dim=32)(torch.rand(2, 24)).shape
        torch.Size([2, 32])
    """

    def __init__(self, inputs: int, moments: int, dim: int, hidden: int = 64):
        super().__init__()
        if moments < 1 or inputs % moments or dim % moments:
            raise ValueError(
                f"features of {inputs} and embeddings of {dim} numbers cannot be split into {moments} moments: give "
                "both encoders the same moments as the method, and dim a multiple of it"
            )
        self.shape = (inputs // moments, moments)
        self.net = nn.Sequential(
            nn.Conv1d(inputs // moments, hidden, 3, padding=1), nn.ReLU(), nn.Conv1d(hidden, dim // moments, 1)
        )

    def forward(self, features: Tensor) -> Tensor:
        """Return embeddings ``(N, dim)`` of features ``(N, inputs)``."""
        return self.net(features.unflatten(1, self.shape)).flatten(1)
