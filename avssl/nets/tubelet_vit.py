"""A vision transformer for clips and pictures whose tokens are small blocks of space and time, and may be left out.

Dosovitskiy et al., ICLR 2021, https://arxiv.org/abs/2010.11929; tubelets: Arnab et al., "ViViT", ICCV 2021,
https://arxiv.org/abs/2103.15691; as the encoder of masked learning: Tong et al., "VideoMAE", NeurIPS 2022,
https://arxiv.org/abs/2203.12602.
"""

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

from avssl.nets import feature_maps
from avssl.nets.encoders import Encoder, Takes
from avssl.nets.transformer import EPSILON, Block, Grid, at, coordinates, draw_weights, rotary, sincos
from avssl.transforms.tubelets import to_tubelets

Positions = Literal["sincos", "rotary"]


class TubeletViT(Encoder):
    """A vision transformer up to the mean of its tokens, normalised (``width`` numbers); it has no class token.

    Clips may have any number of frames that is a multiple of ``tubelet``, and frames any size whose sides are multiples
    of ``patch``: positions stand for parts of the clip, so those of other grids lie between. Blocks, and the norm
    behind the last one, are shown as maps of tokens; a cell looks at the middle of its block of pixels. Weights are
    called as in timm's transformers, whose blocks they take with tubelets of one frame; their learned positions and
    class token have no place here.

    Args:
        patch: side of a token in pixels.
        tubelet: its length in frames; 1 for pictures.
        width: numbers a token; a multiple of 2 and of ``heads``. ViT-S 384, ViT-B 768.
        depth: blocks.
        heads: of attention in each block.
        size: side in pixels of the frames whose positions are whole numbers.
        frames: of such a clip.
        positions: ``"sincos"`` of time, row and column, each by itself, added to the tokens; or ``"rotary"``: pairs of
            numbers of queries and keys are turned in each block (V-JEPA 2).
        takes: ``"clips"``, or ``"pictures"`` (then ``tubelet`` and ``frames`` are 1).

    Raises:
        ValueError: if sizes cannot be.

    Examples:
        >>> import torch
        >>> encoder = TubeletViT(patch=8, width=24, depth=2, heads=2, size=32)
        >>> encoder(torch.rand(2, 8, 3, 32, 32)).shape, encoder(torch.rand(2, 4, 3, 16, 24)).shape
        (torch.Size([2, 24]), torch.Size([2, 24]))
        >>> encoder.layers
        ('block1', 'block2', 'norm')
    """

    def __init__(
        self,
        patch: int = 16,
        tubelet: int = 2,
        width: int = 384,
        depth: int = 12,
        heads: int = 6,
        size: int = 224,
        frames: int = 16,
        positions: Positions = "sincos",
        takes: Takes = "clips",
    ):
        if takes == "pictures":
            tubelet = frames = 1
        numbers = (patch, tubelet, width, depth, heads, size, frames)
        if min(numbers) < 1 or size % patch or frames % tubelet or width % heads or width % 2 or width < 6:
            raise ValueError(
                "needs whole numbers of at least 1, size a multiple of patch, frames one of tubelet and width an even "
                f"one of heads, at least 6; got {patch=}, {tubelet=}, {width=}, {depth=}, {heads=}, {size=}, {frames=}"
            )
        if positions not in ("sincos", "rotary") or (positions == "rotary" and (width // heads) % 2):
            raise ValueError(
                f"needs positions 'sincos', or 'rotary' with an even width a head; got {positions!r}, {width // heads}"
            )
        reference = (frames // tubelet, size // patch, size // patch)
        trunk = Trunk(patch, tubelet, width, depth, heads, reference, positions, takes)
        places = {f"block{number}": f"blocks.{number - 1}" for number in range(1, depth + 1)}
        super().__init__(trunk, width, places | {"norm": "norm"})
        self.patch, self.tubelet, self.takes = patch, tubelet, takes

    @property
    def network(self) -> "Trunk":
        """The transformer."""
        assert isinstance(self.trunk, Trunk)
        return self.trunk

    def forward(self, images: Tensor) -> Tensor:
        """Return features ``(N, width)`` of clips ``(N, frames, 3, H, W)``, or of pictures ``(N, 3, H, W)``.

        Raises:
            ValueError: for the other kind, or for sides or frames that are no multiples.
        """
        return self.trunk(self.arranged(images))

    def arranged(self, images: Tensor) -> Tensor:
        """Return normalised clips ``(N, 3, frames, H, W)``, or pictures."""
        images = self.normalized(images)
        return images.transpose(1, 2) if self.takes == "clips" else images

    def tokens(self, images: Tensor, visible: Tensor | None = None) -> Tensor:
        """Return the normalised tokens, ``(N, tokens, width)``, in order of time, row and column.

        Args:
            images: as for ``forward``.
            visible: numbers of the tokens to look at, int64 ``(N, chosen)``; the others are as if they were not there.
        """
        return self.network.tokens(self.arranged(images), visible)

    def grid(self, images: Tensor) -> Grid:
        """Return how many tokens clips or pictures have along time, rows and columns."""
        frames = images.shape[1] if self.takes == "clips" else 1
        return self.network.grid(frames, *images.shape[-2:])

    def coordinates(self, grid: Grid) -> Tensor:
        """Return where the tokens of a grid are, ``(tokens, 3)``, see `avssl.nets.transformer.coordinates`."""
        return coordinates(grid, self.network.reference, self.mean.device)

    def tapped(self, layer: str, output: Tensor, images: Tensor) -> Tensor:
        """Return tokens as a map, ``(N, width, [times,] rows, columns)``."""
        grid = self.grid(images) if self.takes == "clips" else self.grid(images)[1:]
        shown = output.transpose(1, 2).unflatten(2, grid)
        if feature_maps.grid_of(output) is not None:  # asked where the cells look
            stride = tuple(map(float, (self.tubelet, self.patch, self.patch)))[-len(grid) :]
            feature_maps.mark(shown, feature_maps.Grid(stride, tuple((side - 1) / 2 for side in stride)))
        return shown


class Trunk(nn.Module):
    """The transformer: normalised clips ``(N, 3, frames, H, W)`` or pictures to ``(N, width)``."""

    def __init__(
        self,
        patch: int,
        tubelet: int,
        width: int,
        depth: int,
        heads: int,
        reference: Grid,
        positions: Positions,
        takes: Takes,
    ):
        super().__init__()
        self.patch, self.tubelet, self.width, self.heads = patch, tubelet, width, heads
        self.reference, self.positions, self.takes = reference, positions, takes
        sides = (patch, patch) if tubelet == 1 else (tubelet, patch, patch)
        proj = (nn.Conv2d if tubelet == 1 else nn.Conv3d)(3, width, sides, sides)  # pyright: ignore[reportArgumentType]
        self.patch_embed = nn.ModuleDict({"proj": proj})
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width, EPSILON)
        draw_weights(self)
        nn.init.xavier_uniform_(proj.weight.data.flatten(1))  # a view of the weights
        nn.init.zeros_(proj.bias)  # pyright: ignore[reportArgumentType]

    def forward(self, x: Tensor) -> Tensor:
        """Return the mean of the tokens, ``(N, width)``."""
        return self.tokens(x).mean(1)

    def tokens(self, x: Tensor, visible: Tensor | None = None) -> Tensor:
        """Return the normalised tokens, all or chosen ones, ``(N, tokens, width)``."""
        clips = x[:, :, None] if x.ndim == 4 else x
        grid = self.grid(*clips.shape[2:])
        places = coordinates(grid, self.reference, x.device)[None]
        blocks, turn = to_tubelets(clips.transpose(1, 2), self.tubelet, self.patch).flatten(2), None
        if visible is not None:
            blocks, places = at(blocks, visible), places[0][visible]
        proj = self.patch_embed["proj"]
        assert isinstance(proj, nn.Conv2d | nn.Conv3d)
        blocks = blocks.to(proj.weight.dtype)
        tokens = F.linear(blocks, proj.weight.flatten(1), proj.bias)  # a convolution of whole blocks, of chosen ones
        if self.positions == "sincos":
            tokens = tokens + sincos(places, self.width).to(tokens.dtype)
        else:
            turn = rotary(places, self.width // self.heads)
        for block in self.blocks:
            tokens = block(tokens, turn)
        return self.norm(tokens)

    def grid(self, frames: int, height: int, width: int) -> Grid:
        """Return how many tokens there are along time, rows and columns.

        Raises:
            ValueError: if blocks do not divide the clip.
        """
        if min(frames, height, width) < 1 or frames % self.tubelet or height % self.patch or width % self.patch:
            what = f"{frames} frames of {height} x {width} px" if self.takes == "clips" else f"{height} x {width} px"
            need = f"a multiple of {self.tubelet} frames and " if self.takes == "clips" else ""
            raise ValueError(
                f"TubeletViT takes {self.takes} of {need}sides that are multiples of its patch of {self.patch} px; got "
                f"{what}; change the sampler's frames, or the size or the crop of the data"
            )
        return frames // self.tubelet, height // self.patch, width // self.patch
