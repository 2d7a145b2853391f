"""OPN, the order prediction network: sort four frames of a video.

Lee, Huang, Singh and Yang, "Unsupervised Representation Learning by Sorting Sequences", ICCV 2017.
https://arxiv.org/abs/1708.01246
"""

from collections.abc import Sequence
from functools import partial
from itertools import permutations

import torch
from torch import Tensor

from avssl.methods.base import Batch
from avssl.methods.order.floors import distances, path_length, rearranged
from avssl.methods.order.tasks import ORDER_STREAM, Labels, OrderTask, Questions
from avssl.methods.pretext.puzzles import permute_tiles
from avssl.nets import Encoder, PairHead
from avssl.transforms import Draws, Transform
from avssl.transforms.draws import numbered, stream_of


class OPN(OrderTask):
    """Classification of the order that frames were shuffled into, up to the direction of time.

    Four frames have 24 orders and 12 classes, as many actions look the same played backwards (`order_classes`). Each
    frame is encoded once, and features are shuffled, so that several orders of one tuple cost only the head.

    Frames that are near in time look alike: without new light in each frame (`avssl.transforms.GainOffset`) the
    shortest path through squared pixel distances sorts most tuples of the demo figures. ``pixel_accuracy`` tells
    what it reaches.

    Departures from the paper: a pair's layer also sees absolute differences (``differences=False`` is the paper's);
    there is no batch normalisation of the encoder's own making; frames come from the sampler, not by optical flow;
    channel splitting and jitter of patches are left to the views.

    Args:
        encoder: maps pictures to ``(N, encoder.dim)`` features.
        frames: of a tuple.
        orders: how many are drawn for each tuple.
        reversible: whether time may run backwards, see `order_classes`; False has a class for each order.
        differences: see `avssl.nets.PairHead`.
        hidden: width of each pair's layer (the paper's fc7).
        dropout: chance of dropping a hidden value.
        views: transforms of the frames, in order; each tuple's draws come from its key.
        labels: ``"shuffled"`` tosses a coin for every label of the training: a control that must stay at chance.

    Raises:
        ValueError: for fewer than three frames, or no order.

    Examples:
        >>> from avssl.nets import SmallNet
        >>> method = OPN(SmallNet(dim=16, width=4))
        >>> method.chance == 1 / 12, sorted(method(torch.rand(2, 4, 3, 32, 32)))
        (True, ['accuracy', 'loss'])
    """

    table: Tensor
    classes_of: Tensor

    def __init__(
        self,
        encoder: Encoder,
        frames: int = 4,
        orders: int = 4,
        reversible: bool = True,
        differences: bool = True,
        hidden: int = 64,
        dropout: float = 0.0,
        views: Sequence[Transform] = (),
        labels: Labels = "true",
    ):
        super().__init__(encoder, views, labels)
        if not 3 <= frames <= 6 or orders < 1:
            raise ValueError(f"needs 3 to 6 frames (6 have 720 orders) and an order a tuple; got {frames} and {orders}")
        self.frames, self.orders = frames, orders
        table, classes_of = order_classes(frames, reversible)
        self.register_buffer("table", table)
        self.register_buffer("classes_of", classes_of)
        classes = int(classes_of.max()) + 1
        self.chance = 1 / classes
        self.head = PairHead(encoder.dim, frames, classes, hidden, differences, dropout=dropout)

    def ask(self, batch: Batch) -> Questions:
        """Shuffle the features of every tuple."""
        sampler = f"OrderedFrames(frames={self.frames}, gaps=...)"
        plain, keys, valid, recording = self.clips(batch, self.frames, sampler, exactly=True)
        views = self.view(plain, keys)
        features = self.encoder(views.flatten(0, 1)).unflatten(0, plain.shape[:2])
        drawn = Draws(stream_of(keys, ORDER_STREAM)).integers(self.orders, low=0, high=len(self.table) - 1)
        shuffled = permute_tiles(features, self.table[drawn]).flatten(0, 1)
        return Questions(
            scores=self.head(shuffled).float(),
            truth=self.classes_of[drawn].flatten(),
            counts=valid.all(1).repeat_interleave(self.orders),
            key=numbered(keys, self.orders).flatten(0, 1),
            recording=recording.repeat_interleave(self.orders),
            views=views,
            plain=plain,
            look=partial(self.sort_by_pixels, drawn=drawn),
        )

    def sort_by_pixels(self, frames: Tensor, drawn: Tensor) -> Tensor:
        """Return the classes of the orders that shortest paths through pixels undo, int64 ``(tuples * orders,)``."""
        shown = self.table[drawn].flatten(0, 1)  # which frame each place shows
        costs = rearranged(distances(frames).repeat_interleave(self.orders, 0), shown)
        lengths = path_length(costs, self.table.argsort(1)[None])  # place ``argsort[i]`` of an order shows frame i
        return self.classes_of[lengths.argmin(1)]


def order_classes(frames: int, reversible: bool = True) -> tuple[Tensor, Tensor]:
    """Return all orders of frames and the class of each.

    Where time may run backwards, nothing tells frame i from frame ``frames - 1 - i``: (1, 0, 2, 3) and (2, 3, 1, 0) are
    one class, for they show the same pictures of a film and of its reverse. Merging each order with the one that is
    read from its end, (3, 2, 0, 1), gives twelve classes too, but two thirds of the rows then have two answers that
    nothing tells apart: no network could be right more than two times in three.

    Args:
        frames: how many.
        reversible: whether an order of the frames and the same of the film played backwards are of one class.

    Returns:
        Orders, int64 ``(orders, frames)``: place ``j`` shows frame ``[i, j]``; and classes, int64 ``(orders,)``.

    Examples:
        >>> table, classes = order_classes(4)
        >>> len(table), int(classes.max()) + 1
        (24, 12)
    """
    table = list(permutations(range(frames)))
    backwards = {order: tuple(frames - 1 - number for number in order) for order in table}
    named = [order for order in table if not reversible or order < backwards[order]]
    classes = [named.index(order if order in named else backwards[order]) for order in table]
    return torch.tensor(table), torch.tensor(classes)
