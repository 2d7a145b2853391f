"""A dataset of pictures: a folder tree, a flat folder, or a manifest of pictures."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from avssl.config import Positive
from avssl.data.base import Key, split_key
from avssl.data.decoded import Decoded
from avssl.data.known_bad import BadItems
from avssl.data.makers import PictureMaker
from avssl.data.recordings import PICTURES, Recording, find_recordings
from avssl.data.store import Where
from avssl.media.base import Size
from avssl.media.errors import MediaError
from avssl.media.pictures import BLACK, Fit, Ground, read_picture


class Pictures(Decoded):
    """Pictures, one an item, in the form of a video of one frame: what works on frames works on them.

    Args:
        source: a folder of class folders, a flat folder, or a CSV or Parquet manifest, see `find_recordings`.
        split: keep only this split of a manifest (or this sub-folder of a folder).
        size: None as they are, a number for the short side, (height, width) for a fixed size, in pixels.
        fit: how pictures of another shape come to a fixed size: ``"stretch"``; ``"cover"``, their middle fills all and
            the rest is cut off; or ``"contain"``, all of them before ``ground``.
        ground: red, green and blue, 0 to 255, behind transparent parts and beside pictures that are contained.
        least: a picture whose shorter side has fewer pixels is a bad one, not an enlarged one.
        seed: with epoch and index it fixes what methods draw for a picture.
        on_bad: a picture that cannot be read raises (``"error"``) or is left out and told (``"skip"``);
            files that are known to be bad are then not tried again.
        cache: keep pictures decoded at their size, with the same bits: in ``"memory"`` of this process and those that
            load for it, or in a ``"file"``, mapped by all processes and kept for the next time.
        cache_gb: gigabytes that the copies may take; None for four fifths of what is free.

    Whatever the file holds becomes RGB of 8 bits: CMYK, grey, palettes, 16 bits (scaled, not cut off), the orientation
    of a camera's EXIF is applied, and of an animation the first frame is taken.

    Raises:
        ValueError: if the source holds no picture.
        ConfigError: at the first reading, if the copies do not fit.
    """

    def __init__(
        self,
        source: str | Path,
        split: str | None = None,
        size: Size = None,
        fit: Fit = "stretch",
        ground: Ground = BLACK,
        least: int = 1,
        seed: int = 0,
        on_bad: Literal["error", "skip"] = "error",
        cache: Where | None = None,
        cache_gb: Positive | None = None,
    ):
        if fit != "stretch" and not isinstance(size, tuple | list):
            raise ValueError(f"fit={fit} needs a fixed size, [height, width]; got size={size}")
        if any(not 0 <= value <= 255 for value in ground):
            raise ValueError(f"ground is red, green and blue from 0 to 255; got {list(ground)}")
        self.recordings, self.classes = find_recordings(source, split, PICTURES)
        self.size, self.least, self.seed = size, least, seed
        self.bad = BadItems(on_bad, ((one.path for one in self.recordings), ["picture"]))
        self.fit: Fit = fit
        self.ground: Ground = ground
        self.cache: Where | None = cache
        self.cache_gb = cache_gb

    def __len__(self) -> int:
        return len(self.recordings)

    def __getitem__(self, key: Key) -> dict[str, Any]:
        """Return one picture, the same in every epoch.

        Returns:
            ``frames`` uint8 ``(1, 1, 3, H, W)``; ``times`` float64 ``(1, 1)``, 0; ``valid`` bool ``(1, 1)``; ``label``;
            ``labels`` float32 ``(classes,)`` where the manifest has several; ``group``; ``path``; ``key`` int64
            (seed, epoch, index). With ``on_bad="skip"``, a bad picture gives only ``failure``.

        Raises:
            MediaError: with ``on_bad="error"``, for a picture that cannot be read.
        """
        epoch, index = split_key(key, len(self))
        recording = self.recordings[index]
        if index in self.bad.known:
            return self.bad.known[index]
        copy = self.copy_of(index)
        try:
            pixels = copy[0] if copy else self.read(recording)
        except MediaError as error:
            return self.bad.failure(index, error)
        item = {
            "frames": torch.from_numpy(pixels.copy())[None, None],
            "times": torch.zeros(1, 1, dtype=torch.float64),
            "valid": torch.ones(1, 1, dtype=torch.bool),
            "label": recording.label,
            "group": recording.group,
            "path": str(recording.path),
            "key": torch.tensor([self.seed, epoch, index]),
        }
        return item | ({"labels": torch.tensor(recording.labels)} if recording.labels else {})

    def maker(self) -> PictureMaker:
        return PictureMaker(self.size, self.fit, self.ground, self.least)

    def read(self, recording: Recording) -> np.ndarray:
        """Return the pixels of a picture from its file, uint8 ``(3, H, W)``."""
        pixels = read_picture(recording.path, self.size, self.fit, self.ground, self.least)
        return pixels.transpose(2, 0, 1)
