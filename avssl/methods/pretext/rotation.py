"""Rotation: tell by how many quarters a picture was turned.

Gidaris, Singh and Komodakis, "Unsupervised Representation Learning by Predicting Image Rotations", ICLR 2018.
https://arxiv.org/abs/1803.07728
"""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avssl.methods.base import Batch, Method
from avssl.methods.inputs import pictures_of, view_pictures
from avssl.nets import Encoder
from avssl.transforms import Draws, Transform

QUARTERS = 4  # 0, 90, 180 and 270 degrees (section 2.1)


class Rotation(Method):
    """Four-way classification of how far a picture was turned; all four copies are in the batch (section 3.1).

    Turning by quarters moves pixels and interpolates none, so no resampling artefact tells the turn (section 2.2).

    Departure from the paper: the head is one linear layer on ``encoder.dim`` features whatever the encoder, where the
    paper adds the last layers of the architecture at hand.

    Args:
        encoder: maps pictures to ``(N, encoder.dim)`` features.
        views: transforms of the pictures before they are turned, in order; the four copies share one view.

    Examples:
        >>> from avssl.nets import SmallNet
        >>> method = Rotation(SmallNet(dim=16, width=4))
        >>> batch = {"frames": torch.zeros(4, 1, 1, 3, 32, 32, dtype=torch.uint8), "key": torch.zeros(4, 3).long()}
        >>> sorted(method(batch))
        ['accuracy', 'loss']
    """

    guards: ClassVar = ()
    chance = 1 / QUARTERS

    def __init__(self, encoder: Encoder, views: Sequence[Transform] = ()):
        super().__init__()
        self.encoder, self.views = encoder, tuple(views)
        self.head = nn.Linear(encoder.dim, QUARTERS)

    def forward(self, batch: Batch | Tensor) -> dict[str, Tensor]:
        """Judge every picture in all four turns.

        Args:
            batch: pictures, as `avssl.methods.inputs.as_batch` takes them: a dict, or a tensor alone.

        Returns:
            ``loss``, cross-entropy in nats (log 4 = 1.386 for a head that cannot decide); ``accuracy``, chance 0.25.

        Raises:
            ValueError: if pictures are not square: their turned copies would have another shape.
        """
        pictures, key = pictures_of(batch)
        turned = turns(view_pictures(pictures, Draws(key), self.views, self.training))
        scores = self.head(self.encoder(turned)).float()
        truth = torch.arange(QUARTERS, device=scores.device).repeat(len(pictures))
        return {"loss": F.cross_entropy(scores, truth), "accuracy": (scores.argmax(1) == truth).float().mean()}


def turns(pictures: Tensor) -> Tensor:
    """Return each picture turned by 0, 90, 180 and 270 degrees against the clock, ``(4 * N, 3, H, H)``.

    Raises:
        ValueError: if pictures are not square.
    """
    height, width = pictures.shape[-2:]
    if height != width:
        raise ValueError(
            f"rotation needs square pictures; got {height} x {width} pixels; set size=[{min(height, width)}, "
            f"{min(height, width)}] on the data, or add a Crop to the views"
        )
    return torch.stack([pictures.rot90(quarter, (-2, -1)) for quarter in range(QUARTERS)], 1).flatten(0, 1)
