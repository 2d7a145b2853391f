"""Resampling of whole batches by matrices: one along the rows of each item, one along its columns.

So every item can have a scale, a place and a blur of its own, on any device, without a loop.
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def resample(frames: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Return frames whose pixels are weighted sums of the given ones.

    In full float32 under autocast too; where PyTorch is told to multiply matrices less exactly
    (``torch.set_float32_matmul_precision``), on a GPU, values are exact to about 0.001.

    Args:
        frames: float, ``(items, frames, channels, H, W)``.
        rows: weights of the rows, ``(items, height, H)``.
        columns: weights of the columns, ``(items, width, W)``.

    Returns:
        Frames ``(items, frames, channels, height, width)``.
    """
    with torch.autocast(frames.device.type, enabled=False):
        pictures = frames.flatten(1, 2)
        across = torch.bmm(pictures.flatten(1, 2), columns.to(frames.dtype).transpose(1, 2))
        done = torch.matmul(rows.to(frames.dtype)[:, None], across.unflatten(1, pictures.shape[1:3]))
    return done.unflatten(1, frames.shape[1:3])


def resize_weights(start: Tensor, length: Tensor, given: int, wanted: int) -> Tensor:
    """Return the weights that resize a stretch of pixels: bilinear, antialiased where it shrinks.

    They are those of ``F.interpolate(antialias=True)``: a triangle over each new pixel's middle, as wide as the new
    pixels or the old ones, whichever are larger, cut off where the stretch ends.

    Args:
        start: first pixel of each stretch, ``(items,)``.
        length: pixels of each stretch, at least 1, ``(items,)``.
        given: pixels along the whole side.
        wanted: pixels to make of the stretch.

    Returns:
        float32 ``(items, wanted, given)``; each row sums to 1.
    """
    device = start.device
    scale = length.float()[:, None, None] / wanted
    middles = scale * (torch.arange(wanted, device=device) + 0.5)[:, None]
    pixels = torch.arange(given, device=device) - start[:, None, None]
    weights = (1 - ((pixels + 0.5 - middles) / scale.clamp(min=1)).abs()).clamp(min=0)
    weights = weights * ((pixels >= 0) & (pixels < length[:, None, None]))
    return weights / weights.sum(-1, keepdim=True)


def blur_weights(sigma: Tensor, kernel: int, side: int) -> Tensor:
    """Return the weights of a Gaussian blur, with the pixels behind the rim mirrored in it.

    Args:
        sigma: standard deviations in pixels, above 0, ``(items,)``.
        kernel: pixels that the Gaussian reaches over, odd and less than twice the side.
        side: pixels along the side.

    Returns:
        float32 ``(items, side, side)``; each row sums to 1.
    """
    reach = torch.arange(kernel, device=sigma.device) - kernel // 2
    gaussian = torch.softmax(-(reach / sigma[:, None]).square() / 2, 1)
    places = (torch.arange(side, device=sigma.device)[:, None] + reach).abs()
    places = (side - 1) - ((side - 1) - places).abs()  # mirrored at both ends, which do not repeat
    spread = F.one_hot(places, side).to(gaussian.dtype)  # (side, kernel, side)
    with torch.autocast(sigma.device.type, enabled=False):
        return torch.einsum("nk,ikj->nij", gaussian, spread)
