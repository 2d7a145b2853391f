"""A dataset of pictures with the sound that belongs to each, in files beside them, as sets with boxes are published."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from avssl.data.base import DataError, Dataset, Key, split_key
from avssl.data.known_bad import BadItems
from avssl.data.recordings import PICTURES, find_recordings
from avssl.data.videos import silent
from avssl.media import open_sound
from avssl.media.base import Size
from avssl.media.errors import MediaError
from avssl.media.pictures import read_picture


class Stills(Dataset):
    """A picture and a window of sound, one of each an item, in the form of a video of one frame.

    Args:
        source: a manifest with the columns ``path`` (a picture) and ``sound``.
        split: keep only this split of the manifest.
        size: None as they are, a number for the short side, (height, width) for a fixed size, in pixels.
        seconds: length of the window, from the middle of the sound: there a clip's picture was taken.
        sound_rate: samples a second to return.
        on_bad: a pair that cannot be read raises (``"error"``) or is left out and told (``"skip"``);
            files that are known to be bad are then not tried again.

    Raises:
        ValueError: if the source holds no picture, or one has no sound.
    """

    def __init__(
        self,
        source: str | Path,
        split: str | None = None,
        size: Size = None,
        seconds: float = 1.0,
        sound_rate: int = 16000,
        on_bad: Literal["error", "skip"] = "error",
    ):
        if seconds <= 0 or sound_rate < 1:
            raise ValueError(f"needs seconds > 0 and sound_rate >= 1; got {seconds} and {sound_rate}")
        self.recordings, self.classes = find_recordings(source, split, PICTURES)
        mute = next((recording.path for recording in self.recordings if recording.sound is None), None)
        if mute is not None:
            raise ValueError(f"{source}: {mute} has no sound; needs a manifest with a column 'sound'")
        self.size, self.seconds, self.sound_rate = size, seconds, sound_rate
        pictures, sounds = zip(*((one.path, one.sound) for one in self.recordings), strict=True)
        self.bad = BadItems(on_bad, (pictures, ["picture"]), (sounds, ["sound"]))

    def __len__(self) -> int:
        return len(self.recordings)

    def __getitem__(self, key: Key) -> dict[str, Any]:
        """Return one pair, the same in every epoch.

        Returns:
            ``frames`` uint8 ``(1, 1, 3, H, W)``; ``times`` float64 ``(1, 1)``, the middle of the window in seconds;
            ``valid`` bool ``(1, 1)``; ``sound`` float32 ``(1, 1, samples)``, ``sound_valid``, ``silent``,
            ``sound_rate`` and ``sound_times`` as ``Videos`` has them; ``label``; ``group``; ``path``; ``key`` int64 (0,
            epoch, index). With ``on_bad="skip"``, a bad pair gives only ``failure``.

        Raises:
            MediaError: with ``on_bad="error"``, for a picture or a sound that cannot be read.
            DataError: with ``on_bad="error"``, for a sound without a sample.
        """
        epoch, index = split_key(key, len(self))
        recording = self.recordings[index]
        assert recording.sound is not None  # as the constructor has checked
        if index in self.bad.known:
            return self.bad.known[index]
        try:
            pixels = read_picture(recording.path, self.size)
            with open_sound(recording.sound) as opened:
                start, end = opened.info.start, opened.info.end
                if end <= start:
                    raise DataError(f"{recording.sound}: holds no sound")
                middle = (start + end) / 2
                window = np.array([[middle - self.seconds / 2, middle + self.seconds / 2]])
                sound = opened.sound(window, self.sound_rate, 1)
        except (MediaError, DataError) as error:
            return self.bad.failure(index, error)
        return {
            "frames": torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))[None, None],
            "times": torch.full((1, 1), middle, dtype=torch.float64),
            "valid": torch.ones(1, 1, dtype=torch.bool),
            "sound": sound.data,
            "sound_valid": sound.valid,
            "silent": silent(sound.data, sound.valid),
            "sound_rate": self.sound_rate,
            "sound_times": torch.from_numpy(window),
            "label": recording.label,
            "group": recording.group,
            "path": str(recording.path),
            "key": torch.tensor([0, epoch, index]),
        }
