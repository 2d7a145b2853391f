"""Tiles of a 3 x 3 grid for puzzles, and the guards that keep low-level cues from solving them.

Noroozi and Favaro, "Unsupervised Learning of Visual Representations by Solving Jigsaw Puzzles", ECCV 2016,
"Preventing shortcuts". https://arxiv.org/abs/1603.09246
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from avssl.transforms.base import check_chance, constant
from avssl.transforms.draws import Draws
from avssl.transforms.patches import SIDE, level

GREEN = 1  # what grey pictures show: a mix of channels would be smeared where lenses part them, which tells the place
MIDDLE, DEVIATION = 0.5, 0.25  # of a normalised tile: about those of pictures in [0, 1], which encoders expect
LEVEL = 1 / 255  # a tile that varies by less than one grey level is flat; its noise is not blown up


@dataclass(frozen=True, kw_only=True)
class Tiles:
    """Cuts nine tiles out of each picture, one out of each cell of a grid that lies at a drawn place.

    The numbers drawn for a picture do not depend on which guards are on.

    Attributes:
        tile: side of a tile, in pixels.
        gap: by how much a cell is wider than its tile, which lies anywhere in it; pixels. Neighbours are so much apart
            on average, and up to twice as much. At 0, edges go on from tile to tile.
        normalised: give each channel of each tile the same mean and deviation.
        levelled: take its slope off each tile too; beyond the paper, against pictures darker towards corners.
        grey: share of pictures that lose their colour, all nine tiles alike; they show their green channel alone.
        channel_jitter: each channel of a tile is moved at most so many pixels along each axis, within its cell (the rim
            is repeated where the cell ends); pictures that lost their colour keep their channels together.

    Raises:
        ValueError: for a tile below one pixel, lengths below zero, or a share outside [0, 1].
    """

    tile: int
    gap: int
    normalised: bool
    levelled: bool
    grey: float
    channel_jitter: int

    def __post_init__(self):
        check_chance(self.grey)
        if self.tile < 1 or self.gap < 0 or self.channel_jitter < 0:
            raise ValueError(
                "needs tile of at least 1, gap and channel_jitter of at least 0; "
                f"got tile={self.tile}, gap={self.gap}, channel_jitter={self.channel_jitter}"
            )

    def __call__(self, pictures: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
        """Cut tiles.

        Args:
            pictures: float in [0, 1], ``(N, 3, H, W)``.
            draws: the source of chance, one stream a picture.

        Returns:
            Tiles row by row, ``(N, 9, 3, tile, tile)``, and which pictures lost their colour, bool ``(N,)``.

        Raises:
            ValueError: if the pictures are too small for the grid.
        """
        grey = draws.uniform() < self.grey
        shown = pictures[:, GREEN, None].where(grey.view(-1, 1, 1, 1), pictures)
        tiles = self.cut(shown, grey, draws)
        if self.levelled:
            return level(tiles), grey
        return normalise(tiles) if self.normalised else tiles, grey

    def cut(self, pictures: Tensor, still: Tensor, draws: Draws) -> Tensor:
        """Return tiles as they are, ``(N, 9, 3, tile, tile)``; channels of ``still`` pictures stay together."""
        cell = self.tile + self.gap
        height, width = pictures.shape[-2:]
        if min(height, width) < SIDE * cell:
            raise ValueError(
                f"nine tiles of {self.tile} px in cells of {cell} px need pictures of {SIDE * cell} x {SIDE * cell} "
                f"px; got {height} x {width}; load them larger, or set a smaller tile or gap"
            )
        device = pictures.device
        room = constant([height - SIDE * cell, width - SIDE * cell], device, pictures.dtype)
        corner = (draws.uniform(1, 2) * (room + 1)).long().minimum(room.long())
        along = torch.arange(SIDE, device=device)
        cells = corner + torch.cartesian_prod(along, along) * cell
        place = draws.integers(SIDE * SIDE, 1, 2, low=0, high=self.gap)
        moved = draws.integers(SIDE * SIDE, 3, 2, low=-self.channel_jitter, high=self.channel_jitter)
        starts = place + moved.masked_fill(still.view(-1, 1, 1, 1), 0)  # (N, 9, 3, 2), from the cell's corner
        inside = (starts[..., None] + torch.arange(self.tile, device=device)).clamp(0, cell - 1)
        rows, columns = (cells[:, :, None, :, None] + inside).unbind(3)
        number = torch.arange(len(pictures), device=device).view(-1, 1, 1, 1, 1)
        channel = torch.arange(3, device=device).view(3, 1, 1)
        return pictures[number, channel, rows[..., :, None], columns[..., None, :]]


def normalise(tiles: Tensor) -> Tensor:
    """Give each channel of each tile ``(..., H, W)`` the same mean and deviation ("Preventing shortcuts").

    They are 0.5 and 0.25 where the paper has 0 and 1, so that encoders see tiles in the range of pictures.
    """
    centred = tiles - tiles.mean((-2, -1), keepdim=True)
    deviation = centred.square().mean((-2, -1), keepdim=True).sqrt()
    return MIDDLE + DEVIATION * centred / deviation.clamp(min=LEVEL)
