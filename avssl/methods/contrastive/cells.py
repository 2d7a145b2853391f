"""Networks of views behind methods that look inside an encoder: at the cells of a map, or at several stages."""

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor, nn

from avssl.nets import Encoder
from avssl.nets.clips import encode_maps

PIECES = 9  # tiles of a view


class Cells(NamedTuple):
    """What a view is made of.

    Attributes:
        cells: embeddings of the cells of a map, row by row, ``(N, cells, dim)``.
        backbone: what they were made of, ``(N, cells, channels)``.
        whole: embeddings of whole views, ``(N, dim)``.
        shape: rows and columns of the map.
    """

    cells: Tensor
    backbone: Tensor
    whole: Tensor
    shape: tuple[int, int]


class CellEmbedder(nn.Module):
    """An encoder, a head for the cells of one of its maps, and one for its features, as one network of views.

    A linear map of each cell is a 1x1 convolution, and batch statistics over the cells of all items are those of
    two-dimensional batch normalisation.

    Args:
        encoder: of pictures or of clips; maps are averaged over the frames of a clip (`avssl.nets.clips.encode_maps`).
        layer: whose map is compared.
        dense: head of its cells.
        whole: head of the encoder's features; None leaves them as they are.
    """

    def __init__(self, encoder: Encoder, layer: str, dense: nn.Module, whole: nn.Module | None):
        super().__init__()
        self.encoder, self.layer, self.dense, self.whole = encoder, layer, dense, whole or nn.Identity()

    def forward(self, frames: Tensor) -> Cells:
        """Return what views ``(N, frames, 3, H, W)`` are made of."""
        features, (values,) = encode_maps(self.encoder, frames, [self.layer])
        backbone = values.flatten(2).mT
        cells = self.dense(backbone.flatten(0, 1)).unflatten(0, backbone.shape[:2])
        return Cells(cells, backbone, self.whole(features), (values.shape[2], values.shape[3]))


class Stages(nn.Module):
    """An encoder with heads behind several of its layers, for whole views and for views cut in tiles.

    Args:
        encoder: of pictures or of clips.
        layers: whose maps are averaged over places.
        heads: one a layer, for whole views.
        local_heads: one a layer, for the features of nine tiles side by side.
    """

    def __init__(self, encoder: Encoder, layers: Sequence[str], heads: nn.ModuleList, local_heads: nn.ModuleList):
        super().__init__()
        self.encoder, self.layers, self.heads, self.local_heads = encoder, tuple(layers), heads, local_heads

    def forward(self, frames: Tensor) -> list[Tensor]:
        """Return embeddings, ``(N, dim)`` a layer, of views ``(N, frames, 3, H, W)`` or of tiles, ``(N, 9, ...)``."""
        tiled = frames.ndim == 6
        _, maps = encode_maps(self.encoder, frames.flatten(0, 1) if tiled else frames, self.layers)
        rows = [values.mean((2, 3)) for values in maps]
        rows = [each.unflatten(0, (-1, PIECES)).flatten(1) for each in rows] if tiled else rows
        return [head(each) for head, each in zip(self.local_heads if tiled else self.heads, rows, strict=True)]
