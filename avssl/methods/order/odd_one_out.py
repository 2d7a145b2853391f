"""O3N, the odd-one-out network: of several sequences of frames of a video, find the one in a wrong order.

Fernando, Bilen, Gavves and Gould, "Self-Supervised Video Representation Learning With Odd-One-Out Networks", CVPR 2017.
https://arxiv.org/abs/1611.06646
"""

from collections.abc import Sequence
from functools import partial
from itertools import permutations

import torch
from torch import Tensor

from avssl.methods.base import Batch
from avssl.methods.order.floors import distances, path_length, rearranged
from avssl.methods.order.tasks import ORDER_STREAM, Labels, OrderTask, Questions
from avssl.nets import Encoder, RelationHead
from avssl.transforms import Draws, Transform
from avssl.transforms.draws import numbered, stream_of


class O3N(OrderTask):
    """Of several sequences one is out of order, and which is asked; each question draws the odd one and its order anew.

    A sequence gets one score from its frames' features and the answer is a softmax over sequences, so that their places
    among each other do not matter. Features are shuffled, not frames: several questions of one item cost only the
    head. The order played backwards is not wrong, as many actions look the same then.

    ``pixel_accuracy`` is that of the longest path through squared pixel distances, as a share of all distances.

    Departures from the paper: frames are encoded one by one by an encoder of pictures, and the head sees all
    pairwise differences, where the paper encodes a stack of differences of neighbours or a dynamic image; the paper's
    classifier sees the sum of differences of the sequences' features.

    Args:
        encoder: maps pictures to ``(N, encoder.dim)`` features.
        sequences: of an item, the clips that the sampler gives (the paper: 6, section 3*; *: from memory).
        frames: of a sequence (the paper: 6).
        questions: that are drawn for each item.
        hidden: width of the head's hidden layer.
        dropout: chance of dropping a hidden value.
        views: transforms of the frames, drawn for each sequence.
        labels: ``"shuffled"`` tosses a coin for every label of the training: a control that must stay at chance.

    Raises:
        ValueError: for fewer than two sequences, three frames or one question.

    Examples:
        >>> from avssl.nets import SmallNet
        >>> method = O3N(SmallNet(dim=16, width=4), sequences=3, frames=4)
        >>> round(method.chance, 3), sorted(method(torch.rand(2, 3, 4, 3, 32, 32)))
        (0.333, ['accuracy', 'loss'])
    """

    wrong: Tensor

    def __init__(
        self,
        encoder: Encoder,
        sequences: int = 4,
        frames: int = 5,
        questions: int = 4,
        hidden: int = 128,
        dropout: float = 0.0,
        views: Sequence[Transform] = (),
        labels: Labels = "true",
    ):
        super().__init__(encoder, views, labels)
        if sequences < 2 or not 3 <= frames <= 7 or questions < 1:
            raise ValueError(
                f"needs 2 or more sequences of 3 to 7 frames and a question; got {sequences}, {frames} and {questions}"
            )
        self.sequences, self.frames, self.questions = sequences, frames, questions
        self.chance = 1 / sequences
        self.register_buffer("wrong", torch.tensor(list(permutations(range(frames)))[1:-1]))  # but forth and back
        self.head = RelationHead(encoder.dim, frames, classes=1, hidden=hidden, dropout=dropout)

    def ask(self, batch: Batch) -> Questions:
        """Shuffle the features of one sequence for each question."""
        count, sequences = batch["frames"].shape[:2]
        sampler = f"OrderedFrames(frames={self.frames}, gaps=..., count={self.sequences})"
        clips, keys, valid, recording = self.clips(batch, self.frames, sampler, exactly=True)
        if sequences != self.sequences:
            raise ValueError(
                f"O3N asks about {self.sequences} clips of an item; got {sequences}: sample with {sampler}"
            )
        views = self.view(clips, keys)
        features = self.encoder(views.flatten(0, 1)).unflatten(0, (count, sequences, self.frames))
        asked = numbered(batch["key"], self.questions).flatten(0, 1)
        draws = Draws(stream_of(asked, ORDER_STREAM))
        odd = draws.integers(low=0, high=sequences - 1)
        orders = torch.arange(self.frames, device=clips.device).expand(len(asked), sequences, -1)
        is_odd = torch.arange(sequences, device=clips.device) == odd[:, None]
        orders = self.wrong[draws.integers(low=0, high=len(self.wrong) - 1)][:, None].where(is_odd[..., None], orders)
        shown = features.repeat_interleave(self.questions, 0)
        shown = shown.gather(2, orders[..., None].expand(-1, -1, -1, shown.shape[-1]))
        return Questions(
            scores=self.head(shown.flatten(0, 1)).float().unflatten(0, (-1, sequences))[..., 0],
            truth=odd,
            counts=valid.unflatten(0, (count, sequences)).all(2).all(1).repeat_interleave(self.questions),
            key=asked,
            recording=recording[::sequences].repeat_interleave(self.questions),
            views=views,
            plain=clips,
            look=partial(longest_path, orders=orders),
        )


def longest_path(frames: Tensor, orders: Tensor) -> Tensor:
    """Return which sequence of each question has the longest path through pixels, int64 ``(questions,)``.

    Args:
        frames: of all sequences in order, ``(items * sequences, frames, 3, H, W)``.
        orders: which frame each place shows, int64 ``(items * questions, sequences, frames)``.
    """
    sequences = orders.shape[1]
    costs = distances(frames).unflatten(0, (-1, sequences))
    costs = costs.repeat_interleave(len(orders) // len(costs), 0).flatten(0, 1)
    shown = rearranged(costs, orders.flatten(0, 1))
    straight = torch.arange(orders.shape[2], device=frames.device).view(1, 1, -1)
    shares = path_length(shown, straight)[:, 0] / shown.sum((1, 2)).clamp(min=1e-12)
    return shares.unflatten(0, (-1, sequences)).argmax(1)
