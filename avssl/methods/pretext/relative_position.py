"""Relative position: tell where a patch lies around another one.

Doersch, Gupta and Efros, "Unsupervised Visual Representation Learning by Context Prediction", ICCV 2015.
https://arxiv.org/abs/1505.05192
"""

from collections.abc import Sequence
from typing import ClassVar, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from avssl.methods.base import Batch, Method
from avssl.methods.guards import Guard
from avssl.methods.inputs import pictures_of, view_pictures
from avssl.nets import Encoder, MLPHead
from avssl.transforms import Draws, Transform
from avssl.transforms.patches import SIDE, coarsen, drop_colour, grid_patches, level, project_colour

MIDDLE = SIDE * SIDE // 2
AROUND = [cell for cell in range(SIDE * SIDE) if cell != MIDDLE]  # the eight places (section 3)


class RelativePosition(Method):
    """Eight-way classification of where a patch lies around the middle one, from the features of both.

    Nine patches are encoded once each by shared weights, and give eight pairs, one for each place: nine passes a
    picture, and classes that are equally frequent. Each guard against shortcuts of section 3.1 can be switched off.

    Departures from the paper: all eight pairs of a grid are used where the paper draws one at a time; the head is two
    layers on the two features side by side, where the paper's late fusion has fc7 to fc9; guards work in evaluation
    too, or the shortcuts would be open there again.

    Args:
        encoder: maps patches to ``(N, encoder.dim)`` features.
        patch: side of a patch in pixels (the paper's: 96).
        gap: between patches, in pixels (the paper's: 48, half a patch; section 3.1).
        jitter: a patch lies at most so many pixels off its cell (the paper's: 7; section 3.1).
        colour: ``"project"`` takes out the axis from green to magenta, ``"drop"`` all but one channel, ``"keep"`` none.
        centred: take the mean colour off each patch (section 3.1).
        levelled: instead, take off each patch its slope too, and even out the contrast; beyond the paper, for pictures
            that are darker towards their corners.
        coarse: share of patches that are shrunk to as little as 10 x 10 pixels and back.
        hidden: width of the head's hidden layer.
        views: transforms of the pictures before patches are cut, in order.

    Raises:
        ValueError: for lengths below zero, a patch below one pixel, or a share outside [0, 1].

    Examples:
        >>> from avssl.nets import SmallNet
        >>> method = RelativePosition(SmallNet(dim=16, width=4), patch=8, gap=2, jitter=1)
        >>> batch = {"frames": torch.zeros(4, 1, 1, 3, 32, 32, dtype=torch.uint8), "key": torch.zeros(4, 3).long()}
        >>> sorted(method(batch))
        ['accuracy', 'loss']
    """

    guards: ClassVar = (
        Guard(name="gap, jitter", cue="Texture", off={"gap": 0, "jitter": 0}, on={}),
        Guard(name="gap, jitter", cue="Lines", off={"gap": 0, "jitter": 0}, on={}),
        Guard(name="colour", cue="Aberration", off={"colour": "keep"}, on={"colour": "drop"}),
        Guard(name="centred", cue="Light", off={"centred": False}, on={"centred": True}),
        Guard(
            name="centred, levelled",
            cue="Vignette",
            off={"centred": False, "levelled": False},
            on={"centred": True, "levelled": True},
        ),
    )
    chance = 1 / len(AROUND)

    def __init__(
        self,
        encoder: Encoder,
        patch: int = 96,
        gap: int = 48,
        jitter: int = 7,
        colour: Literal["project", "drop", "keep"] = "project",
        centred: bool = True,
        levelled: bool = False,
        coarse: float = 0.0,
        hidden: int = 256,
        views: Sequence[Transform] = (),
    ):
        super().__init__()
        if patch < 1 or gap < 0 or jitter < 0 or not 0 <= coarse <= 1:
            raise ValueError(
                "needs patch of at least 1, gap and jitter of at least 0 and coarse in [0, 1]; "
                f"got {patch=}, {gap=}, {jitter=}, {coarse=}"
            )
        self.encoder, self.patch, self.gap, self.jitter = encoder, patch, gap, jitter
        self.colour, self.centred, self.levelled = colour, centred, levelled
        self.coarse, self.views = coarse, tuple(views)
        self.head = MLPHead(encoder.dim, 2, classes=len(AROUND), hidden=hidden)

    def forward(self, batch: Batch | Tensor) -> dict[str, Tensor]:
        """Judge the eight pairs of every picture.

        Args:
            batch: pictures, as `avssl.methods.inputs.as_batch` takes them: a dict, or a tensor alone.

        Returns:
            ``loss``, cross-entropy in nats (log 8 = 2.079 for a head that cannot decide); ``accuracy``, chance 0.125.

        Raises:
            ValueError: if the pictures are too small for the grid.
        """
        pictures, key = pictures_of(batch)
        features = self.encoder(self.patches(pictures, Draws(key)).flatten(0, 1)).unflatten(0, (-1, SIDE * SIDE))
        pairs = torch.stack([features[:, [MIDDLE] * len(AROUND)], features[:, AROUND]], 2).flatten(0, 1)
        scores = self.head(pairs).float()
        truth = torch.arange(len(AROUND), device=scores.device).repeat(len(pictures))
        return {"loss": F.cross_entropy(scores, truth), "accuracy": (scores.argmax(1) == truth).float().mean()}

    def patches(self, pictures: Tensor, draws: Draws) -> Tensor:
        """Return what the encoder sees of pictures, ``(pictures, 9, 3, patch, patch)``, row by row."""
        shown = view_pictures(pictures, draws, self.views, self.training)
        patches = grid_patches(shown, draws, self.patch, self.gap, self.jitter)
        if self.colour == "project":
            patches = project_colour(patches)
        elif self.colour == "drop":
            patches = drop_colour(patches, draws)
        if self.levelled:
            patches = level(patches)
        elif self.centred:  # grey stands for the mean, as pictures in [0, 1] have no zero mean
            patches = patches - patches.mean((-2, -1), keepdim=True) + 0.5
        return coarsen(patches, draws, self.coarse)
