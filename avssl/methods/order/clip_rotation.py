"""Rotation of clips: tell by how many quarters all frames of a clip were turned.

Jing, Yang, Liu and Tian, "Self-Supervised Spatiotemporal Feature Learning via Video Rotation Prediction", 2018.
https://arxiv.org/abs/1811.11387
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avssl.methods.base import Batch
from avssl.methods.order.tasks import Labels, OrderTask, Questions
from avssl.methods.pretext.rotation import QUARTERS, turns
from avssl.nets import Encoder
from avssl.nets.clips import encode_clips
from avssl.transforms import Transform
from avssl.transforms.draws import numbered

THUMBNAIL = 4  # cells a side that the floor sees


class ClipRotation(OrderTask):
    """Four-way classification of how far a clip was turned; all four copies are in the batch.

    Single frames tell it, so that nothing need be learned of time: `avssl.methods.Rotation` reaches as much on single
    frames. ``pixel_accuracy`` is that of a linear classifier on the mean frame at 4 x 4 pixels.

    Args:
        encoder: of clips; features of one of pictures are averaged over frames.
        views: transforms of the clips before they are turned; the four copies share one view.
        labels: ``"shuffled"`` tosses a coin for every label of the training: a control that must stay at chance.

    Examples:
        >>> from avssl.nets import SmallClips
        >>> method = ClipRotation(SmallClips(widths=(4, 4, 8, 8)))
        >>> method.chance, sorted(method(torch.rand(2, 4, 3, 32, 32)))
        (0.25, ['accuracy', 'loss'])
    """

    chance = 1 / QUARTERS

    def __init__(self, encoder: Encoder, views: Sequence[Transform] = (), labels: Labels = "true"):
        super().__init__(encoder, views, labels)
        self.head = nn.Linear(encoder.dim, QUARTERS)

    def ask(self, batch: Batch) -> Questions:
        """Turn every clip by all four quarters.

        Raises:
            ValueError: if frames are not square: their turned copies would have another shape.
        """
        clips, keys, valid, recording = self.clips(batch, 1, "RandomClip(frames=16)")
        views = turns(self.view(clips, keys))
        return Questions(
            scores=self.head(encode_clips(self.encoder, views)).float(),
            truth=torch.arange(QUARTERS, device=clips.device).repeat(len(clips)),
            counts=valid.all(1).repeat_interleave(QUARTERS),
            key=numbered(keys, QUARTERS).flatten(0, 1),
            recording=recording.repeat_interleave(QUARTERS),
            views=views,
            plain=turns(clips),
            look=thumbnails,
        )


def thumbnails(clips: Tensor) -> Tensor:
    """Return the mean frame of clips ``(N, frames, 3, H, W)`` at 4 x 4 pixels, ``(N, 48)``."""
    return F.adaptive_avg_pool2d(clips.mean(1), THUMBNAIL).flatten(1)
