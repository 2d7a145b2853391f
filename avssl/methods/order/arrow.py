"""Arrow of time: tell a clip from itself played backwards.

Wei, Lim, Zisserman and Freeman, "Learning and Using the Arrow of Time", CVPR 2018.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from avssl.methods.base import Batch
from avssl.methods.order.tasks import Labels, OrderTask, Questions, needs_clips
from avssl.nets import Encoder
from avssl.transforms import Transform
from avssl.transforms.draws import numbered


class ArrowOfTime(OrderTask):
    """Forwards or backwards: both are in the batch, made of the same decoded frames under the same view.

    So nothing that reading does to a clip tells the direction. What the film brings can: codecs renew black bars and
    blur between key frames in one direction only, cameras zoom in more than out. ``pixel_accuracy`` is that of five
    numbers that change their sign when a clip is reversed: how much brightness, contrast and motion change from its
    first half to its second, and the mean cubes of the changes of pixels and of brightness.

    In a world that is reversible (``demo:figures``) the answer is a coin: a score away from 0.5 is a leak. One with an
    arrow is ``demo:figures-arrow``.

    Departures from the paper: frames in place of stacks of optical flow; one network sees the clip where the paper
    fuses several late.

    Args:
        encoder: of clips; one with as many ``moments`` as it needs to know when things move.
        frames: of a clip at least.
        views: transforms of the frames, the same for both directions.
        labels: ``"shuffled"`` tosses a coin for every label of the training: a control that must stay at chance.

    Raises:
        ValueError: for an encoder of pictures.

    Examples:
        >>> from avssl.nets import SmallClips
        >>> method = ArrowOfTime(SmallClips(widths=(4, 4, 8, 8)))
        >>> method.chance, sorted(method(torch.rand(2, 8, 3, 32, 32)))
        (0.5, ['accuracy', 'loss'])
    """

    chance = 0.5

    def __init__(self, encoder: Encoder, frames: int = 4, views: Sequence[Transform] = (), labels: Labels = "true"):
        super().__init__(needs_clips(encoder, "ArrowOfTime"), views, labels)
        if frames < 2:
            raise ValueError(f"one frame has no direction; needs frames of at least 2; got {frames}")
        self.frames = frames
        self.head = nn.Linear(encoder.dim, 2)

    def ask(self, batch: Batch) -> Questions:
        """Play every clip in both directions."""
        clips, keys, valid, recording = self.clips(batch, self.frames, "RandomClip(frames=16, stride=fps(12.5))")
        views = both_ways(self.view(clips, keys))
        return Questions(
            scores=self.head(self.encoder(views)).float(),
            truth=torch.arange(2, device=clips.device).repeat(len(clips)),
            counts=valid.all(1).repeat_interleave(2),
            key=numbered(keys, 2).flatten(0, 1),
            recording=recording.repeat_interleave(2),
            views=views,
            plain=both_ways(clips),
            look=odd_numbers,
        )


def both_ways(clips: Tensor) -> Tensor:
    """Return each clip ``(N, frames, 3, H, W)`` and behind it its reverse, ``(2 * N, frames, 3, H, W)``."""
    return torch.stack([clips, clips.flip(1)], 1).flatten(0, 1)


def odd_numbers(clips: Tensor) -> Tensor:
    """Return numbers of clips ``(N, frames, 3, H, W)`` that change their sign when these are reversed, ``(N, 5)``."""
    grey = clips.mean(2)
    changes = grey.diff(dim=1)
    brightness = grey.mean((2, 3))
    along = [brightness, grey.flatten(2).std(2), changes.abs().mean((2, 3))]
    found = [later_less_earlier(values) for values in along]
    found += [changes.pow(3).mean((1, 2, 3)), brightness.diff(dim=1).pow(3).mean(1)]
    return torch.stack(found, 1)


def later_less_earlier(values: Tensor) -> Tensor:
    """Return by how much the mean of the second half exceeds that of the first, of values ``(N, moments)``."""
    half = (values.shape[1] + 1) // 2  # the middle one is in both
    return values[:, -half:].mean(1) - values[:, :half].mean(1)
