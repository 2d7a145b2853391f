"""Jigsaw: tell in which order the nine tiles of a picture were laid out.

Noroozi and Favaro, "Unsupervised Learning of Visual Representations by Solving Jigsaw Puzzles", ECCV 2016.
https://arxiv.org/abs/1603.09246
"""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from avssl.methods.base import Batch, Method
from avssl.methods.inputs import pictures_of, view_pictures
from avssl.methods.pretext.permutations import TILES, Choice, permutation_set
from avssl.methods.pretext.puzzles import (
    GUARDS,
    classification,
    describe_permutations,
    draw_permutations,
    permute_tiles,
)
from avssl.nets import Encoder, MLPHead
from avssl.transforms import Draws, Transform
from avssl.transforms.tiles import Tiles


class Jigsaw(Method):
    """Classification of which permutation, out of a fixed set, nine tiles were laid out by ("The Jigsaw puzzle task").

    Tiles are encoded one by one by shared weights, and only their features are permuted: nine passes a picture however
    many puzzles it makes. The set of permutations is saved with the method.

    Departures from the paper: permutations are chosen by their least distance, and by the mean among equals, where
    algorithm 1 looks at the mean alone (``choice="max"``); one picture may give several puzzles in a batch, where the
    paper shows it anew in each epoch; the head is two layers on the nine features side by side, where the paper has fc7
    and fc8; tiles get the mean and deviation that pictures have, not 0 and 1, and one that is flat is not stretched;
    grey pictures show their green channel, as a mix of channels is smeared where a lens parts them; guards work in
    evaluation too, or the shortcuts would be open there again.

    Args:
        encoder: maps tiles to ``(N, encoder.dim)`` features.
        permutations: how many there are to tell apart ("Permutation set": up to 1000).
        choice: how they are chosen; see `avssl.methods.pretext.permutations.permutation_set`.
        permutations_per_picture: puzzles that each picture of a batch makes, all different.
        tile: side of a tile in pixels (the paper's: 64; "Implementation details").
        gap: room in a cell beside its tile, in pixels (the paper's: 11, in cells of 75; same place).
        normalised: give each channel of each tile the same mean and deviation ("Preventing shortcuts").
        levelled: take its slope off each tile too; beyond the paper, against pictures darker towards corners.
        grey: share of pictures that lose their colour ("Preventing shortcuts": 30 %).
        channel_jitter: pixels that each channel of a tile may be off, at most ("Preventing shortcuts": 2).
        hidden: width of the head's hidden layer (the paper's fc7: 4096).
        views: transforms of the pictures before tiles are cut, in order.
        seed: of the set of permutations.

    Raises:
        ValueError: for a number of permutations that cannot be, a tile below one pixel, lengths below zero, or a share
            outside [0, 1].

    Examples:
        >>> from avssl.nets import SmallNet
        >>> method = Jigsaw(SmallNet(dim=16, width=4), permutations=10, tile=8, gap=2)
        >>> batch = {"frames": torch.zeros(4, 1, 1, 3, 32, 32, dtype=torch.uint8), "key": torch.zeros(4, 3).long()}
        >>> sorted(method(batch))
        ['accuracy', 'loss']
    """

    guards: ClassVar = GUARDS
    permutations: Tensor

    def __init__(
        self,
        encoder: Encoder,
        permutations: int = 1000,
        choice: Choice = "apart",
        permutations_per_picture: int = 1,
        tile: int = 64,
        gap: int = 11,
        normalised: bool = True,
        levelled: bool = False,
        grey: float = 0.3,
        channel_jitter: int = 2,
        hidden: int = 256,
        views: Sequence[Transform] = (),
        seed: int = 0,
    ):
        super().__init__()
        self.tiles = Tiles(
            tile=tile, gap=gap, normalised=normalised, levelled=levelled, grey=grey, channel_jitter=channel_jitter
        )
        self.encoder, self.views, self.each = encoder, tuple(views), permutations_per_picture
        self.chance = 1 / permutations
        self.register_buffer("permutations", torch.tensor(permutation_set(permutations, choice, seed)))
        self.head = MLPHead(encoder.dim, TILES, classes=permutations, hidden=hidden)

    def forward(self, batch: Batch | Tensor) -> dict[str, Tensor]:
        """Judge the puzzles of every picture.

        Args:
            batch: pictures, as `avssl.methods.inputs.as_batch` takes them: a dict, or a tensor alone.

        Returns:
            ``loss``, cross-entropy in nats (the log of the number of permutations for a head that cannot decide);
            ``accuracy``, chance one in that number.

        Raises:
            ValueError: if the pictures are too small for the grid.
        """
        pictures, key = pictures_of(batch)
        draws = Draws(key)
        tiles, _ = self.tiles(view_pictures(pictures, draws, self.views, self.training), draws)
        features = self.encoder(tiles.flatten(0, 1)).unflatten(0, (-1, TILES))
        truth = draw_permutations(draws, len(self.permutations), self.each)
        puzzles = permute_tiles(features, self.permutations[truth])
        return classification(self.head(puzzles.flatten(0, 1)).float(), truth.flatten())

    def facts(self) -> list[str]:
        """Return a line on the permutations."""
        return [describe_permutations(self.permutations)]
