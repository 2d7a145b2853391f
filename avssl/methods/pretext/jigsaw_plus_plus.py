"""Jigsaw++: tell in which order tiles were laid out, when some of them are another picture's.

Noroozi, Vinjimoor, Favaro and Pirsiavash, "Boosting Self-Supervised Learning via Knowledge Transfer", CVPR 2018,
"The Jigsaw++ pretext task". https://arxiv.org/abs/1805.00385
"""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from avssl.methods.base import Batch, Method
from avssl.methods.inputs import as_batch, owners_of, pictures_of, view_pictures
from avssl.methods.pretext.permutations import TILES, Choice, distances, permutation_set
from avssl.methods.pretext.puzzles import (
    GUARDS,
    classification,
    describe_permutations,
    draw_permutations,
    permute_tiles,
)
from avssl.methods.recordings import in_company
from avssl.nets import Encoder, MLPHead
from avssl.transforms import Draws, Transform
from avssl.transforms.tiles import Tiles


class JigsawPlusPlus(Method):
    """Jigsaw in which 0 to 2 tiles, at drawn places, are tiles of another picture of the batch.

    Permutations differ at more places than can be foreign, so that the tiles left always have one answer: if two
    permutations fitted them, they would differ at foreign places alone. The paper drops permutations until they differ
    at 3 places or more, and has 701; here 701 are chosen as far apart as a greedy search gets, which is 5.

    Foreign tiles come from one picture, of another recording than the puzzle's (frames of one video do not serve each
    other), and of its kind, grey or in colour, or colour would give them away. A puzzle that finds no such picture in
    its batch keeps its own tiles. They are exchanged among features: nine passes a picture, as in `Jigsaw`.

    Departures from the paper: those of `Jigsaw`; the paper does not say how foreign tiles and grey pictures meet, nor
    which tiles of the other picture are taken: here any, drawn without their places.

    Args:
        encoder: maps tiles to ``(N, encoder.dim)`` features.
        permutations: how many there are to tell apart.
        choice: how they are chosen; see `avssl.methods.pretext.permutations.permutation_set`.
        foreign: most tiles of a puzzle that are another picture's; 0 to so many are equally likely.
        permutations_per_picture: puzzles that each picture of a batch makes, all different.
        tile: side of a tile in pixels.
        gap: room in a cell beside its tile, in pixels.
        normalised: give each channel of each tile the same mean and deviation.
        levelled: take its slope off each tile too; beyond the paper, against pictures darker towards corners.
        grey: share of pictures that lose their colour (the paper: 70 %).
        channel_jitter: pixels that each channel of a tile may be off, at most.
        hidden: width of the head's hidden layer.
        views: transforms of the pictures before tiles are cut, in order.
        seed: of the set of permutations.

    Raises:
        ValueError: if permutations differ at too few places for so many foreign tiles, and as `Jigsaw` does.

    Examples:
        >>> from avssl.nets import SmallNet
        >>> method = JigsawPlusPlus(SmallNet(dim=16, width=4), permutations=10, tile=8, gap=2)
        >>> key = torch.tensor([[0, 0, index] for index in range(4)])
        >>> sorted(method({"frames": torch.zeros(4, 1, 1, 3, 32, 32, dtype=torch.uint8), "key": key}))
        ['accuracy', 'foreign', 'loss']
    """

    guards: ClassVar = GUARDS
    permutations: Tensor

    def __init__(
        self,
        encoder: Encoder,
        permutations: int = 701,
        choice: Choice = "apart",
        foreign: int = 2,
        permutations_per_picture: int = 1,
        tile: int = 64,
        gap: int = 11,
        normalised: bool = True,
        levelled: bool = False,
        grey: float = 0.7,
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
        self.foreign = foreign
        self.least_recordings = 2 if foreign else 1
        chosen = permutation_set(permutations, choice, seed)
        least, _ = distances(chosen)
        if not 0 <= foreign < least:
            raise ValueError(
                f"foreign must be 0 to {least - 1}, as the {permutations} permutations differ at {least} places at "
                f"least and those of more foreign tiles cannot be told apart; got {foreign}; set fewer, or choice=apart"
            )
        self.register_buffer("permutations", torch.tensor(chosen))
        self.head = MLPHead(encoder.dim, TILES, classes=permutations, hidden=hidden)

    def forward(self, batch: Batch | Tensor) -> dict[str, Tensor]:
        """Judge the puzzles of every picture.

        Args:
            batch: pictures, as `avssl.methods.inputs.as_batch` takes them: a dict, or a tensor alone.

        Returns:
            ``loss``, cross-entropy in nats (the log of the number of permutations for a head that cannot decide);
            ``accuracy``, chance one in that number; ``foreign``, tiles of other pictures in a puzzle, the mean.

        Raises:
            ValueError: if the pictures are too small for the grid, or a batch to learn from holds one recording alone.
        """
        batch = as_batch(batch)
        pictures, key = pictures_of(batch)
        owners = owners_of(batch)
        if self.training and self.foreign and (owners == owners[0]).all():
            raise ValueError(
                "Jigsaw++ takes tiles from other pictures of the batch, and all here are of one recording; set "
                "batch_size to 2 or more, or method.foreign=0"
            )
        draws = Draws(key)
        tiles, grey = self.tiles(view_pictures(pictures, draws, self.views, self.training), draws)
        features = self.encoder(tiles.flatten(0, 1)).unflatten(0, (-1, TILES))
        truth = draw_permutations(draws, len(self.permutations), self.each)
        swaps = foreign_tiles(draws, owners, grey, self.each, self.foreign)
        puzzles = permute_tiles(features, self.permutations[truth])
        puzzles = features[swaps.donors[..., None], swaps.tiles].where(swaps.places[..., None], puzzles)
        scores = self.head(puzzles.flatten(0, 1)).float()
        return classification(scores, truth.flatten()) | {"foreign": swaps.places.sum(2).float().mean()}

    @torch.no_grad()
    def measure(self, batches: Iterable[Any]) -> dict[str, float]:
        """Return the mean of what ``forward`` returns; a lone last item joins its neighbour, or none gave it tiles."""
        return super().measure(in_company(batches))

    def facts(self) -> list[str]:
        """Return a line on the permutations."""
        return [describe_permutations(self.permutations)]


class Swaps(NamedTuple):
    """Which tiles of puzzles are another picture's.

    Attributes:
        places: True where a tile is foreign, bool ``(pictures, puzzles, 9)``.
        donors: the picture it comes from, int64 ``(pictures, puzzles)``.
        tiles: which of that picture's tiles would lie at each place, int64 ``(pictures, puzzles, 9)``.
    """

    places: Tensor
    donors: Tensor
    tiles: Tensor


def foreign_tiles(draws: Draws, items: Tensor, grey: Tensor, puzzles: int, most: int) -> Swaps:
    """Draw which tiles of each puzzle are foreign, and whose they are.

    Args:
        draws: the source of chance, one stream a picture.
        items: the recording of each picture, int64 ``(pictures,)``; no picture gives tiles to another of its own.
        grey: pictures without colour, bool ``(pictures,)``; they give to their like alone.
        puzzles: that each picture makes.
        most: greatest number of foreign tiles; 0 to so many are equally likely.
    """
    fits = (items[:, None] != items) & (grey[:, None] == grey)
    able = fits.sum(1, keepdim=True)
    rank = (draws.uniform(puzzles) * able).long().minimum(able - 1)  # -1 where nobody fits
    donors = torch.searchsorted(fits.long().cumsum(1), rank + 1).clamp(max=len(items) - 1)
    count = draws.integers(puzzles, 1, low=0, high=most).where(able[..., None] > 0, 0)
    places = ranks(draws.uniform(puzzles, TILES)) < count
    return Swaps(places, donors, ranks(draws.uniform(puzzles, TILES)))


def ranks(numbers: Tensor) -> Tensor:
    """Return how many numbers of a row are smaller than each, a permutation drawn from numbers ``(..., 9)``."""
    return numbers.argsort(dim=-1, stable=True).argsort(-1)
