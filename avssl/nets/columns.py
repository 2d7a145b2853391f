"""What methods that colour pictures share: what they see of them, and maps of an encoder at chosen pixels."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from avssl.nets import Encoder
from avssl.nets.encoders import shapes_of
from avssl.transforms.lab import grey_of, lab_from_rgb

PROBE = 64  # px: side of the grey picture that shows how many channels layers have


def grey_and_lab(pictures: Tensor) -> tuple[Tensor, Tensor]:
    """Return grey pictures, RGB in [0, 1] ``(N, 3, H, W)``, and Lab ``(N, 3, H, W)`` of pictures in RGB."""
    with torch.autocast(pictures.device.type, enabled=False):  # a and b are small differences: half floats lose them
        lab = lab_from_rgb(pictures.float().clamp(0, 1))
        return grey_of(lab), lab


def channels_of(encoder: Encoder, layers: Sequence[str]) -> list[int]:
    """Return how many channels layers have, as a grey picture shows; the encoder stays as it was.

    Raises:
        ValueError: if there is no layer, or one is not the encoder's.
    """
    if not layers:
        raise ValueError(f"layers: needs at least one; {type(encoder).__name__} has {', '.join(encoder.layers)}")
    shapes = shapes_of(encoder, layers, PROBE)
    return [shapes[layer][0] for layer in layers]


def as_map(features: Tensor) -> Tensor:
    """Return a map as it is, and a vector ``(N, channels)`` as a map of one cell."""
    return features if features.ndim == 4 else features[:, :, None, None]


def side_by_side(maps: Sequence[Tensor]) -> Tensor:
    """Return maps one over the other at the size of the finest, ``(N, channels of all, h, w)``; vectors are spread."""
    wide = [as_map(features) for features in maps]
    size = max((features.shape[-2:] for features in wide), key=lambda shape: shape[0] * shape[1])
    return torch.cat([F.interpolate(features, size, mode="bilinear", align_corners=False) for features in wide], 1)


def sample_at(maps: Sequence[Tensor], points: Tensor) -> Tensor:
    """Return what maps say of points, between cells bilinearly; cells are taken to tile the picture evenly.

    Args:
        maps: ``(N, channels, h, w)`` or vectors ``(N, channels)``, each of its own size.
        points: x and y in [-1, 1], edge to edge of the picture, ``(N, points, 2)``.

    Returns:
        Columns, ``(N, points, channels of all)``.
    """
    parts = [F.grid_sample(as_map(each), points[:, None], "bilinear", "border", align_corners=False) for each in maps]
    return torch.cat([part[:, :, 0] for part in parts], 1).movedim(1, 2)
