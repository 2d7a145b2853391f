"""Pace: tell at which of several speeds a clip is played.

Wang, Jiao and Liu, "Self-supervised Video Representation Learning by Pace Prediction", ECCV 2020.
https://arxiv.org/abs/2008.05861
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from avssl.methods.base import Batch
from avssl.methods.order.tasks import ORDER_STREAM, Labels, OrderTask, Questions, needs_clips
from avssl.nets import Encoder
from avssl.transforms import Draws, Transform
from avssl.transforms.base import constant
from avssl.transforms.draws import numbered, stream_of


class Pace(OrderTask):
    """Classification of the speed at which a clip is played; each long clip is played at every speed.

    The sampler gives clips at a slow rate in time, such as ``RandomClip(frames=61, stride=fps(25), pad="error")``, and
    speed p takes every p-th frame from a drawn start, so that a speed is one of the recording and not of its file. All
    speeds of one clip are in one batch, so that nothing but motion tells them apart (the "same-batch" of SpeedNet, CVPR
    2020). A clip is never looped or padded: those that are, and those in which a frame comes
    twice, do not count (``left_out`` in `measure`).

    The released code takes frames from the start of the video again where it ends; such a jump tells the fast.

    Pixels have a floor of their own: ``pixel_accuracy`` is that of the log mean and the log deviation of the frame
    differences, two numbers.

    Args:
        encoder: of clips.
        paces: speeds, as multiples of the rate that clips are sampled at (the paper: 1 to 4).
        frames: of a clip as it is played (the paper's: 16).
        views: transforms of the frames, drawn for each played clip; the paper's colour jitter is drawn for each frame.
        labels: ``"shuffled"`` tosses a coin for every label of the training: a control that must stay at chance.

    Raises:
        ValueError: for fewer than two speeds, or an encoder of pictures.

    Examples:
        >>> from avssl.nets import SmallClips
        >>> method = Pace(SmallClips(widths=(4, 4, 8, 8)), paces=(1, 2), frames=4)
        >>> method.chance, sorted(method(torch.rand(2, 7, 3, 32, 32)))
        (0.5, ['accuracy', 'loss'])
    """

    def __init__(
        self,
        encoder: Encoder,
        paces: Sequence[int] = (1, 2, 3, 4),
        frames: int = 16,
        views: Sequence[Transform] = (),
        labels: Labels = "true",
    ):
        super().__init__(needs_clips(encoder, "Pace"), views, labels)
        if len(set(paces)) < 2 or len(set(paces)) < len(paces) or min(*paces, frames - 1) < 1:
            raise ValueError(f"needs two or more different paces of at least 1, and 2 frames; got {paces} and {frames}")
        self.paces, self.frames, self.chance = tuple(paces), frames, 1 / len(paces)
        self.head = nn.Linear(encoder.dim, len(paces))

    def ask(self, batch: Batch) -> Questions:
        """Play every clip at every speed."""
        longest = (self.frames - 1) * max(self.paces) + 1
        long, keys, valid, recording = self.clips(batch, longest, f"RandomClip(frames={longest}, pad='error')")
        count, speeds = len(long), len(self.paces)
        pace = constant(self.paces, long.device)
        room = long.shape[1] - (self.frames - 1) * pace  # starts that keep a clip within the long one
        start = (Draws(stream_of(keys, ORDER_STREAM)).uniform(speeds) * room).long()
        index = start[..., None] + pace[:, None] * torch.arange(self.frames, device=long.device)
        which = torch.arange(count, device=long.device)[:, None, None]
        plain, whole = long[which, index].flatten(0, 1), valid[which, index].all(2)
        if "index" in batch:  # of frames within the recording: one that comes twice tells the slow
            whole = whole & (batch["index"].flatten(0, 1)[which, index].diff(dim=2) > 0).all(2)
        played = numbered(keys, speeds).flatten(0, 1)
        views = self.view(plain, played)
        return Questions(
            scores=self.head(self.encoder(views)).float(),
            truth=torch.arange(speeds, device=long.device).repeat(count),
            counts=whole.flatten(),
            key=played,
            recording=recording.repeat_interleave(speeds),
            views=views,
            plain=plain,
            look=two_numbers,
        )


def two_numbers(clips: Tensor) -> Tensor:
    """Return log mean and log deviation of the frame differences of clips ``(N, frames, 3, H, W)``, ``(N, 2)``."""
    differences = clips.diff(dim=1).abs().mean((2, 3, 4))
    deviation = differences.std(1) if differences.shape[1] > 1 else torch.zeros_like(differences[:, 0])
    return torch.stack([differences.mean(1), deviation], 1).clamp(min=1e-6).log()
