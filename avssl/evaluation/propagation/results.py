"""Masks on disk as the official tool of DAVIS takes them: a palette PNG a frame, whose values are objects."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from avssl.cache import whole


def palette() -> list[int]:
    """Return the palette of VOC and DAVIS: each bit of a number adds to one of three colours, 256 x 3 values.

    Examples:
        >>> palette()[:9], palette()[-3:]
        ([0, 0, 0, 128, 0, 0, 0, 128, 0], [224, 224, 192])
    """
    numbers = np.arange(256)
    colors = np.zeros((256, 3), int)
    for channel in range(3):
        for step in range(3):
            colors[:, channel] |= ((numbers >> (3 * step + channel)) & 1) << (7 - step)
    return colors.flatten().tolist()


def write_masks(folder: Path, masks: np.ndarray, names: Sequence[str]) -> None:
    """Write a mask for each frame, mode P, the value the number of the object.

    Args:
        folder: of one video; it is made.
        masks: uint8 ``(frames, H, W)``.
        names: of the files, without ending.
    """
    folder.mkdir(parents=True, exist_ok=True)
    colors = palette()
    for mask, name in zip(masks, names, strict=True):
        picture = Image.frombytes("P", mask.shape[::-1], np.ascontiguousarray(mask).tobytes())
        picture.putpalette(colors)
        with whole(folder / f"{name}.png") as part:
            picture.save(part, format="PNG")
