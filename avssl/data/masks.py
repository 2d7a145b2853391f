"""Masks beside pictures and recordings: numbers of classes or objects for each pixel, 0 background, 255 void."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from avssl.data.arrays import read_arrays
from avssl.data.base import DataError
from avssl.data.recordings import Recording
from avssl.files import FileError, names_in
from avssl.media.errors import DecodeError, MediaError
from avssl.media.picture_files import named_errors, open_picture
from avssl.media.pictures import SUFFIXES, natural

VOID = 255  # what is painted so belongs to no class
PAINTED = ("masks", "parts")  # what an array of masks is called in an .npz


def read_mask(path: Path, size: tuple[int, int]) -> np.ndarray:
    """Return the classes that a mask paints, uint8 ``(H, W)``; the colours of its palette say nothing.

    Raises:
        DataError: if it cannot be read, is painted in colours instead of numbers, or has another size.
    """
    try:
        with open_picture(path, str(path)) as image:
            mode = image.mode
            with named_errors(str(path), DecodeError):
                mask = np.array(image)
    except MediaError as error:
        raise DataError(f"{path}: the mask cannot be read ({error.message})") from error
    if mode not in ("P", "L"):
        raise DataError(f"{path}: a mask of mode {mode}; classes are the values of a palette PNG or of one of 8 bits")
    if mask.shape != size:
        raise DataError(f"{path}: the mask is {mask.shape[1]}x{mask.shape[0]}, its picture {size[1]}x{size[0]}")
    return mask


def read_masks(recording: Recording, index: np.ndarray, frames: int, size: tuple[int, int]) -> np.ndarray:
    """Return the masks of some frames of a recording, uint8 ``(..., H, W)``.

    They lie in a folder of PNGs, one a frame and named like the frames of a folder of frames; or in an ``.npz`` with
    ``masks`` or ``parts`` ``(frames, H, W)``. Where the first frame alone is painted, the others are void.

    Args:
        recording: where its masks lie: ``masks``, or ``parts`` beside its key points.
        index: numbers of frames, of any shape.
        frames: of the recording.
        size: height and width of its pictures.

    Raises:
        DataError: if it has none, a frame lacks one, or they are of another size.
    """
    place = recording.masks or recording.keypoints
    if place is None:
        raise DataError(f"{recording.path} has no masks; give its manifest a column masks: a folder of PNGs or an .npz")
    if not place.exists():
        raise DataError(f"{place} does not exist; the masks of {recording.path} should lie there")
    chosen, back = np.unique(index, return_inverse=True)
    if place.is_dir():
        files = mask_files(recording.path, place, frames)
        there = [read_mask(files[one], size) if one in files else np.full(size, VOID, np.uint8) for one in chosen]
        return np.stack(there)[back].reshape(*index.shape, *size)
    arrays = read_arrays(place, optional=PAINTED)
    masks = next((arrays[name] for name in PAINTED if name in arrays), None)
    if masks is None:
        raise DataError(f"{place} has no masks; an array 'masks' (frames, height, width) is needed")
    if masks.shape != (frames, *size) or masks.dtype != np.uint8:
        raise DataError(f"{place}: masks should be uint8 {(frames, *size)}; got {masks.dtype} {masks.shape}")
    return masks[index]


def mask_files(recording: Path, folder: Path, frames: int) -> dict[int, Path]:
    """Return the mask of each frame that has one, by the number of the frame.

    Raises:
        DataError: if some later frames have masks and others none.
    """
    try:
        found = sorted(names_in(folder, frozenset((".png",)), depth=0), key=natural)
        stems = [Path(name).stem for name in found]
        numbers: Sequence[str] = [str(number) for number in range(frames)]
        if recording.is_dir():
            numbers = [Path(name).stem for name in sorted(names_in(recording, SUFFIXES, depth=0), key=natural)]
            files = dict(zip(stems, found, strict=True))
        else:
            files = dict(zip(numbers, found, strict=False))
    except FileError as error:
        raise DataError(str(error)) from error
    masks = {place: folder / files[name] for place, name in enumerate(numbers) if name in files}
    missing = [name for place, name in enumerate(numbers) if place not in masks]
    if missing and (len(found) != 1 or 0 not in masks):
        raise DataError(
            f"{folder} has masks of {len(masks)} of the {frames} frames of {recording} (none of {missing[0]}); all "
            "frames need one, or the first alone"
        )
    return masks


def nearest(values: Tensor, size: Sequence[int]) -> Tensor:
    """Return ``(..., H, W)`` at another size, each pixel the one at its place; nothing is mixed."""
    for side, wanted in zip((-2, -1), size, strict=True):
        have = values.shape[side]
        if have != wanted:
            place = ((torch.arange(wanted) + 0.5) * have / wanted).long()
            values = values.index_select(side, place)
    return values
