"""A dataset of pictures: a folder tree, a flat folder, or a manifest of pictures."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from avssl.data.base import Dataset, Key, split_key
from avssl.data.recordings import PICTURES, find_recordings
from avssl.media.base import Size
from avssl.media.errors import MediaError
from avssl.media.pictures import read_picture


class Pictures(Dataset):
    """Pictures, one an item, in the form of a video of one frame: what works on frames works on them.

    Args:
        source: a folder of class folders, a flat folder, or a CSV or Parquet manifest, see `find_recordings`.
        split: keep only this split of a manifest (or this sub-folder of a folder).
        size: None as they are, a number for the short side, (height, width) for a fixed size, in pixels.
        on_bad: a picture that cannot be read raises (``"error"``) or is left out and told (``"skip"``).

    Raises:
        ValueError: if the source holds no picture.
    """

    def __init__(
        self,
        source: str | Path,
        split: str | None = None,
        size: Size = None,
        on_bad: Literal["error", "skip"] = "error",
    ):
        self.recordings, self.classes = find_recordings(source, split, PICTURES)
        self.size, self.on_bad = size, on_bad

    def __len__(self) -> int:
        return len(self.recordings)

    def __getitem__(self, key: Key) -> dict[str, Any]:
        """Return one picture, the same in every epoch.

        Returns:
            ``frames`` uint8 ``(1, 1, 3, H, W)``; ``times`` float64 ``(1, 1)``, 0; ``valid`` bool ``(1, 1)``; ``label``;
            ``labels`` float32 ``(classes,)`` where the manifest has several; ``group``; ``path``; ``key`` int64
            (0, epoch, index). With ``on_bad="skip"``, a bad picture gives only ``failure``.

        Raises:
            MediaError: with ``on_bad="error"``, for a picture that cannot be read.
        """
        epoch, index = split_key(key, len(self))
        recording = self.recordings[index]
        try:
            pixels = read_picture(recording.path, self.size)
        except MediaError as error:
            if self.on_bad == "skip":
                return {"failure": {"path": str(recording.path), "error": str(error)}}
            raise
        item = {
            "frames": torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))[None, None],
            "times": torch.zeros(1, 1, dtype=torch.float64),
            "valid": torch.ones(1, 1, dtype=torch.bool),
            "label": recording.label,
            "group": recording.group,
            "path": str(recording.path),
            "key": torch.tensor([0, epoch, index]),
        }
        return item | ({"labels": torch.tensor(recording.labels)} if recording.labels else {})
