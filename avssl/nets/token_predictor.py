"""What stands behind an encoder of visible tokens: a small transformer that tells something of the hidden ones.

He et al., "Masked Autoencoders Are Scalable Vision Learners", CVPR 2022, section 3, https://arxiv.org/abs/2111.06377;
Tong et al., "VideoMAE", NeurIPS 2022; Bardes et al., "V-JEPA", section 3, https://arxiv.org/abs/2404.08471.
"""

import torch
from torch import Tensor, nn

from avssl.nets.transformer import EPSILON, Block, draw_weights, rotary, sincos


class TokenPredictor(nn.Module):
    """Visible tokens and, for each asked one, a token that only says where it is; all attend to all.

    Positions are added to the tokens, and turn queries and keys in each block: what is near is found sooner.

    Args:
        inputs: numbers of the encoder's tokens.
        outputs: numbers to tell of each token.
        width: of the blocks; even, and a multiple of ``heads``.
        depth: blocks.
        heads: of attention.
        kinds: how many kinds of masks, each with a token of its own for what is asked.

    Raises:
        ValueError: if sizes cannot be.
    """

    def __init__(self, inputs: int, outputs: int, width: int, depth: int, heads: int, kinds: int = 1):
        super().__init__()
        if min(width, depth, heads, kinds) < 1 or width % heads or width % 2 or width < 6:
            raise ValueError(
                "needs depth, heads and kinds of masks of at least 1 and an even width, a multiple of heads, of at "
                f"least 6; got {width=}, {depth=}, {heads=}, {kinds=}"
            )
        self.width, self.heads = width, heads
        self.inward = nn.Linear(inputs, width)
        self.asked = nn.Parameter(torch.zeros(kinds, width))
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norm, self.outward = nn.LayerNorm(width, EPSILON), nn.Linear(width, outputs)
        draw_weights(self)
        nn.init.trunc_normal_(self.asked, std=0.02)

    def forward(self, seen: Tensor, seen_at: Tensor, asked_at: Tensor, places: Tensor, kind: int = 0) -> Tensor:
        """Return what is told of the visible tokens, then of the asked ones, ``(N, visible + asked, outputs)``.

        Args:
            seen: the encoder's tokens, ``(N, visible, inputs)``.
            seen_at: their numbers, int64 ``(N, visible)``.
            asked_at: numbers of the asked tokens, int64 ``(N, asked)``.
            places: where all tokens are, ``(tokens, 3)``.
            kind: of mask.
        """
        positions = sincos(places, self.width).to(seen.dtype)
        asked = self.asked[kind] + positions[asked_at]
        tokens = torch.cat([self.inward(seen) + positions[seen_at], asked.to(seen.dtype)], 1)
        turn = rotary(places[torch.cat([seen_at, asked_at], 1)], self.width // self.heads)
        for block in self.blocks:
            tokens = block(tokens, turn)
        return self.outward(self.norm(tokens))
