"""A dataset of sounds: windows of recordings, of files of sound or of videos."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from avssl.data.base import DataError, Dataset, Key, split_key
from avssl.data.known_bad import BadItems
from avssl.data.recordings import ENDINGS, SOUNDS, Recording, find_recordings
from avssl.data.videos import silent
from avssl.media import open_sound
from avssl.media.errors import MediaError
from avssl.sampling import rng_for


class Sounds(Dataset):
    """Windows of the sound of recordings, one recording an item.

    Args:
        source: a folder of class folders, a flat folder, or a manifest, of sound files or of videos.
        split: keep only this split of a manifest (or this sub-folder of a folder).
        seconds: length of a window.
        windows: how many of each recording: evenly spaced from its start to its end, or drawn.
        pick: ``"even"``, or ``"random"``: anywhere, by seed, epoch and index.
        rate: samples a second to return.
        channels: to return; the recording's are mixed to so many.
        seed: with epoch and index it fixes every draw.
        on_bad: a recording that cannot be read raises (``"error"``) or is left out and told (``"skip"``);
            files that are known to be bad are then not tried again.

    Raises:
        ValueError: if the source holds no recording, or a number is too small.
    """

    def __init__(
        self,
        source: str | Path,
        split: str | None = None,
        seconds: float = 1.0,
        windows: int = 10,
        pick: Literal["even", "random"] = "even",
        rate: int = 16000,
        channels: int = 1,
        seed: int = 0,
        on_bad: Literal["error", "skip"] = "error",
    ):
        if seconds <= 0 or min(windows, rate, channels) < 1:
            raise ValueError(
                f"needs seconds > 0 and windows, rate, channels >= 1; got {seconds}, {windows}, {rate}, {channels}"
            )
        self.recordings, self.classes = find_recordings(source, split, SOUNDS | ENDINGS)
        self.seconds, self.windows, self.rate, self.channels, self.seed = seconds, windows, rate, channels, seed
        self.pick: Literal["even", "random"] = pick
        self.bad = BadItems(on_bad, ((one.path for one in self.recordings), ["sound"]))

    def __len__(self) -> int:
        return len(self.recordings)

    def __getitem__(self, key: Key) -> dict[str, Any]:
        """Return the windows of one recording.

        Returns:
            ``sound`` float32 ``(windows, channels, samples)``, zero beyond a recording that is shorter; ``sound_valid``
            bool ``(windows, samples)``; ``silent`` bool ``(windows,)``; ``sound_rate``; ``times`` float64 ``(windows,
            2)``, start and end in seconds; ``label``; ``labels`` where the manifest has several; ``group``; ``path``;
            ``key`` int64 (seed, epoch, index). With ``on_bad="skip"``, a bad recording gives only ``failure``.

        Raises:
            MediaError: with ``on_bad="error"``, for a recording that cannot be read or has no sound.
            DataError: with ``on_bad="error"``, for a part without sound.
        """
        epoch, index = split_key(key, len(self))
        recording = self.recordings[index]
        if index in self.bad.known:
            return self.bad.known[index]
        try:
            item = self.listen(recording, rng_for(self.seed, epoch, index))
        except (MediaError, DataError) as error:
            return self.bad.failure(index, error)
        about = {"label": recording.label, "group": recording.group, "path": str(recording.path)}
        if recording.labels:
            about["labels"] = torch.tensor(recording.labels)
        return item | about | {"key": torch.tensor([self.seed, epoch, index])}

    def listen(self, recording: Recording, rng: np.random.Generator) -> dict[str, Any]:
        """Open a recording, choose windows and decode them."""
        with open_sound(recording.path) as sound:
            start = max(sound.info.start, recording.start or 0.0)
            end = sound.info.end if recording.end is None else min(sound.info.end, recording.end)
            if end <= start:
                raise DataError(
                    f"{recording.path}: no sound between {recording.start or 0} s and {recording.end} s; it lasts from "
                    f"{sound.info.start:.3f} to {sound.info.end:.3f} s"
                )
            room = max(0.0, end - start - self.seconds)
            places = np.linspace(0, 1, self.windows) if self.windows > 1 else np.array([0.5])
            if self.pick == "random":
                places = rng.random(self.windows)
            first = start + room * places
            heard = sound.sound(np.stack([first, first + self.seconds], 1), self.rate, self.channels)
        return {
            "sound": heard.data,
            "sound_valid": heard.valid,
            "silent": silent(heard.data, heard.valid),
            "sound_rate": self.rate,
            "times": torch.from_numpy(np.stack([first, first + self.seconds], 1)),
        }
