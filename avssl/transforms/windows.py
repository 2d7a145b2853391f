"""Windows of pictures around places between pixels, resampled: what trackers follow."""

import torch
from torch import Tensor
from torch.nn import functional as F


def windows_at(pictures: Tensor, centres: Tensor, extents: Tensor, size: int) -> Tensor:
    """Cut windows out of pictures, bilinearly; beyond the border its pixels are repeated.

    Args:
        pictures: ``(N, channels, H, W)``.
        centres: of the windows, (x, y) in pixels, 0 the centre of the first one, ``(N, windows, 2)``.
        extents: width and height of each, in pixels, ``(N, windows, 2)``.
        size: side of what is returned.

    Returns:
        ``(N, windows, channels, size, size)``.

    Examples:
        >>> row = torch.arange(6.0).expand(1, 1, 6, 6)
        >>> windows_at(row, torch.tensor([[[2.5, 2.5]]]), torch.tensor([[[4.0, 4.0]]]), 4)[0, 0, 0, 0]
        tensor([1., 2., 3., 4.])
    """
    height, width = pictures.shape[-2:]
    share = (torch.arange(size, device=pictures.device) + 0.5) / size - 0.5
    places = centres[..., None] + extents[..., None] * share  # (N, windows, 2, size)
    across = ((places[:, :, 0] + 0.5) / width * 2 - 1)[:, :, None].expand(-1, -1, size, -1)
    down = ((places[:, :, 1] + 0.5) / height * 2 - 1)[..., None].expand(-1, -1, -1, size)
    grid = torch.stack([across, down], -1).flatten(1, 2).to(pictures.dtype)
    cut = F.grid_sample(pictures, grid, mode="bilinear", padding_mode="border", align_corners=False)
    return cut.unflatten(2, (-1, size)).movedim(2, 1)
