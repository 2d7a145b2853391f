"""VCOP, video clip order prediction: tell in which order a few clips of a video follow each other.

Xu, Xiao, Zhao, Shao, Xie and Zhuang, "Self-supervised Spatiotemporal Learning via Video Clip Order Prediction", CVPR
2019. Numbers were read in the authors' code (``models/vcop.py``).
"""

from collections.abc import Sequence
from functools import partial

from torch import Tensor
from torch.nn import functional as F

from avssl.methods.base import Batch
from avssl.methods.order.floors import path_length, rearranged
from avssl.methods.order.opn import order_classes
from avssl.methods.order.tasks import ORDER_STREAM, Labels, OrderTask, Questions
from avssl.methods.pretext.puzzles import permute_tiles
from avssl.nets import Encoder, PairHead
from avssl.transforms import Draws, Transform
from avssl.transforms.draws import numbered, stream_of


class ClipOrder(OrderTask):
    """Classification of the order of clips; frames within a clip stay in order, so that a row and its reverse differ.

    Clips are encoded once and their features are shuffled, so that several orders of one row cost only the head.
    Light, place and mirroring are drawn for each clip by the views. ``pixel_accuracy`` is that of the order in which
    the last frames of clips are nearest to the first frames of the next, by squared pixel distances.

    Departures from the paper: a pair's layer is its own, and also sees absolute differences (``shared`` and
    ``differences`` set the paper's); an encoder of pictures is taken too: it sees each frame, and the means of
    its features over ``moments`` stretches of a clip are compared one by one.

    Args:
        encoder: of clips, or of pictures.
        clips: in a row (the paper: 3, of 16 frames, 8 frames apart).
        moments: stretches of a clip that features of frames are averaged over; an encoder of clips takes its features
            for one.
        orders: how many are drawn for each row.
        differences: see `avssl.nets.PairHead`.
        shared: one layer for all pairs.
        hidden: width of each pair's layer (the paper: 512).
        dropout: chance of dropping a hidden value (the paper: 0.5).
        views: transforms of the clips, drawn for each.
        labels: ``"shuffled"`` tosses a coin for every label of the training: a control that must stay at chance.

    Raises:
        ValueError: for fewer than two clips, or more than five; for no moment or order.

    Examples:
        >>> import torch
        >>> from avssl.nets import SmallNet
        >>> method = ClipOrder(SmallNet(dim=16, width=4))
        >>> method.chance == 1 / 6, sorted(method(torch.rand(2, 3, 4, 3, 32, 32)))
        (True, ['accuracy', 'loss'])
    """

    table: Tensor

    def __init__(
        self,
        encoder: Encoder,
        clips: int = 3,
        moments: int = 2,
        orders: int = 4,
        differences: bool = True,
        shared: bool = False,
        hidden: int = 64,
        dropout: float = 0.0,
        views: Sequence[Transform] = (),
        labels: Labels = "true",
    ):
        super().__init__(encoder, views, labels)
        if not 2 <= clips <= 5 or min(moments, orders) < 1:
            raise ValueError(f"needs 2 to 5 clips, a moment and an order; got {clips}, {moments} and {orders}")
        self.in_row, self.orders = clips, orders
        self.moments = 1 if encoder.takes == "clips" else moments
        self.register_buffer("table", order_classes(clips, reversible=False)[0])
        self.chance = 1 / len(self.table)
        members = clips * self.moments
        self.head = PairHead(encoder.dim, members, len(self.table), hidden, differences, shared, dropout)

    def ask(self, batch: Batch) -> Questions:
        """Shuffle the features of the clips of every row."""
        sampler = f"OrderedClips(clips={self.in_row}, frames=...)"
        clips, keys, valid, recording = self.clips(batch, self.moments, sampler)
        if batch["frames"].shape[1] % self.in_row:
            raise ValueError(
                f"ClipOrder needs rows of {self.in_row} clips; got {batch['frames'].shape[1]} an item: sample with "
                f"{sampler}"
            )
        views = self.view(clips, keys)
        features = self.embed(views).unflatten(0, (-1, self.in_row))
        rows = keys[:: self.in_row]
        drawn = Draws(stream_of(rows, ORDER_STREAM)).integers(self.orders, low=0, high=len(self.table) - 1)
        shuffled = permute_tiles(features, self.table[drawn]).flatten(0, 1)
        return Questions(
            scores=self.head(shuffled.flatten(1, 2)).float(),
            truth=drawn.flatten(),
            counts=valid.all(1).unflatten(0, (-1, self.in_row)).all(1).repeat_interleave(self.orders),
            key=numbered(rows, self.orders).flatten(0, 1),
            recording=recording[:: self.in_row].repeat_interleave(self.orders),
            views=views,
            plain=clips,
            look=partial(self.join_by_pixels, drawn=drawn),
        )

    def embed(self, clips: Tensor) -> Tensor:
        """Return the features of clips ``(N, frames, 3, H, W)``, ``(N, moments, dim)``."""
        if self.encoder.takes == "clips":
            return self.encoder(clips)[:, None]
        features = self.encoder(clips.flatten(0, 1)).unflatten(0, clips.shape[:2])
        return F.adaptive_avg_pool1d(features.transpose(1, 2), self.moments).transpose(1, 2)

    def join_by_pixels(self, clips: Tensor, drawn: Tensor) -> Tensor:
        """Return the classes of the orders in which ends of clips meet best, int64 ``(rows * orders,)``."""
        rows = clips.unflatten(0, (-1, self.in_row))
        costs = (rows[:, :, None, -1] - rows[:, None, :, 0]).square().mean((3, 4, 5))
        shown = rearranged(costs.repeat_interleave(self.orders, 0), self.table[drawn].flatten(0, 1))
        return path_length(shown, self.table.argsort(1)[None]).argmin(1)
