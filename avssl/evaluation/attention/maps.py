"""Maps of attention: how strongly each place of a picture moves a layer, or the encoder's output."""

import torch
from torch import Tensor
from torch.nn import functional as F

from avssl.nets import Encoder


def activation(maps: Tensor, power: float = 2.0) -> Tensor:
    """Return how strongly each cell is active: the sum over channels of the power of the absolute value.

    Zagoruyko and Komodakis, "Paying More Attention to Attention", ICLR 2017, section 3.1,
    https://arxiv.org/abs/1612.03928; Gidaris, Singh and Komodakis (ICLR 2018, figure 3) draw it for rotation.

    Args:
        maps: features of a layer, ``(N, channels, height, width)``.
        power: the higher, the more the strongest channels count.

    Returns:
        ``(N, height, width)``, at least 0.

    Examples:
        >>> activation(torch.tensor([[[[1.0, -2.0]], [[0.0, 3.0]]]]))
        tensor([[[ 1., 13.]]])
    """
    return maps.abs().pow(power).sum(1)


@torch.inference_mode()
def occlusion(encoder: Encoder, images: Tensor, side: int, step: int, batch: int = 256) -> Tensor:
    """Return how far the encoder's output moves when a square is hidden: 1 less the cosine of before and after.

    Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014, section 4.2,
    https://arxiv.org/abs/1311.2901, with the output's direction in place of a class score, so that no labels are
    needed. The square takes the picture's mean colour.

    Args:
        encoder: in evaluation mode.
        images: float in [0, 1], ``(N, 3, H, W)``.
        side: of the square, in pixels.
        step: between squares, in pixels.
        batch: pictures a pass.

    Returns:
        ``(N, rows, columns)``, one number a place of the square, from 0 (nothing changes) to 2.
    """
    height, width = images.shape[-2:]
    if not 0 < side <= min(height, width) or step < 1:
        raise ValueError(f"a square of {side} px every {step} px does not fit into pictures of {height}x{width}")
    corners = [(top, left) for top in range(0, height - side + 1, step) for left in range(0, width - side + 1, step)]
    columns = len(range(0, width - side + 1, step))
    found = []
    for image in images:
        hidden = image.repeat(len(corners), 1, 1, 1)
        for copy, (top, left) in zip(hidden, corners, strict=True):
            copy[:, top : top + side, left : left + side] = image.mean((1, 2))[:, None, None]
        after = torch.cat([encoder(part) for part in hidden.split(batch)])
        moved = 1 - F.cosine_similarity(after, encoder(image[None]), dim=1)
        found.append(moved.view(-1, columns))
    return torch.stack(found)


def upsample(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Return maps brought to the pictures' size by bilinear interpolation, each from 0 to 1.

    Args:
        maps: ``(N, rows, columns)``.
        size: height and width of the pictures.

    Returns:
        ``(N, H, W)``; a map that is the same everywhere becomes 0.
    """
    large = F.interpolate(maps[:, None].float(), size, mode="bilinear", align_corners=False)[:, 0]
    low, high = large.amin((1, 2), keepdim=True), large.amax((1, 2), keepdim=True)
    return (large - low) / (high - low).clamp(min=1e-12)


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
