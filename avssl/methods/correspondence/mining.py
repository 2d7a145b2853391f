"""Windows that move, and where they go: what a method learns to recognise, without a label.

Wang and Gupta, "Unsupervised Learning of Visual Representations using Videos", ICCV 2015, section 3,
https://arxiv.org/abs/1505.00687.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from avssl.nets.follower import Follower
from avssl.transforms import Draws

STEPS = 4  # places of windows along a window's side
AMONG = 4  # times as many windows of greatest motion as are drawn
CELLS = 2.0  # deviation of the wanted response of the filter, in pixels
RATE = 0.3  # share of each new frame in the filter


class Tracks(NamedTuple):
    """Windows that were followed.

    Attributes:
        first: their middles in the first frame, (x, y) in pixels, ``(clips, windows, 2)``.
        last: in the last frame.
        error: how far from the start the way back ends, in pixels, ``(clips, windows)``.
        moved: how far the way there leads, in pixels.
        inside: whether the whole window lies in the last frame, bool.
    """

    first: Tensor
    last: Tensor
    error: Tensor
    moved: Tensor
    inside: Tensor


def moving_windows(clips: Tensor, draws: Draws, side: int, count: int, train: bool) -> Tensor:
    """Return the middles of windows whose brightness changes most, (x, y) in pixels, ``(clips, count, 2)``.

    In training they are drawn among the `AMONG` x ``count`` that change most, so that a clip does not always give the
    same ones; in evaluation they are the first.

    Args:
        clips: brightness, ``(clips, frames, 1, H, W)``.
        draws: one stream a clip.
        side: of a window, in pixels.
        count: windows of a clip.
        train: whether to draw.

    Raises:
        ValueError: if frames are smaller than a window.
    """
    if min(clips.shape[-2:]) < side:
        came = "x".join(map(str, clips.shape[-2:]))
        raise ValueError(f"frames of {came} px hold no window of {side} px; load them larger, or set patch")
    lag = max(1, min(3, clips.shape[1] // 2))
    change = (clips[:, lag : 2 * lag] - clips[:, : len(clips[0, lag : 2 * lag])]).abs().mean((1, 2))
    step = max(1, side // STEPS)
    motion = F.avg_pool2d(change[:, None], side, step)[:, 0]
    best = motion.flatten(1).topk(min(AMONG * count, motion[0].numel()), 1).indices
    order = draws.uniform(best.shape[1])
    order = order if train else torch.arange(best.shape[1], device=best.device).expand_as(order)
    places = best.gather(1, order.argsort(1)[:, :count])
    places = places[:, torch.arange(count, device=places.device) % places.shape[1]]  # of tiny frames, some twice
    columns, rows = places % motion.shape[2], places // motion.shape[2]
    return torch.stack([columns, rows], -1) * step + (side - 1) / 2


@torch.no_grad()
def follow_windows(clips: Tensor, first: Tensor, side: int) -> Tracks:
    """Follow windows to the last frame and back by a correlation filter that is twice as wide.

    Args:
        clips: brightness, ``(clips, frames, 1, H, W)``.
        first: middles of windows in the first frame, ``(clips, windows, 2)``.
        side: of a window, in pixels.
    """
    follower = Follower(features=lambda windows: windows, size=2 * side, sigma=CELLS, rate=RATE)
    extents = torch.full_like(first, 2.0 * side)
    last = follower(clips.unbind(1), first, extents)[0][-1]
    back = follower(clips.flip(1).unbind(1), last, extents)[0][-1]
    size = first.new_tensor([clips.shape[-1], clips.shape[-2]])
    inside = ((last > side / 2 - 1) & (last < size - side / 2)).all(-1)
    return Tracks(
        first=first,
        last=last,
        error=(back - first).norm(dim=-1),
        moved=(last - first).norm(dim=-1),
        inside=inside,
    )
