"""The branch of a method that sees an item as nine patches in any order, as PIRL has it, and how patches are cut.

Misra and van der Maaten, "Self-Supervised Learning of Pretext-Invariant Representations" (PIRL), CVPR 2020, section 3,
https://arxiv.org/abs/1912.01991; numbers are those of VISSL's ``pirl_jigsaw_4node_resnet50.yaml``,
https://github.com/facebookresearch/vissl.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from avssl.nets import Encoder
from avssl.nets.clips import encode_clips
from avssl.transforms import Draws, Transform
from avssl.transforms.base import apply_views
from avssl.transforms.draws import numbered, stream_of
from avssl.transforms.tiles import Tiles

TILES = 9
TILE_STREAM, ORDER_STREAM = -17, -19  # last numbers of the keys that tiles and their order are drawn by


def plain_tiles(tile: int, gap: int) -> Tiles:
    """Return what cuts nine tiles as they are, without the guards that puzzles need.

    Args:
        tile: side of a tile, in pixels.
        gap: by how much its cell, anywhere in which it lies, is wider; pixels.
    """
    return Tiles(tile=tile, gap=gap, normalised=False, levelled=False, grey=0.0, channel_jitter=0)


def cut_tiles(tiles: Tiles, frames: Tensor, key: Tensor) -> Tensor:
    """Return the tiles of views ``(N, frames, 3, H, W)``, row by row, each a clip: ``(N, 9, frames, 3, tile, tile)``.

    All frames of a view are cut alike.
    """
    draws = Draws(key.repeat_interleave(frames.shape[1], 0))  # the same numbers for every frame
    return tiles(frames.flatten(0, 1), draws)[0].unflatten(0, frames.shape[:2]).transpose(1, 2)


class JigsawBranch(nn.Module):
    """Embeds the patches of a view, each by itself, and all nine together in an order drawn anew each time.

    So no place tells what is where, and no permutation is predicted. On clips the patches of all frames of a view share
    their places.

    Args:
        patch_head: maps an encoder's features of a patch to ``dim`` numbers.
        dim: length of a patch's embedding, and of the branch's.
        tile: side of a patch, in pixels.
        gap: by how much the cell of a patch, anywhere in which it lies, is wider; pixels.
        patch: the transforms of each patch by itself.
    """

    def __init__(self, patch_head: nn.Module, dim: int, tile: int, gap: int, patch: Sequence[Transform] = ()):
        super().__init__()
        self.patch, self.tiles = tuple(patch), plain_tiles(tile, gap)
        self.patch_head, self.jigsaw_head = patch_head, nn.Linear(TILES * dim, dim)

    def forward(self, encoder: Encoder, frames: Tensor, key: Tensor) -> Tensor:
        """Return embeddings ``(N, dim)`` of views.

        Args:
            encoder: of pictures or of clips.
            frames: of the views, float in [0, 1], ``(N, frames, 3, H, W)``.
            key: names each item, int64 ``(N, parts)``.

        Raises:
            ValueError: if the views are too small for nine patches.
        """
        return self.embed(encoder, self.patches_of(frames, key), key)

    def patches_of(self, frames: Tensor, key: Tensor) -> Tensor:
        """Return the patches of views, each as a clip, row by row of the grid, ``(N, 9, frames, 3, tile, tile)``."""
        tiles = cut_tiles(self.tiles, frames, stream_of(key, TILE_STREAM))
        own = Draws(numbered(stream_of(key, TILE_STREAM), TILES).flatten(0, 1))
        return apply_views(self.patch, tiles.flatten(0, 1), own, True).unflatten(0, (len(frames), TILES))

    def embed(self, encoder: Encoder, patches: Tensor, key: Tensor) -> Tensor:
        """Return embeddings ``(N, dim)`` of patches ``(N, 9, ...)``, whose order is drawn."""
        rows = self.patch_head(encode_clips(encoder, patches.flatten(0, 1))).unflatten(0, (-1, TILES))
        order = Draws(stream_of(key, ORDER_STREAM)).uniform(TILES).argsort(1)
        return self.jigsaw_head(torch.take_along_dim(rows, order[..., None], 1).flatten(1))
