"""Windows of random size and shape, resized: drawn by one function and cut by another, for whoever needs the windows.

The distribution is that of torchvision's ``RandomResizedCrop``, after Szegedy et al., "Going Deeper with Convolutions",
CVPR 2015, section 6. https://arxiv.org/abs/1409.4842
"""

import math

import torch
from torch import Tensor

from avssl.transforms.base import Scope, by_scope, constant, draw_by_scope, unit
from avssl.transforms.draws import Draws
from avssl.transforms.geometric import Geometric, Window
from avssl.transforms.resampling import resample, resize_weights

TRIES = 10  # windows that are drawn before the middle one is taken, as in torchvision


def draw_boxes(
    draws: Draws,
    frames: Tensor,
    scale: tuple[float, float] = (0.08, 1.0),
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
    scope: Scope = "tuple",
) -> Tensor:
    """Draw windows: their area uniformly, their shape uniformly in its logarithm, then their place.

    All ten tries are drawn at once, and the first that fits is taken: the distribution of one try after another. Where
    none fits, the largest window in the middle whose shape is allowed is taken. They are computed in float64, so that
    they are the same on every device.

    Args:
        draws: the source of chance, one stream a tuple.
        frames: of which only the shape counts, ``(tuples, frames, 3, H, W)``.
        scale: least and greatest share of the frame's area.
        ratio: least and greatest width over height.
        scope: one window for all frames of a tuple, or one for each.

    Returns:
        Top, left, height and width in pixels, int64 ``(tuples, frames or 1, 4)``.
    """
    height, width = frames.shape[-2:]
    numbers = draw_by_scope(draws, frames, scope, TRIES + 1, 2, low=0, high=1)
    numbers = (numbers.cpu() if frames.device.type == "mps" else numbers).double()  # MPS has no float64
    tries = numbers[..., :TRIES, :]
    area = height * width * (scale[0] + (scale[1] - scale[0]) * tries[..., 0])
    low, high = math.log(ratio[0]), math.log(ratio[1])
    shape = (low + (high - low) * tries[..., 1]).exp()
    sizes = torch.stack([(area / shape).sqrt(), (area * shape).sqrt()], -1).round()  # (..., TRIES, 2)
    whole = constant((height, width), sizes.device, sizes.dtype)
    fits = ((sizes > 0) & (sizes <= whole)).all(-1)
    first = fits.int().argmax(-1)[..., None, None].expand(*fits.shape[:-1], 1, 2)
    found = fits.any(-1)[..., None]
    size = sizes.gather(-2, first)[..., 0, :].where(
        found, constant(fallback(height, width, ratio), sizes.device, sizes.dtype)
    )
    corner = (numbers[..., TRIES, :] * (whole - size + 1)).floor().where(found, ((whole - size) / 2).floor())
    return torch.cat([corner, size], -1).long().to(frames.device)


def fallback(height: int, width: int, ratio: tuple[float, float]) -> tuple[int, int]:
    """Return height and width of the largest window of a frame whose shape lies within ``ratio``."""
    if width / height < ratio[0]:
        return max(1, round(width / ratio[0])), width
    if width / height > ratio[1]:
        return height, max(1, round(height * ratio[1]))
    return height, width


def cut(frames: Tensor, boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Cut windows out and resize them, as torchvision's ``resized_crop(antialias=True)`` does (to 1e-6).

    Args:
        frames: uint8, or float in [0, 1], ``(tuples, frames, 3, H, W)``.
        boxes: of `draw_boxes`, ``(tuples, frames or 1, 4)``; they lie within the frames.
        size: height and width to resize to.

    Returns:
        Float in [0, 1], ``(tuples, frames, 3, *size)``.
    """
    scope: Scope = "tuple" if boxes.shape[1] == 1 else "frame"
    top, left, height, width = boxes.flatten(0, 1).unbind(-1)
    rows = resize_weights(top, height, frames.shape[-2], size[0])
    columns = resize_weights(left, width, frames.shape[-1], size[1])
    return resample(by_scope(unit(frames), scope), rows, columns).view(*frames.shape[:3], *size).clamp_(0, 1)


class RandomResizedCrop(Geometric):
    """Cut a window of random size, shape and place out and resize it; in evaluation the largest one in the middle.

    Args:
        size: side of the square to resize to, or (height, width), in pixels. It may be larger than the frames.
        scale: least and greatest share of the frame's area.
        ratio: least and greatest width over height of the window.
        scope: ``"tuple"`` (all frames of a tuple alike) or ``"frame"``.

    Raises:
        ValueError: for sizes, shares or ratios that are no such.
    """

    def __init__(
        self,
        size: int | tuple[int, int],
        scale: tuple[float, float] = (0.08, 1.0),
        ratio: tuple[float, float] = (3 / 4, 4 / 3),
        scope: Scope = "tuple",
    ):
        sides = (size, size) if isinstance(size, int) else size
        if len(sides) != 2 or min(sides) < 1:
            raise ValueError(f"size must be a side, or (height, width), of at least 1 pixel; got {size}")
        if not 0 < scale[0] <= scale[1] <= 1:
            raise ValueError(f"scale must rise within (0, 1]: shares of the frame's area; got {scale}")
        if not 0 < ratio[0] <= ratio[1] < math.inf:
            raise ValueError(f"ratio must rise above 0: width over height; got {ratio}")
        self.size = (sides[0], sides[1])
        self.scale, self.ratio = (scale[0], scale[1]), (ratio[0], ratio[1])
        self.scope: Scope = scope

    def window(self, frames: Tensor, draws: Draws, train: bool = True) -> Window:
        if train:
            boxes = draw_boxes(draws, frames, self.scale, self.ratio, self.scope)
        else:
            height, width = frames.shape[-2:]
            shape = self.size[1] / self.size[0]
            high, wide = fallback(height, width, (shape, shape))
            middle = [(height - high) // 2, (width - wide) // 2, high, wide]
            boxes = constant(middle, frames.device).expand(len(frames), 1, 4)
        return Window(boxes=boxes, flipped=None, size=self.size)

    def show(self, frames: Tensor, window: Window) -> Tensor:
        return cut(frames, window.boxes, self.size)
