"""What a person marked in one frame: objects painted in a picture, and points."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from avssl.config import ConfigError
from avssl.data.masks import VOID
from avssl.features.propagation.labels import mask_to_cells, points_to_cells
from avssl.features.propagation.settings import Propagation
from avssl.media.errors import DecodeError, MediaError
from avssl.media.picture_files import named_errors, open_picture
from avssl.nets.cells import CellGrid

MOST = 32  # objects; more colours than that are the soft edges of a brush


@dataclass(frozen=True, eq=False, kw_only=True)
class Marks:
    """What is followed.

    Args:
        mask: numbers of objects from 1 on, 0 for the background, uint8 ``(H, W)``; all 0 without objects.
        objects: how many.
        points: (x, y) in pixels, 0 the centre of the first one, float32 ``(points, 2)``.
    """

    mask: np.ndarray
    objects: int
    points: np.ndarray

    @property
    def names(self) -> list[str]:
        """What objects and points are called, the objects first."""
        objects = [f"object {number}" for number in range(1, self.objects + 1)]
        return objects + [f"point {number}" for number in range(1, len(self.points) + 1)]

    def on_cells(self, grid: CellGrid, settings: Propagation) -> Tensor:
        """Return the labels of cells: background and objects, if there are any, then points, ``(labels, h, w)``."""
        labels = []
        if self.objects:
            labels.append(mask_to_cells(torch.from_numpy(self.mask), self.objects, grid, settings.read_in))
        if len(self.points):
            labels.append(points_to_cells(torch.from_numpy(self.points), grid, settings.sigma))
        return torch.cat(labels)


def read_marks(mask: Path | None, points: str | None, size: tuple[int, int]) -> Marks:
    """Return what was marked.

    Args:
        mask: a PNG of the frame's size, see `read_objects`.
        points: ``"x,y;x,y"``, see `read_points`.
        size: height and width of frames.

    Raises:
        ConfigError: if nothing was marked, or it cannot be used.
    """
    if mask is None and points is None:
        raise ConfigError('nothing to follow: give mask=FILE.png, painted over a frame, or points="x,y;x,y"')
    painted = np.zeros(size, np.uint8) if mask is None else read_objects(mask, size)
    places = np.zeros((0, 2), np.float32) if points is None else read_points(points, size)
    return Marks(mask=painted, objects=int(painted.max()), points=places)


def read_objects(path: Path, size: tuple[int, int]) -> np.ndarray:
    """Return the objects of a painted frame, numbered from 1, uint8 ``(H, W)``.

    In a palette PNG or one of greys each value but 0 is an object, and 255 is void where others are there; in colours
    each colour but black and what is transparent is one, in the order in which they come, row by row.

    Raises:
        ConfigError: if it cannot be read, has another size, no object, or more than `MOST`.
    """
    try:
        with open_picture(path, str(path)) as image:
            wanted = image.mode if image.mode in ("P", "L") else "L" if image.mode in ("1", "I;16") else "RGBA"
            with named_errors(str(path), DecodeError):
                pixels = np.asarray(image if image.mode == wanted else image.convert(wanted))
    except MediaError as error:
        raise ConfigError(f"mask: {path} cannot be read ({error.message})") from error
    if pixels.shape[:2] != size:
        raise ConfigError(
            f"mask: {path} is {pixels.shape[1]}x{pixels.shape[0]}, the frames are {size[1]}x{size[0]}; paint over one"
        )
    values = pixels.astype(np.int64)
    if values.ndim == 3:
        seen = values[..., 3] > 0
        values = np.where(seen, (values[..., 0] << 16) + (values[..., 1] << 8) + values[..., 2], 0)
        kinds, first = np.unique(values, return_index=True)
        kinds = kinds[np.argsort(first)]
    else:
        kinds = np.unique(values)
        if len(kinds[(kinds != 0) & (kinds != VOID)]):
            values, kinds = np.where(values == VOID, 0, values), kinds[kinds != VOID]
    kinds = kinds[kinds != 0]
    if not 0 < len(kinds) <= MOST:
        why = "holds no object, all of it is 0" if not len(kinds) else f"has {len(kinds)} colours; at most {MOST}"
        raise ConfigError(f"mask: {path} {why}; paint each object in one colour, without soft edges, on black")
    objects = np.zeros(size, np.uint8)
    for number, kind in enumerate(kinds.tolist(), 1):
        objects[values == kind] = number
    return objects


def read_points(text: str, size: tuple[int, int]) -> np.ndarray:
    """Return points, float32 ``(points, 2)``.

    Raises:
        ConfigError: if they are not written as ``"x,y;x,y"``, or one lies outside the frame.

    Examples:
        >>> read_points("3,4; 10.5,2", (20, 30)).tolist()
        [[3.0, 4.0], [10.5, 2.0]]
    """
    try:
        found = [[float(part) for part in one.split(",")] for one in text.split(";") if one.strip()]
    except ValueError:
        found = []
    if not found or any(len(one) != 2 for one in found):
        raise ConfigError(f'points: got {text!r}; write them as "x,y;x,y", in pixels from the upper left corner')
    points = np.array(found, np.float32)
    outside = ~((points >= -0.5) & (points <= np.array([size[1], size[0]]) - 0.5)).all(1)
    if outside.any():
        raise ConfigError(f"points: {found[int(outside.argmax())]} lies outside the frames of {size[1]}x{size[0]}")
    return points


def save_frame(image: np.ndarray, path: Path) -> None:
    """Write a frame, uint8 ``(H, W, 3)``, as a picture."""
    Image.fromarray(image).save(path, quality=88)
