"""Where the cells of a map look in the picture, and how scores of cells become scores of pixels.

A cell of a network that pads odd kernels evenly (ResNets, VGG-16's convolutions) looks at pixel ``i * stride``, not at
the middle of the ``i``-th square of ``stride`` pixels; taking one for the other shifts a map of stride 32 by 15.5 px.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from avssl.nets.encoders import Encoder


@dataclass(frozen=True)
class Line:
    """Places along one side: cell ``i`` looks at pixel ``first + step * i``; 0 is the first pixel's centre."""

    first: float = 0.0
    step: float = 1.0

    def through(self, kernel: int, stride: int, padding: int, dilation: int = 1) -> "Line":
        """Return where the cells of a sliding window over these cells look.

        Examples:
            >>> Line().through(kernel=2, stride=2, padding=0), Line().through(kernel=7, stride=2, padding=3)
            (Line(first=0.5, step=2.0), Line(first=0.0, step=2.0))
        """
        return Line(self.first + (dilation * (kernel - 1) / 2 - padding) * self.step, self.step * stride)


Cells = tuple[Line, Line]  # along the rows' numbers (down) and along the columns' (right)


def even(pixels: int, cells: int) -> Line:
    """Return cells that divide a side evenly: what is assumed where nothing better is known."""
    step = pixels / cells
    return Line((step - 1) / 2, step)


@torch.no_grad()
def cells_of(encoder: Encoder, layers: Sequence[str], image: Tensor) -> dict[str, Cells]:
    """Return where the cells of chosen layers look.

    The windows of convolutions and poolings are followed through the network. Behind anything else that changes the
    size of a map, and where modules are joined in a way that cannot be followed, cells divide the picture evenly.

    Args:
        encoder: left in evaluation mode.
        layers: names of maps.
        image: a picture as it will see them, float in [0, 1], ``(1, 3, H, W)``.
    """
    size = (image.shape[-2], image.shape[-1])
    known: dict[int, tuple[Tensor, Cells | None]] = {}  # holds the tensors too, so that no number is used twice

    def follow(module: nn.Module, inputs: tuple, output) -> None:
        if not (inputs and isinstance(inputs[0], Tensor) and isinstance(output, Tensor) and output.ndim == 4):
            return
        start = (Line(), Line()) if tuple(inputs[0].shape[-2:]) == size else None
        known[id(output)] = output, _through(module, inputs[0], output, known.get(id(inputs[0]), (None, start))[1])

    leaves = [module for module in encoder.trunk.modules() if not list(module.children())]
    handles = [module.register_forward_hook(follow) for module in leaves]
    try:
        maps = encoder.eval().taps(image, layers, whole=False)
    finally:
        for handle in handles:
            handle.remove()
    found = {}
    for name, tapped in maps.items():
        rows, columns = tapped.shape[-2:]
        found[name] = known.get(id(tapped), (None, None))[1] or (even(size[0], rows), even(size[1], columns))
    return found


def _through(module: nn.Module, given: Tensor, output: Tensor, cells: Cells | None) -> Cells | None:
    """Return where a module's cells look, None where that is not known."""
    if cells is None:
        return None
    if isinstance(module, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d):
        if isinstance(module.padding, str):
            return None
        windows = [_pair(getattr(module, name, 1)) for name in ("kernel_size", "stride", "padding", "dilation")]
        down, right = (line.through(*(window[side] for window in windows)) for side, line in enumerate(cells))
        return down, right
    return cells if output.shape[-2:] == given.shape[-2:] else None


def _pair(value: int | tuple[int, int]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else value


def upsample(scores: Tensor, cells: Cells, size: tuple[int, int]) -> Tensor:
    """Return the scores of each pixel, linearly between the cells and level beyond the outermost.

    Args:
        scores: of cells, ``(N, outputs, rows, columns)``.
        cells: where they look.
        size: height and width of the picture.

    Returns:
        ``(N, outputs, height, width)``. A product of matrices: deterministic on every device.
    """
    down, right = (
        between(line, cells_here, pixels, scores)
        for line, cells_here, pixels in zip(cells, scores.shape[-2:], size, strict=True)
    )
    return torch.matmul(torch.matmul(down, scores), right.T)


def between(line: Line, cells: int, pixels: int, like: Tensor) -> Tensor:
    """Return how much each cell says of each pixel along a side, ``(pixels, cells)``; each row adds up to 1.

    Examples:
        >>> between(Line(0.0, 2.0), cells=2, pixels=4, like=torch.zeros(1)).tolist()
        [[1.0, 0.0], [0.5, 0.5], [0.0, 1.0], [0.0, 1.0]]
    """
    place = ((torch.arange(pixels, device=like.device) - line.first) / line.step).clamp(0, cells - 1)
    low = place.floor().clamp(max=max(cells - 2, 0)).long()
    part = (place - low).to(like.dtype)
    weights = torch.zeros(pixels, cells, device=like.device, dtype=like.dtype)
    pixel = torch.arange(pixels, device=like.device)
    weights[pixel, low] = 1 - part
    if cells > 1:
        weights[pixel, low + 1] = part
    return weights
