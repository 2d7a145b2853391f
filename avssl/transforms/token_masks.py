"""Which tokens of a clip are hidden: tubes, single tokens, whole frames, running cells, and blocks in space.

Tong et al., "VideoMAE", NeurIPS 2022, section 3.2 (tubes, frames, random), https://arxiv.org/abs/2203.12602; Wang et
al., "VideoMAE V2", CVPR 2023, section 3.2 (running cells), https://arxiv.org/abs/2303.16727; Bardes et al., "V-JEPA",
section 3.2 (blocks), https://arxiv.org/abs/2404.08471.

Tokens are numbered by time, then row, then column.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from avssl.config import Recorded
from avssl.distributed import all_gather
from avssl.transforms.draws import Draws

Mask = Literal["tube", "random", "frame"]
Equal = Literal["exact", "prefix", "random"]
Grid = tuple[int, int, int]  # tokens along time, rows and columns
CELL = 4  # places of a running cell, two by two


class Hidden(NamedTuple):
    """Numbers of the visible and the hidden tokens of each clip, in order, int64 ``(N, visible)``, ``(N, hidden)``."""

    visible: Tensor
    hidden: Tensor


def token_mask(draws: Draws, grid: Grid, mask: Mask, ratio: float) -> Hidden:
    """Hide a share of the tokens, the same number in each clip.

    Args:
        draws: the only source of chance, one stream a clip.
        grid: tokens along time, rows and columns.
        mask: ``"tube"``: the same places at all times; ``"random"``: any tokens; ``"frame"``: all places of some times.
        ratio: share that is hidden, rounded down to whole places, tokens or times.

    Raises:
        ValueError: if nothing, or everything, would be hidden.

    Examples:
        >>> found = token_mask(Draws(torch.tensor([[0, 0, 7]])), (2, 1, 4), "tube", 0.75)
        >>> bool(found.visible[0, 1] == found.visible[0, 0] + 4), found.hidden.shape
        (True, torch.Size([1, 6]))
    """
    times, places = grid[0], grid[1] * grid[2]
    units = {"tube": places, "random": times * places, "frame": times}[mask]
    away = int(units * ratio + 1e-6)
    if not 0 < away < units:
        what = {"tube": "places", "random": "tokens", "frame": "times"}[mask]
        raise ValueError(
            f"a {mask} mask of ratio {ratio:g} hides {away} of {units} {what} of a grid of {grid} tokens and leaves "
            f"{'nothing to tell' if not away else 'nothing to look at'}; change the ratio, or use smaller patches or "
            "larger clips"
        )
    order = draws.uniform(units).argsort(dim=1, stable=True)
    return Hidden(*(spread_out(part.sort(1).values, grid, mask) for part in order.split([units - away, away], 1)))


def spread_out(chosen: Tensor, grid: Grid, mask: Mask) -> Tensor:
    """Return the numbers of all tokens of chosen places, tokens or times, ``(N, tokens)``."""
    times, places = grid[0], grid[1] * grid[2]
    if mask == "random":
        return chosen
    if mask == "frame":
        return (chosen[:, :, None] * places + torch.arange(places, device=chosen.device)).flatten(1)
    return (torch.arange(times, device=chosen.device)[:, None] * places + chosen[:, None]).flatten(1)


def running_cells(draws: Draws, grid: Grid, share: float) -> Tensor:
    """Return the tokens that a decoder makes: some of each cell of two by two places, others at each time.

    Args:
        draws: as for `token_mask`; they choose with which place of the cells a clip begins.
        grid: with even rows and columns.
        share: of the tokens: 0.25, 0.5 or 0.75.

    Returns:
        Numbers of tokens, visible ones among them, int64 ``(N, share of the tokens)``.

    Raises:
        ValueError: for another share, or a grid that cells do not fill.
    """
    if share * CELL not in (1, 2, 3) or grid[1] % 2 or grid[2] % 2:
        raise ValueError(
            "running cells of two by two places need a share of 0.25, 0.5 or 0.75 and an even number of rows and "
            f"columns; got {share:g} and a grid of {grid} tokens"
        )
    device = draws.state.device
    time, row, column = torch.meshgrid(*(torch.arange(count, device=device) for count in grid), indexing="ij")
    place = row % 2 * 2 + column % 2
    turn = (place + time + draws.integers(1, 1, 1, low=0, high=CELL - 1)) % CELL
    kept = int(share * len(place.flatten()))
    return (turn.flatten(1) < share * CELL).int().argsort(dim=1, descending=True, stable=True)[:, :kept]


class BlockMask(Recorded):
    """Blocks of places, hidden at all times, as V-JEPA's; all blocks of a clip have the same size.

    Clips of a batch must have equally many tokens. The released code cuts all to the shortest of the batch, by dropping
    the *last* tokens: mostly late ones, and the more, the larger the batch. ``equal`` chooses:

    - ``"exact"``: so many places are visible in every clip (``visible``): those that the fewest blocks cover, by chance
      among equals. What a clip looks like does not depend on its batch, and no host waits for its device.
    - ``"prefix"``: as released; over all processes here, where each had its own shortest.
    - ``"random"``: cut to the shortest, by dropping any tokens.

    At least one place stays visible.

    Args:
        blocks: how many.
        share: of the places that one block covers.
        equal: see above.
        visible: share of the places, for ``"exact"``.
        aspect: height of a block by its width, drawn between these.

    Raises:
        ValueError: for numbers that cannot be.
    """

    def __init__(
        self,
        blocks: int = 8,
        share: float = 0.15,
        equal: Equal = "exact",
        visible: float = 0.1,
        aspect: Sequence[float] = (0.75, 1.5),
    ):
        if blocks < 1 or not 0 < share < 1 or not 0 < visible < 1 or len(aspect) != 2 or not 0 < aspect[0] <= aspect[1]:
            raise ValueError(
                "needs blocks of at least 1, share and visible in (0, 1) and two aspects, the smaller first; got "
                f"{blocks=}, {share=}, {visible=}, {aspect=}"
            )
        if equal not in ("exact", "prefix", "random"):
            raise ValueError(f"needs equal 'exact', 'prefix' or 'random'; got {equal!r}")
        self.blocks, self.share, self.visible = blocks, share, visible
        self.equal: Equal = equal
        self.aspect = tuple(map(float, aspect))

    def __call__(self, draws: Draws, grid: Grid) -> Hidden:
        """Hide blocks.

        Raises:
            ValueError: for a grid of a single place.
        """
        times, places = grid[0], grid[1] * grid[2]
        if places < 2:
            raise ValueError(f"blocks need at least two places; got a grid of {grid} tokens: use smaller patches")
        cover = self.cover(draws, grid[1], grid[2]).flatten(1)
        order = (cover + draws.uniform(places)).argsort(1)  # the least covered first
        if self.equal == "exact":
            kept = min(max(round(self.visible * places), 1), places - 1)
            parts = order.split([kept, places - kept], 1)
            return Hidden(*(spread_out(part.sort(1).values, grid, "tube") for part in parts))
        free = (cover == 0).scatter(1, order[:, :1], True)[:, None].expand(-1, times, -1).flatten(1)
        return Hidden(*(cut_to_shortest(chosen, draws, self.equal == "random") for chosen in (free, ~free)))

    def cover(self, draws: Draws, rows: int, columns: int) -> Tensor:
        """Return how many blocks lie over each place, ``(N, rows, columns)``."""
        aspect = draws.uniform(1, low=self.aspect[0], high=self.aspect[1])
        area = self.share * rows * columns
        sides = [((area * aspect).sqrt(), rows), ((area / aspect).sqrt(), columns)]
        inside = []
        for side, count in sides:
            long = side.round().clamp(1, count)
            first = (draws.uniform(self.blocks) * (count - long + 1)).floor()
            along = torch.arange(count, device=long.device)
            inside.append((along >= first[..., None]) & (along < (first + long)[..., None]))  # (N, blocks, count)
        return (inside[0][:, :, :, None] & inside[1][:, :, None]).sum(1)


def cut_to_shortest(chosen: Tensor, draws: Draws, by_chance: bool) -> Tensor:
    """Return the numbers of chosen tokens, as many as the clip has that has the fewest, over all processes.

    Args:
        chosen: bool ``(N, tokens)``.
        draws: drawn from only ``by_chance``.
        by_chance: drop any tokens; False drops the last ones.
    """
    count = int(all_gather(chosen.sum(1)).min())  # the host waits: shapes depend on the batch
    rank = (
        draws.uniform(chosen.shape[1]) if by_chance else torch.linspace(0, 0.5, chosen.shape[1], device=chosen.device)
    )
    return (rank - chosen.int()).argsort(dim=1, stable=True)[:, :count].sort(1).values
