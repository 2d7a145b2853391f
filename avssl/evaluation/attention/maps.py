"""Maps of attention: how strongly each place of a picture or a clip moves a layer, or the encoder's output."""

import torch
from torch import Tensor
from torch.nn import functional as F

from avssl.config import ConfigError
from avssl.features.rows import frames_per_pass
from avssl.nets import Encoder


def activation(maps: Tensor, power: float = 2.0) -> Tensor:
    """Return how strongly each cell is active: the sum over channels of the power of the absolute value.

    Zagoruyko and Komodakis, "Paying More Attention to Attention", ICLR 2017, section 3.1,
    https://arxiv.org/abs/1612.03928; Gidaris, Singh and Komodakis (ICLR 2018, figure 3) draw it for rotation.

    Args:
        maps: features of a layer, ``(N, channels, height, width)``, of clips ``(N, channels, frames, height, width)``.
        power: the higher, the more the strongest channels count.

    Returns:
        ``(N, height, width)`` or ``(N, frames, height, width)``, at least 0.

    Examples:
        >>> activation(torch.tensor([[[[1.0, -2.0]], [[0.0, 3.0]]]]))
        tensor([[[ 1., 13.]]])
    """
    return maps.abs().pow(power).sum(1)


def layer_activation(encoder: Encoder, inputs: Tensor, layer: str, power: float = 2.0) -> Tensor:
    """Return how strongly each cell of a layer is active; of clips the map for each frame.

    Where a layer has fewer maps than there are frames, each frame has the one that looks nearest to it.

    Args:
        encoder: in evaluation mode.
        inputs: what it takes, float in [0, 1]: ``(N, 3, H, W)`` or ``(N, frames, 3, H, W)``.
        layer: one of ``encoder.layers``.
        power: see `activation`.

    Returns:
        ``(N, rows, columns)`` or ``(N, frames, rows, columns)``.

    Raises:
        ConfigError: if the layer gives vectors, or it cannot be known which frames its cells look at.
    """
    if encoder.takes == "pictures":
        features = encoder.taps(inputs, [layer])[layer]
        if features.ndim != 4:
            raise ConfigError(f"layers: {layer} is a vector, not a map; choose a deeper map or kind: occlusion")
        return activation(features, power)
    try:
        found = encoder.maps(inputs, layer)
    except ValueError as error:
        raise ConfigError(f"layers: {error}, or kind: occlusion") from error
    return nearest_in_time(activation(found.values, power), found.pixels(0), inputs.shape[1])


def nearest_in_time(maps: Tensor, looks_at: Tensor, frames: int) -> Tensor:
    """Return for each frame the map that looks nearest to it, the earlier of two that are as near.

    Args:
        maps: ``(N, cells, rows, columns)``.
        looks_at: the frame that each of the cells looks at, ``(cells,)``; between frames it is no whole number.
        frames: of the clips.

    Returns:
        ``(N, frames, rows, columns)``.

    Examples:
        >>> nearest_in_time(torch.tensor([5.0, 7.0]).view(1, 2, 1, 1), torch.tensor([0.0, 2.0]), 4).flatten()
        tensor([5., 5., 7., 7.])
    """
    distances = (torch.arange(frames, device=maps.device)[:, None] - looks_at.to(maps.device)).abs()
    return maps[:, distances.argmin(1)]


@torch.inference_mode()
def occlusion(
    encoder: Encoder, images: Tensor, side: int, step: int, batch: int = 256, length: int = 1, stride: int = 1
) -> Tensor:
    """Return how far the encoder's output moves when a square is hidden: 1 less the cosine of before and after.

    Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014, section 4.2,
    https://arxiv.org/abs/1311.2901, with the output's direction in place of a class score, so that no labels are
    needed. The square takes the picture's mean colour; in a clip it stays for some frames and takes the clip's, so that
    it does not flicker.

    Args:
        encoder: in evaluation mode.
        images: what it takes, float in [0, 1]: ``(N, 3, H, W)`` or ``(N, frames, 3, H, W)``.
        side: of the square, in pixels.
        step: between squares, in pixels.
        batch: pictures a pass, or frames of clips (one clip at least).
        length: frames that the square stays in a clip.
        stride: between its first frames.

    Returns:
        ``(N, rows, columns)``, one number per place of the square, from 0 (nothing changes) to 2; of clips
        ``(N, frames, rows, columns)``, for each frame those of the square whose middle in time is nearest to it.
    """
    height, width = images.shape[-2:]
    if not 0 < side <= min(height, width) or step < 1:
        raise ValueError(f"a square of {side} px every {step} px does not fit into pictures of {height}x{width}")
    frames = images.shape[1] if images.ndim == 5 else 1
    if not 0 < length <= frames or stride < 1:
        raise ValueError(f"a square for {length} frames every {stride} does not fit into clips of {frames} frames")
    starts = range(0, frames - length + 1, stride)
    tops, lefts = range(0, height - side + 1, step), range(0, width - side + 1, step)
    corners = [(start, top, left) for start in starts for top in tops for left in lefts]
    colors = [axis for axis in range(images.ndim - 1) if axis != images.ndim - 4]
    at_once, found = frames_per_pass(batch, images), []
    for image in images:
        mean = image.mean(colors)[:, None, None]
        after = []
        for first in range(0, len(corners), at_once):
            some = corners[first : first + at_once]
            hidden = image.repeat(len(some), *[1] * image.ndim)
            for copy, (start, top, left) in zip(hidden, some, strict=True):
                shown = copy[start : start + length] if images.ndim == 5 else copy
                shown[..., top : top + side, left : left + side] = mean
            after.append(encoder(hidden))
        moved = 1 - F.cosine_similarity(torch.cat(after), encoder(image[None]), dim=1)
        found.append(moved.view(len(starts), len(tops), len(lefts)))
    maps = torch.stack(found)
    if images.ndim == 4:
        return maps[:, 0]
    return nearest_in_time(maps, torch.tensor(starts) + (length - 1) / 2, frames)


def motion(clips: Tensor, valid: Tensor) -> Tensor:
    """Return how much each pixel differs both from the frame before and from the one after; this needs no encoder.

    What moves is in one place now, and differs there from both; where it was or will be, only from one (differences of
    three frames, Collins et al., "A System for Video Surveillance and Monitoring", CMU-RI-TR-00-12, 2000, section 3.1).

    Args:
        clips: uint8 ``(N, frames, 3, H, W)``.
        valid: bool ``(N, frames)``: which frames are no padding; differences from others do not count.

    Returns:
        The smaller of the two absolute differences, means over colours, ``(N, frames, H, W)``; of a frame that has but
        one neighbour its difference from that, without any 0.
    """
    changes = torch.stack([(one[1:].float() - one[:-1].float()).abs().mean(1) for one in clips])
    changes[~(valid[:, 1:] & valid[:, :-1])] = torch.inf
    none = torch.full_like(clips[:, :1, 0], torch.inf, dtype=torch.float32)
    smaller = torch.minimum(torch.cat([none, changes], 1), torch.cat([changes, none], 1))
    return torch.where(smaller.isinf(), 0, smaller)


def upsample(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Return maps brought to the pictures' size by bilinear interpolation, each picture's or clip's from 0 to 1.

    Args:
        maps: ``(N, rows, columns)``, or ``(N, frames, rows, columns)`` of clips.
        size: height and width of the pictures.

    Returns:
        ``(N, H, W)`` or ``(N, frames, H, W)``; a map that is the same everywhere becomes 0.
    """
    frames = maps[:, None] if maps.ndim == 3 else maps
    large = F.interpolate(frames.float(), size, mode="bilinear", align_corners=False)
    low, high = large.amin((1, 2, 3), keepdim=True), large.amax((1, 2, 3), keepdim=True)
    large = (large - low) / (high - low).clamp(min=1e-12)
    return large[:, 0] if maps.ndim == 3 else large


def peaks(maps: Tensor) -> Tensor:
    """Return where maps are highest, (x, y) in pixels of the map, ``(N, 2)``; the middle of all equal highest places.

    Examples:
        >>> peaks(torch.tensor([[[0.0, 1.0], [0.0, 1.0]]]))
        tensor([[1.0000, 0.5000]])
    """
    highest = (maps == maps.amax((1, 2), keepdim=True)).float()
    total = highest.sum((1, 2))
    rows = torch.arange(maps.shape[1], device=maps.device).float()
    columns = torch.arange(maps.shape[2], device=maps.device).float()
    x = (highest.sum(1) * columns).sum(1) / total
    y = (highest.sum(2) * rows).sum(1) / total
    return torch.stack([x, y], 1)
