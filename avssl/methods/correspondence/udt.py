"""Unsupervised deep tracking: a window is tracked through a clip and back, and ought to be found where it was.

Wang et al., "Unsupervised Deep Tracking", CVPR 2019, section 3, https://arxiv.org/abs/1904.01828. Numbers were read in
the authors' code (UDT_pytorch, ``train/net.py``); those with a star are from memory.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from avssl.distributed import all_gather
from avssl.methods.base import Batch, Method
from avssl.methods.correspondence.mining import moving_windows
from avssl.methods.correspondence.moving import moving_clips, view_frames
from avssl.nets import Encoder
from avssl.nets.clips import channels_of_maps
from avssl.nets.correlation_filter import fit, gaussian_label, respond, shifted, shifts, windowed
from avssl.nets.encoders import require_takes
from avssl.nets.map_net import grey_pictures
from avssl.transforms import Draws, Transform
from avssl.transforms.draws import stream_of
from avssl.transforms.windows import windows_at

WINDOWS = -23  # last number of the key that windows are drawn by


class UDT(Method):
    """A correlation filter goes from a template to two later windows and back; its response is wanted at the start.

    Windows stay at one place, and what is in them moves. The filter of the template finds its peak in the second
    window; a label at that peak, without gradient, makes the filter of that one, which finds the third; and the filter
    of the third one, applied to the template, ought to give the template's own label (section 3.2, three frames).

    The worst tenth of a batch does not count, as its windows hold nothing to follow or have lost it; the others weigh
    by how far the responses lie from the labels before them, as still windows teach little (section 3.3*). In the
    released code the second weight is missing, and labels are rolled along the flattened window, so that a peak at
    (row, column) lands elsewhere: here they roll along both axes.

    Departures: windows are those that move, not the middle of the frame; what does not count is left out, where the
    code puts its own target in place of its response; the regulariser is a share of the template's energy.

    Args:
        encoder: of pictures, of a stride of 1 or 2: coarser maps find peaks no finer than their cells.
        layer: whose map is filtered, out of ``encoder.layers``.
        size: side of a window in pixels (125).
        windows: of each clip.
        sigma: deviation of labels, a share of the third of a window that the target fills (0.1).
        drop: share of a batch that does not count (0.1).
        motion: weigh windows by their motion.
        views: transforms of each frame on its own; such as move the picture would move the target.

    Raises:
        ValueError: if the layer gives vectors, or a number cannot be.

    Examples:
        >>> from avssl.nets import FilterNet
        >>> sorted(UDT(FilterNet(dim=4, width=4), layer="conv2", size=16)(torch.rand(2, 3, 3, 32, 32)))
        ['drift', 'loss', 'moved']
    """

    label: Tensor

    def __init__(
        self,
        encoder: Encoder,
        layer: str,
        size: int = 125,
        windows: int = 1,
        sigma: float = 0.1,
        drop: float = 0.1,
        motion: bool = True,
        views: Sequence[Transform] = (),
    ):
        super().__init__()
        require_takes(encoder, "pictures", "UDT")
        if size < 4 or windows < 1 or sigma <= 0 or not 0 <= drop < 1:
            raise ValueError(
                f"needs size of at least 4, windows of at least 1, sigma above 0 and drop in [0, 1); got {size}, "
                f"{windows}, {sigma} and {drop}"
            )
        channels_of_maps(encoder, [layer], who="UDT")
        self.encoder, self.layer, self.size, self.windows = encoder, layer, size, windows
        self.drop, self.motion, self.views = drop, motion, tuple(views)
        self.register_buffer("label", gaussian_label(size, size, sigma * size / 3), persistent=False)

    def forward(self, batch: Batch | Tensor) -> dict[str, Tensor]:
        """Track the windows of each clip there and back.

        Args:
            batch: clips, as `avssl.methods.inputs.as_batch` takes them; of more than three frames the first, the one in
                the middle and the last are taken, of two the last twice.

        Returns:
            ``loss``: the weighted mean over windows of the squared difference of response and label, summed over the
            window; ``drift``: how far from the start the way back ends, and ``moved``: how far the first step leads, in
            pixels, means over all windows.

        Raises:
            ValueError: for clips of one frame, or frames smaller than a window.
        """
        clips, keys, whole = moving_clips(batch, 2, "UDT")
        frames, _ = view_frames(clips[:, [0, clips.shape[1] // 2, -1]], keys, self.views, self.training)
        draws = Draws(stream_of(keys, WINDOWS))
        middles = moving_windows(grey_pictures(frames)[:, :, :1], draws, self.size, self.windows, self.training)
        template, near, far = (self.features(frame, middles) for frame in frames.unbind(1))
        with torch.no_grad():
            there = respond(fit(template, self.label), near)
            first = shifts(there)
            found = shifted(self.label, first)
            onward = respond(fit(near, found), far)
            target = shifted(self.label, shifts(onward))
            motion = (there - self.label).square().sum((1, 2)) + (onward - found).square().sum((1, 2))
        back = respond(fit(far, target), template)
        losses = all_gather((back - self.label).square().sum((1, 2)))
        counts = all_gather(whole.repeat_interleave(self.windows))
        weights = counts * self.easier(losses.detach(), counts)
        if self.motion:
            weights = weights * all_gather(motion)
        mean = counts / counts.sum().clamp(min=1)
        return {
            "loss": (losses * weights).sum() / weights.sum().clamp(min=1e-12),
            "drift": (all_gather(shifts(back.detach()).float().norm(dim=-1)) * mean).sum(),
            "moved": (all_gather(first.float().norm(dim=-1)) * mean).sum(),
        }

    def features(self, frames: Tensor, middles: Tensor) -> Tensor:
        """Return the features of windows as filters take them, ``(clips * windows, channels, size, size)``."""
        extents = torch.full_like(middles, float(self.size))
        windows = windows_at(frames, middles, extents, self.size).flatten(0, 1)
        maps = self.encoder.taps(windows, [self.layer], whole=False)[self.layer]
        if maps.shape[-1] != self.size:
            maps = F.interpolate(maps, (self.size, self.size), mode="bilinear", align_corners=False)
        return windowed(maps)

    def easier(self, losses: Tensor, counts: Tensor) -> Tensor:
        """Return 1 for windows, 0 for the share of them that is worst; a batch keeps one at least."""
        worst = round(self.drop * len(losses))
        order = torch.where(counts > 0, losses, losses.new_full((), -1.0))
        kept = torch.ones_like(losses)
        return kept.scatter(0, order.topk(min(worst, len(losses) - 1)).indices, 0.0)
