"""The grid of patches that CPC of pictures sees, and the network that sums up its rows from above.

Henaff et al., "Data-Efficient Image Recognition with Contrastive Predictive Coding", ICML 2020, the pseudo-code in the
appendix, https://arxiv.org/abs/1905.09272.
"""

from torch import Tensor, nn


def cut_grid(pictures: Tensor, grid: int, patch: int, stride: int) -> Tensor:
    """Return the patches of a grid in the middle of pictures, row by row, ``(N, grid * grid, 3, patch, patch)``.

    Args:
        pictures: ``(N, 3, H, W)``.
        grid: patches a side.
        patch: side of a patch in pixels.
        stride: from patch to patch in pixels.

    Raises:
        ValueError: if pictures are smaller than the grid.
    """
    need = patch + (grid - 1) * stride
    height, width = pictures.shape[-2:]
    if min(height, width) < need:
        raise ValueError(
            f"a grid of {grid} x {grid} patches of {patch} px, {stride} px apart, needs pictures of {need} x {need} "
            f"px; got {height} x {width}; load them larger, or set a smaller grid, patch or stride"
        )
    top, left = (height - need) // 2, (width - need) // 2
    whole = pictures[..., top : top + need, left : left + need]
    return whole.unfold(2, patch, stride).unfold(3, patch, stride).permute(0, 2, 3, 1, 4, 5).flatten(1, 2)


class Context(nn.Module):
    """Masked convolutions over a grid of features: what stands in a row knows this row and those above, none below.

    Version 2's pseudo-code: each block adds to its input a 1x1 convolution, ReLU, one of 1x3, one of 2x1 that looks up,
    ReLU and 1x1; a ReLU ends it.

    Args:
        dim: channels of the features.
        hidden: channels within a block.
        blocks: how many; each looks one row further up.
    """

    def __init__(self, dim: int, hidden: int, blocks: int):
        super().__init__()
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(dim, hidden, 1),
                nn.ReLU(),
                nn.Conv2d(hidden, hidden, (1, 3), padding=(0, 1)),
                nn.ZeroPad2d((0, 0, 1, 0)),  # a row of zeros on top: outputs look up, never down
                nn.Conv2d(hidden, hidden, (2, 1)),
                nn.ReLU(),
                nn.Conv2d(hidden, dim, 1),
            )
            for _ in range(blocks)
        )

    def forward(self, features: Tensor) -> Tensor:
        """Return the context of each place, as ``features`` ``(N, dim, rows, columns)``."""
        for block in self.blocks:
            features = features + block(features)
        return features.relu()
