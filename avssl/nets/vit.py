"""A vision transformer, with what MoCo v3 and DINO need of it: fixed patches, sin-cos positions, pictures of any size.

Dosovitskiy et al., "An Image is Worth 16x16 Words", ICLR 2021, https://arxiv.org/abs/2010.11929; Chen, Xie and He
(MoCo v3), https://arxiv.org/abs/2104.02057; Caron et al. (DINO), https://arxiv.org/abs/2104.14294.
"""

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models.vision_transformer import VisionTransformer

from avssl.nets.encoders import Encoder
from avssl.nets.feature_maps import Grid, grid_of, mark

Positions = Literal["learned", "sincos"]


class ViT(Encoder):
    """A vision transformer up to its class token, normalised (``width`` numbers).

    Torchvision's, whose keys its weights carry. Initial weights are those of MoCo v3's code: uniform after Glorot, with
    queries, keys and values apart. Pictures may have any size whose sides are multiples of the patch: learned positions
    are interpolated (bicubic, as in DINO), those of sines and cosines made anew. Blocks are shown as maps of patches;
    a cell looks at the middle of its patch.

    Args:
        patch: side of a patch in pixels.
        width: numbers a token; a multiple of ``heads``, for sin-cos positions of 4 too. ViT-S 384, ViT-B 768.
        depth: blocks.
        heads: of attention in each block: 12 in MoCo v3; DINO's ViT-S has 6.
        size: side in pixels of the pictures that positions are kept for.
        frozen_patches: keep the projection of patches as it was drawn.
        positions: ``"learned"``, or ``"sincos"``, which stay as they are.

    Raises:
        ValueError: if sizes cannot be.

    Examples:
        >>> encoder = ViT(patch=7, width=32, depth=2, heads=4, size=28)
        >>> encoder(torch.rand(2, 3, 28, 28)).shape, encoder(torch.rand(2, 3, 14, 14)).shape
        (torch.Size([2, 32]), torch.Size([2, 32]))
        >>> encoder.layers
        ('block1', 'block2')
    """

    def __init__(
        self,
        patch: int = 16,
        width: int = 384,
        depth: int = 12,
        heads: int = 12,
        size: int = 224,
        frozen_patches: bool = False,
        positions: Positions = "learned",
    ):
        if min(patch, width, depth, heads, size) < 1 or size % patch or width % heads:
            raise ValueError(
                "needs patch, width, depth and heads of at least 1, a size that is a multiple of patch and a width "
                f"that is one of heads; got {patch=}, {width=}, {depth=}, {heads=}, {size=}"
            )
        if positions not in ("learned", "sincos") or (positions == "sincos" and width % 4):
            raise ValueError(
                "needs positions 'learned', or 'sincos' with a width that is a multiple of 4; got "
                f"{positions!r} and width={width}"
            )
        trunk = Trunk(size, patch, depth, heads, width, positions)
        trunk.conv_proj.requires_grad_(not frozen_patches)
        places = {f"block{number}": f"encoder.layers.encoder_layer_{number - 1}" for number in range(1, depth + 1)}
        super().__init__(trunk, width, places)
        self.patch = patch

    def tapped(self, layer: str, output: Tensor, images: Tensor) -> Tensor:
        """Return the tokens of patches as a map, ``(N, width, rows, columns)``."""
        rows, columns = (side // self.patch for side in images.shape[-2:])
        shown = output[:, 1:].transpose(1, 2).unflatten(2, (rows, columns))
        if grid_of(output) is not None:  # asked where the cells look
            mark(shown, Grid((float(self.patch),) * 2, ((self.patch - 1) / 2,) * 2))
        return shown


class Trunk(VisionTransformer):
    """Torchvision's transformer without its classifier, for pictures of several sizes."""

    def __init__(self, size: int, patch: int, depth: int, heads: int, width: int, positions: Positions):
        super().__init__(size, patch, depth, heads, width, mlp_dim=4 * width)
        self.heads, self.fixed = nn.Identity(), positions == "sincos"
        self.draw_weights()
        if self.fixed:
            side, kept = size // patch, self.encoder.pos_embedding
            kept.data.copy_(with_class_token(sincos(side, side, width)))
            kept.requires_grad_(False)

    @torch.no_grad()
    def draw_weights(self) -> None:
        """Draw initial weights as MoCo v3 does."""
        for module in self.modules():
            if isinstance(module, nn.MultiheadAttention):
                assert module.in_proj_weight is not None
                for part in module.in_proj_weight.chunk(3):
                    nn.init.xavier_uniform_(part)
            elif isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
        nn.init.normal_(self.class_token, std=1e-6)
        assert isinstance(self.conv_proj, nn.Conv2d)
        bound = math.sqrt(6 / (3 * self.patch_size**2 + self.hidden_dim))
        nn.init.uniform_(self.conv_proj.weight, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        """Return the class tokens of normalised pictures ``(N, 3, H, W)``, ``(N, width)``."""
        height, width = x.shape[-2:]
        if height % self.patch_size or width % self.patch_size or not height or not width:
            raise ValueError(
                f"ViT takes pictures whose sides are multiples of its patch of {self.patch_size} px; got "
                f"{height} x {width} px"
            )
        patches = self.conv_proj(x)
        tokens = torch.cat([self.class_token.expand(len(x), -1, -1), patches.flatten(2).transpose(1, 2)], 1)
        tokens = tokens + self.positions(*patches.shape[-2:]).to(tokens.dtype)
        return self.encoder.ln(self.encoder.layers(self.encoder.dropout(tokens)))[:, 0]

    def positions(self, rows: int, columns: int) -> Tensor:
        """Return what is added to the tokens of a grid of patches, ``(1, 1 + rows * columns, width)``."""
        kept, side = self.encoder.pos_embedding, self.image_size // self.patch_size
        if (rows, columns) == (side, side):
            return kept
        if self.fixed:
            return with_class_token(sincos(rows, columns, self.hidden_dim, kept.device))
        grid = kept[:, 1:].float().transpose(1, 2).unflatten(2, (side, side))
        grid = F.interpolate(grid, size=(rows, columns), mode="bicubic", align_corners=False)
        return torch.cat([kept[:, :1].float(), grid.flatten(2).transpose(1, 2)], 1)


def sincos(rows: int, columns: int, width: int, device: torch.device | None = None) -> Tensor:
    """Return positions of a grid by sines and cosines, ``(rows * columns, width)``, row by row.

    A quarter of the numbers each: sine and cosine of the row times each frequency, then of the column; frequencies fall
    from 1 to nearly 1 / 10,000, as in MoCo v3's code.

    Raises:
        ValueError: if the width is no multiple of 4.
    """
    if width % 4:
        raise ValueError(f"sin-cos positions need a width that is a multiple of 4; got {width}")
    quarter = width // 4
    frequencies = 10_000.0 ** (-torch.arange(quarter, device=device) / quarter)
    row, column = (torch.arange(count, device=device)[:, None] * frequencies for count in (rows, columns))
    down = torch.cat([row.sin(), row.cos()], 1)[:, None].expand(-1, columns, -1)
    across = torch.cat([column.sin(), column.cos()], 1)[None].expand(rows, -1, -1)
    return torch.cat([down, across], 2).flatten(0, 1)


def with_class_token(places: Tensor) -> Tensor:
    """Return positions with that of the class token, 0, first, ``(1, 1 + N, width)``."""
    return torch.cat([torch.zeros_like(places[:1]), places])[None]
