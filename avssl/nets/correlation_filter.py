"""A correlation filter in closed form: where in a window is what another window shows?

The filter answers its template with a given label, least squares over all cyclic shifts, one division a frequency.
Henriques et al., "High-Speed Tracking with Kernelized Correlation Filters", TPAMI 2015, https://arxiv.org/abs/1404.7584
(linear, several channels); as a layer that gradients pass: Wang et al., "Unsupervised Deep Tracking", CVPR 2019,
section 3.1, https://arxiv.org/abs/1904.01828.
"""

from typing import NamedTuple

import torch
from torch import Tensor

WEIGHT = 1e-4  # of the regulariser, a share of a template's mean energy; UDT adds the same number itself
TINY = 1e-12  # an empty template has no energy to take a share of


class Filter(NamedTuple):
    """A filter, by frequency.

    Attributes:
        alpha: the label over the template's energy, complex ``(..., H, W // 2 + 1)``.
        template: complex ``(..., channels, H, W // 2 + 1)``.
    """

    alpha: Tensor
    template: Tensor


def gaussian_label(height: int, width: int, sigma: float) -> Tensor:
    """Return a Gaussian that peaks at [0, 0] and goes on at the other side, ``(height, width)``.

    Args:
        height: rows.
        width: columns.
        sigma: in cells.

    Examples:
        >>> gaussian_label(1, 5, 1.0)[0].tolist() == gaussian_label(1, 5, 1.0)[0, [0, 4, 3, 2, 1]].tolist()
        True
    """
    down, across = (torch.fft.fftfreq(side) * side for side in (height, width))
    return torch.exp(-(down[:, None].square() + across.square()) / (2 * sigma**2))


def fit(template: Tensor, label: Tensor, weight: float = WEIGHT) -> Filter:
    """Return the filter that answers a template with a label.

    Args:
        template: features ``(..., channels, H, W)``.
        label: wanted response, ``(..., H, W)``.
        weight: of the regulariser.
    """
    transformed = torch.fft.rfft2(template.float())
    energy = (transformed.real.square() + transformed.imag.square()).sum(-3)
    regular = weight * energy.mean((-2, -1), keepdim=True) + TINY
    return Filter(torch.fft.rfft2(label.float()) / (energy + regular), transformed)


def respond(filter: Filter, search: Tensor) -> Tensor:
    """Return where the template is found, ``(..., H, W)``: shifted by (dx, dy) it peaks at [dy, dx], cyclically.

    Args:
        filter: of windows of the same size.
        search: features ``(..., channels, H, W)``.
    """
    transformed = torch.fft.rfft2(search.float())
    answer = (transformed * filter.template.conj()).sum(-3) * filter.alpha
    return torch.fft.irfft2(answer, s=search.shape[-2:])  # without s an odd width would lose a column


def shifts(response: Tensor) -> Tensor:
    """Return how far peaks lie from [0, 0], (dx, dy) in cells, int64 ``(..., 2)``; negative beyond half a side.

    Examples:
        >>> shifts(torch.eye(5).roll(4, 0)[None] * torch.tensor([9.0, 1, 1, 1, 1]))
        tensor([[ 0, -1]])
    """
    height, width = response.shape[-2:]
    place = response.flatten(-2).argmax(-1)
    rows, columns = place // width, place % width
    return torch.stack([signed(columns, width), signed(rows, height)], -1)


def signed(places: Tensor, side: int) -> Tensor:
    """Return cyclic places as steps forth and back."""
    return (places + side // 2) % side - side // 2


def shifted(label: Tensor, steps: Tensor) -> Tensor:
    """Return a label rolled along both axes by steps of its own for each, ``(..., H, W)``.

    Args:
        label: ``(H, W)``.
        steps: (dx, dy) in cells, int64 ``(..., 2)``.
    """
    height, width = label.shape
    rows = (torch.arange(height, device=label.device) - steps[..., 1, None]) % height
    columns = (torch.arange(width, device=label.device) - steps[..., 0, None]) % width
    return label[rows[..., :, None], columns[..., None, :]]


def hann(height: int, width: int, device: torch.device | None = None) -> Tensor:
    """Return a window that falls to 0 at the border, so that the other side is not taken for a neighbour."""
    down, across = (torch.hann_window(side, periodic=False, device=device) for side in (height, width))
    return torch.outer(down, across)


def windowed(features: Tensor) -> Tensor:
    """Return features ``(..., channels, H, W)`` as filters take them: no mean, unit scale, under a window.

    Features that are the same everywhere become 0.
    """
    centred = features.float() - features.float().mean((-2, -1), keepdim=True)
    scale = centred.square().mean((-3, -2, -1), keepdim=True).sqrt()
    return centred / (scale + 1e-6) * hann(features.shape[-2], features.shape[-1], features.device)
