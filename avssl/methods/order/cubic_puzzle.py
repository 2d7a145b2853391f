"""Space-time cubic puzzles: put four pieces of a clip, shuffled in space or in time, back in order.

Kim, Cho and Kweon, "Self-Supervised Video Representation Learning with Space-Time Cubic Puzzles", AAAI 2019.
https://arxiv.org/abs/1811.09795
"""

from collections.abc import Sequence
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn

from avssl.methods.base import Batch
from avssl.methods.order.cuboids import PIECES, cuboids, gaps
from avssl.methods.order.floors import path_length, rearranged
from avssl.methods.order.opn import order_classes
from avssl.methods.order.tasks import ORDER_STREAM, Labels, OrderTask, Questions
from avssl.methods.pretext.puzzles import permute_tiles
from avssl.nets import Encoder, MLPHead
from avssl.nets.clips import encode_clips
from avssl.transforms import Draws, Transform
from avssl.transforms.draws import numbered, stream_of

Kind = Literal["both", "space", "time"]


class CubicPuzzle(OrderTask):
    """Classification of the order of four pieces, out of 24: four places at one time, or four times at one place.

    Pieces are cuboids, half as high and wide and a quarter as long as the clip. Which time or place they are of is
    drawn. Each is encoded by itself and features are shuffled. Views are drawn for each piece: a `Crop` smaller than
    the piece leaves a gap of drawn width between neighbours, `GainOffset` gives it light of its own; a `Flip` would be
    of each piece alone.

    ``pixel_accuracy`` is that of the order in which the rims of neighbours, or last and first frames, differ least.

    Departures from the paper: a clip asks both kinds in one step, each with a head of its own; channels are not
    replicated, and pieces may be of any size.

    Args:
        encoder: of clips; features of one of pictures are averaged over frames.
        kind: which puzzles are asked.
        orders: how many are drawn for each puzzle.
        hidden: width of the heads' hidden layers.
        views: transforms of the pieces.
        labels: ``"shuffled"`` tosses a coin for every label of the training: a control that must stay at chance.

    Raises:
        ValueError: for no order.

    Examples:
        >>> from avssl.nets import SmallClips
        >>> method = CubicPuzzle(SmallClips(widths=(4, 4, 8, 8)))
        >>> method.chance == 1 / 24, sorted(method(torch.rand(2, 8, 3, 32, 32)))
        (True, ['accuracy', 'loss'])
    """

    chance = 1 / 24
    table: Tensor

    def __init__(
        self,
        encoder: Encoder,
        kind: Kind = "both",
        orders: int = 2,
        hidden: int = 128,
        views: Sequence[Transform] = (),
        labels: Labels = "true",
    ):
        super().__init__(encoder, views, labels)
        if orders < 1:
            raise ValueError(f"needs an order for each puzzle; got {orders}")
        self.kinds: tuple[str, ...] = ("space", "time") if kind == "both" else (kind,)
        self.orders = orders
        self.register_buffer("table", order_classes(PIECES, reversible=False)[0])
        heads = {name: MLPHead(encoder.dim, PIECES, len(self.table), hidden) for name in self.kinds}
        self.heads = nn.ModuleDict(heads)

    def ask(self, batch: Batch) -> Questions:
        """Cut every clip, and shuffle the features of the pieces.

        Raises:
            ValueError: if a clip cannot be cut.
        """
        clips, keys, valid, recording = self.clips(batch, PIECES, "RandomClip(frames=16)")
        draws = Draws(stream_of(keys, ORDER_STREAM))
        where = draws.integers(len(self.kinds), low=0, high=PIECES - 1)
        plain = torch.stack([cuboids(clips, name, where[:, n]) for n, name in enumerate(self.kinds)], 1).flatten(0, 1)
        puzzles = numbered(keys, len(self.kinds)).flatten(0, 1)
        own = numbered(puzzles, PIECES).flatten(0, 1)
        views = self.view(plain.flatten(0, 1), own).unflatten(0, (-1, PIECES))
        features = encode_clips(self.encoder, views.flatten(0, 1)).unflatten(0, (-1, PIECES))
        drawn = Draws(stream_of(puzzles, ORDER_STREAM)).integers(self.orders, low=0, high=len(self.table) - 1)
        shuffled = permute_tiles(features, self.table[drawn]).unflatten(0, (-1, len(self.kinds)))
        scores = [self.heads[name](shuffled[:, n].flatten(0, 1)) for n, name in enumerate(self.kinds)]
        both = torch.stack([one.unflatten(0, (-1, self.orders)) for one in scores], 1)
        each = len(self.kinds) * self.orders
        return Questions(
            scores=both.flatten(0, 2).float(),
            truth=drawn.flatten(),
            counts=valid.all(1).repeat_interleave(each),
            key=numbered(puzzles, self.orders).flatten(0, 1),
            recording=recording.repeat_interleave(each),
            views=views,
            plain=plain,
            look=partial(self.fit_by_pixels, drawn=drawn),
        )

    def fit_by_pixels(self, pieces: Tensor, drawn: Tensor) -> Tensor:
        """Return the orders in which neighbours fit best, int64 ``(puzzles * orders,)``."""
        found, kinds = [], len(self.kinds)
        for number, name in enumerate(self.kinds):
            own, orders = pieces[number::kinds], drawn[number::kinds]
            shown = self.table[orders].flatten(0, 1)
            sides = [("left", "right"), ("top", "bottom")] if name == "space" else [("first", "last")]
            costs = [rearranged(gaps(own, *pair).repeat_interleave(self.orders, 0), shown) for pair in sides]
            places = self.table.argsort(1)[None]
            if name == "time":
                lengths = path_length(costs[0], places)
            else:  # places 0 and 1 lie above 2 and 3
                across = [path_length(costs[0], places[..., pair]) for pair in ([0, 1], [2, 3])]
                down = [path_length(costs[1], places[..., pair]) for pair in ([0, 2], [1, 3])]
                lengths = torch.stack(across + down).sum(0)
            found.append(lengths.argmin(1).unflatten(0, (-1, self.orders)))
        return torch.stack(found, 1).flatten()
