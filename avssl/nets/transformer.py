"""Blocks of a transformer, named as in timm, and positions in space and time that fit any grid of tokens.

Vaswani et al., "Attention Is All You Need", NeurIPS 2017, https://arxiv.org/abs/1706.03762; Dosovitskiy et al., ICLR
2021, https://arxiv.org/abs/2010.11929; rotary positions: Su et al., "RoFormer", https://arxiv.org/abs/2104.09864.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

EPSILON = 1e-6  # of the norms, as in timm and the authors' code of MAE and VideoMAE
LONGEST = 10_000.0  # of the wave lengths, over 2 pi
Grid = tuple[int, int, int]  # tokens along time, rows and columns


class Attention(nn.Module):
    """Attention of all tokens to all, in several heads; torch's own kernels."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, tokens: Tensor, turn: Tensor | None = None) -> Tensor:
        """Return tokens ``(N, tokens, width)``; ``turn`` as `rotary` gives it, or None."""
        queries, keys, values = self.qkv(tokens).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        if turn is not None:
            queries, keys = turned(queries, turn), turned(keys, turn)
        return self.proj(F.scaled_dot_product_attention(queries, keys, values).transpose(1, 2).flatten(2))


class Block(nn.Module):
    """Attention and two layers, each behind a norm and beside what came in."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.norm1, self.attn = nn.LayerNorm(width, EPSILON), Attention(width, heads)
        self.norm2, self.mlp = nn.LayerNorm(width, EPSILON), nn.Sequential()
        for name, part in (
            ("fc1", nn.Linear(width, 4 * width)),
            ("act", nn.GELU()),
            ("fc2", nn.Linear(4 * width, width)),
        ):
            self.mlp.add_module(name, part)

    def forward(self, tokens: Tensor, turn: Tensor | None = None) -> Tensor:
        """Return tokens ``(N, tokens, width)``."""
        tokens = tokens + self.attn(self.norm1(tokens), turn)
        return tokens + self.mlp(self.norm2(tokens))


@torch.no_grad()
def draw_weights(network: nn.Module) -> None:
    """Draw linear maps uniformly after Glorot, queries, keys and values apart, with biases of 0 (as MAE's code)."""
    for module in network.modules():
        if isinstance(module, nn.Linear):
            nn.init.zeros_(module.bias)
            nn.init.xavier_uniform_(module.weight)
        if isinstance(module, Attention):
            for part in module.qkv.weight.chunk(3):
                nn.init.xavier_uniform_(part)


def coordinates(grid: Grid, reference: Grid, device: torch.device | None = None) -> Tensor:
    """Return where tokens are in time, row and column, ``(tokens, 3)``, time first in order.

    A grid as large as the reference has whole numbers from 0 on; others are spread over the same range, so that what
    was learned on one grid is interpolated on another.

    Examples:
        >>> coordinates((1, 1, 4), (1, 1, 2))[:, 2].tolist()
        [-0.25, 0.25, 0.75, 1.25]
    """
    axes = [
        (torch.arange(count, device=device) + 0.5) * (kept / count) - 0.5
        for count, kept in zip(grid, reference, strict=True)
    ]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).flatten(0, 2)


def sincos(places: Tensor, width: int) -> Tensor:
    """Return positions ``(..., width)`` of places ``(..., 3)``: sines and cosines of each axis by itself.

    Rows and columns have a third of the numbers each (an even number), time the rest.

    Raises:
        ValueError: for an odd width, or one below 6.
    """
    if width % 2 or width < 6:
        raise ValueError(f"positions need an even width of at least 6; got {width}")
    third = width // 6 * 2
    made = []
    for axis, numbers in enumerate((width - 2 * third, third, third)):
        frequencies = LONGEST ** (-torch.arange(numbers // 2, device=places.device) / (numbers // 2))
        angles = places[..., axis, None] * frequencies
        made += [angles.sin(), angles.cos()]
    return torch.cat(made, -1)


def rotary(places: Tensor, head: int) -> Tensor:
    """Return by which angles the pairs of numbers of a head are turned, ``(..., head / 2)``, at places ``(..., 3)``.

    Time, rows and columns take turns among the pairs, from fast to slow.
    """
    pairs = torch.arange(head // 2, device=places.device)
    frequencies = LONGEST ** (-(pairs // 3) / (-(-head // 6)))
    return places[..., pairs % 3] * frequencies


def turned(vectors: Tensor, turn: Tensor) -> Tensor:
    """Return queries or keys ``(N, heads, tokens, numbers)`` turned by angles ``(N or 1, tokens, numbers / 2)``."""
    cosine, sine = (part.to(vectors.dtype)[:, None] for part in (turn.cos(), turn.sin()))
    even, odd = vectors[..., ::2], vectors[..., 1::2]
    return torch.stack([even * cosine - odd * sine, even * sine + odd * cosine], -1).flatten(-2)


def at(rows: Tensor, places: Tensor) -> Tensor:
    """Return rows by number, ``(N, chosen, ...)``.

    Args:
        rows: ``(N, tokens, ...)``.
        places: int64 ``(N, chosen)``.
    """
    index = places.view(*places.shape, *[1] * (rows.ndim - 2)).expand(*places.shape, *rows.shape[2:])
    return rows.gather(1, index)
