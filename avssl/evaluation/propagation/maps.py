"""What maps frames to features: a layer of an encoder, and the floors that need none."""

from collections.abc import Callable, Iterator
from itertools import chain

import torch
from torch import Tensor
from torch.nn import functional as F

from avssl.config import ConfigError
from avssl.features.layers import unit
from avssl.features.propagation.settings import Propagation
from avssl.nets import Encoder, FeatureMap
from avssl.nets.cells import CellGrid, grid_over

Maps = Callable[[Tensor], FeatureMap]  # pictures in [0, 1] (N, 3, H, W)
MIDDLE, SPREAD = 0.5, 0.25  # of pixels, before lengths are made one


class LayerMaps:
    """The maps of a layer of an encoder of pictures.

    Args:
        encoder: in evaluation mode from here on.
        layer: its name.
        device: where it runs.
    """

    def __init__(self, encoder: Encoder, layer: str, device: str = "cpu"):
        self.encoder, self.layer, self.device = encoder.to(device).eval(), layer, device

    @torch.inference_mode()
    def __call__(self, images: Tensor) -> FeatureMap:
        return self.encoder.maps(images.to(self.device), self.layer)


class Windows:
    """The pixels of windows themselves, or their mean colour.

    Args:
        side: of a window in pixels.
        stride: pixels from one window to the next; the first one lies around the first square of that size.
        mean: the mean of each colour alone.
    """

    def __init__(self, side: int, stride: int, mean: bool = False):
        self.side, self.stride, self.mean = side, stride, mean
        self.low = (side - stride) // 2
        self.high = side - stride - self.low

    def __call__(self, images: Tensor) -> FeatureMap:
        padding = (self.low, self.high, self.low, self.high)
        wide = (images - MIDDLE) / SPREAD
        wide = F.pad(wide, padding, mode="reflect") if max(padding) > 0 else wide
        if self.mean:
            values = F.avg_pool2d(wide, self.side, self.stride)
        else:
            cells = [(have - self.side) // self.stride + 1 for have in wide.shape[-2:]]
            values = F.unfold(wide, self.side, stride=self.stride).unflatten(2, cells)
        offset = (self.side - 1) / 2 - self.low
        return FeatureMap(values, (float(self.stride),) * 2, (offset,) * 2)


def seen_by(frames: Tensor, settings: Propagation, multiple: int = 1) -> tuple[Tensor, tuple[int, int]]:
    """Return pictures as encoders see them, float in [0, 1], and their size before the border was filled up.

    Args:
        frames: uint8 ``(frames, 3, H, W)``.
        settings: at which size.
        multiple: sides are filled up, right and below, to a multiple of this with the border's pixels.
    """
    size = settings.input_size(frames.shape[-2], frames.shape[-1])
    pictures = unit(frames)
    if size != tuple(pictures.shape[-2:]):
        pictures = F.interpolate(pictures, size=size, mode="bilinear", antialias=True, align_corners=False).clamp(0, 1)
    below, right = (-side % multiple for side in size)
    return (F.pad(pictures, (0, right, 0, below), mode="replicate") if below or right else pictures), size


def features_of(
    maps: Maps, frames: Tensor, settings: Propagation, batch: int, multiple: int = 1
) -> tuple[CellGrid, tuple[float, float], Iterator[Tensor]]:
    """Return where cells look in the frames, their stride in what the encoder sees, and the features of each frame.

    Args:
        maps: what maps pictures to features.
        frames: uint8 ``(frames, 3, H, W)``.
        settings: at which size they are seen.
        batch: frames a pass.
        multiple: of both sides, for encoders that need it.

    Raises:
        ConfigError: if the maps have a single cell.
    """
    parts = (seen_by(part, settings, multiple) for part in frames.split(batch))
    first, size = next(parts)
    found = maps(first)
    grid = grid_of(found, size)
    later = (maps(pictures).values for pictures, _ in parts)
    return grid.on((frames.shape[-2], frames.shape[-1])), grid.stride, chain(found.values, chain.from_iterable(later))


def grid_of(found: FeatureMap, size: tuple[int, int]) -> CellGrid:
    """Return where the cells of maps look in pictures of ``size`` pixels.

    Raises:
        ConfigError: if the maps have a single cell.
    """
    grid = grid_over(found, size)
    if max(grid.cells) < 2:
        raise ConfigError(f"layer: its map has one cell for pictures of {size[0]}x{size[1]}; name one that has more")
    return grid


def receptive_field(maps: LayerMaps, side: int) -> int | None:
    """Return how many pixels a side a cell sees, as gradients of noise of ``side`` pixels tell; None if it sees all."""
    noise = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0)).to(maps.device).requires_grad_()
    values = maps.encoder.maps(noise, maps.layer).values
    values[..., values.shape[-2] // 2, values.shape[-1] // 2].abs().sum().backward()
    maps.encoder.zero_grad()
    assert noise.grad is not None
    rows, columns = (noise.grad[0].abs().sum((0, axis)).nonzero() for axis in (2, 1))
    if not len(rows):
        return None
    reach = max(int(one.max() - one.min()) + 1 for one in (rows, columns))
    touches = min(rows.min(), columns.min()) == 0 or max(rows.max(), columns.max()) == side - 1
    return None if touches else reach
