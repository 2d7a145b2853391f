"""A dataset of recordings: what a sampler chooses to see of each."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from avssl.config import Positive
from avssl.data.arrays import read_keypoints
from avssl.data.base import DataError, Key, split_key
from avssl.data.copies import Copy
from avssl.data.decoded import Decoded
from avssl.data.known_bad import BadItems, Kind
from avssl.data.makers import DecodedVideo, VideoMaker
from avssl.data.masks import nearest, read_masks
from avssl.data.parts import cut, shift
from avssl.data.recordings import Recording, find_recordings
from avssl.data.store import Where
from avssl.data.tracks import read_track
from avssl.media import Reader, motion_profile, open_video
from avssl.media.base import Size
from avssl.media.errors import MediaError
from avssl.sampling import Sampler, rng_for

SILENCE = 1e-3  # of full scale: -60 dB


class Videos(Decoded):
    """Frames of recordings, where a sampler looks.

    Args:
        source: a folder tree, a flat folder, a CSV or Parquet manifest, or ``"demo:figures"``.
        sampler: which frames to look at.
        split: keep only this split of a manifest (or this sub-folder of a folder).
        size: None for frames as filmed, a number for the short side, (height, width) for a fixed size, in pixels.
        seed: with epoch and index it fixes every draw.
        backend: ``"auto"``, ``"pyav"``, ``"decord"`` or ``"torchcodec"``.
        motion: give the sampler a motion profile of each recording: ``"difference"`` or ``"farneback"``; made
            once a recording and cached.
        sound_rate: with samplers that choose windows of sound: samples a second to return.
        on_bad: a recording that cannot be read raises (``"error"``) or is left out and told (``"skip"``);
            files that are known to be bad are then not tried again.
        masks: return the masks of the frames, too, see `avssl.data.masks.read_masks`.
        tracks: return the box of what is followed, too, see `avssl.data.tracks.read_track`.
        cache: keep all frames decoded at their size, with the same bits: ``"memory"`` of this process and those that
            load for it, or ``"file"``, mapped by all processes and kept for the next time. For short recordings.
        cache_gb: gigabytes that the copies may take; None for four fifths of what is free.

    Raises:
        ValueError: if the source holds no recording, or the sampler weighs by motion and ``motion`` is None.
        ConfigError: at the first reading, if the copies do not fit.
    """

    def __init__(
        self,
        source: str | Path,
        sampler: Sampler,
        split: str | None = None,
        size: Size = None,
        seed: int = 0,
        backend: Literal["auto", "pyav", "decord", "torchcodec"] = "auto",
        motion: Literal["difference", "farneback"] | None = None,
        sound_rate: int | None = None,
        on_bad: Literal["error", "skip"] = "error",
        masks: bool = False,
        tracks: bool = False,
        cache: Where | None = None,
        cache_gb: Positive | None = None,
    ):
        if sampler.needs_motion and motion is None:
            raise ValueError(f"{type(sampler).__name__} weighs by motion: set motion to 'difference' or 'farneback'")
        self.recordings, self.classes = find_recordings(source, split)
        self.sampler, self.size, self.seed, self.backend = sampler, size, seed, backend
        self.motion: Literal["difference", "farneback"] | None = motion
        self.sound_rate, self.masks, self.tracks = sound_rate, masks, tracks
        kinds: list[Kind] = ["video"] if sound_rate is None else ["video", "video with sound"]
        self.bad = BadItems(on_bad, ((one.path for one in self.recordings), kinds))
        self.cache: Where | None = cache
        self.cache_gb = cache_gb

    def __len__(self) -> int:
        return len(self.recordings)

    def __getitem__(self, key: Key) -> dict[str, Any]:
        """Return one look at a recording.

        Returns:
            ``frames`` uint8 ``(clips, frames, 3, H, W)``; ``times`` float64 ``(clips, frames)`` in seconds;
            ``index`` int64 and ``valid`` bool of the same shape; ``label``; ``path``; ``key`` int64 (seed, epoch,
            index); ``group``, and ``labels`` float32 ``(classes,)`` where the manifest has several. With key points:
            ``keypoints`` float32 ``(clips, frames, joints, 2)`` in pixels of the returned frames and ``visible``. With
            ``masks=True``: ``masks`` uint8 ``(clips, frames, H, W)`` of the returned size, 255 for void. With
            ``tracks=True``: ``boxes`` float32 ``(clips, frames, 4)``, left, top, right and bottom edges in pixels of
            the returned frames, NaN where unknown. With sound: ``sound`` float32 ``(clips, 1, samples)``,
            ``sound_valid`` ``(clips, samples)``, ``silent`` ``(clips,)``: no louder than -60 dB of full scale,
            ``sound_rate`` in samples a second, ``sound_times`` float64 ``(clips, 2)``: start and end of each window in
            seconds.
            With ``on_bad="skip"``, a bad recording gives only ``failure``.

        Raises:
            MediaError: with ``on_bad="error"``, for a recording that cannot be read.
            DataError: with ``on_bad="error"``, for a recording that is too short for the sampler.
        """
        epoch, index = split_key(key, len(self))
        recording = self.recordings[index]
        if index in self.bad.known:
            return self.bad.known[index]
        copy = self.copy_of(index)
        try:
            item = self.look(recording, rng_for(self.seed, epoch, index), copy)
        except ValueError as error:  # MediaErrors, and the samplers' word that a recording is too short
            if self.bad.policy == "skip" or isinstance(error, MediaError):
                return self.bad.failure(index, error)
            raise DataError(f"{recording.path}: {error}") from error
        about = {"label": recording.label, "group": recording.group, "path": str(recording.path)}
        if recording.labels:
            about["labels"] = torch.tensor(recording.labels)
        return item | about | {"key": torch.tensor([self.seed, epoch, index])}

    def maker(self) -> VideoMaker:
        return VideoMaker(self.size, self.backend)

    def open(self, recording: Recording, copy: Copy | None = None) -> Reader | DecodedVideo:
        """Open a recording, or its decoded copy."""
        if copy is not None:
            return DecodedVideo(recording.path, *copy)
        return open_video(recording.path, backend=self.backend, size=self.size)

    def look(self, recording: Recording, rng: np.random.Generator, copy: Copy | None = None) -> dict[str, Any]:
        """Open a recording, choose, and decode."""
        with self.open(recording, copy) as video:
            whole = video.timeline
            if self.motion is not None:
                whole = whole.with_motion(motion_profile(recording.path, method=self.motion))
            part, first = cut(whole, recording)
            clips = shift(self.sampler(part, rng), first, whole)
            frames = video.read(clips)
            item: dict[str, Any] = {
                "frames": frames.data,
                "times": torch.from_numpy(frames.times),
                "index": torch.from_numpy(clips.index),
                "valid": torch.from_numpy(clips.valid & frames.valid),
            }
            if self.sound_rate is not None and clips.sound is not None:
                sound = video.sound(clips.sound, self.sound_rate)
                item |= {"sound": sound.data, "sound_valid": sound.valid, "silent": silent(sound.data, sound.valid)}
                item |= {"sound_rate": self.sound_rate, "sound_times": torch.from_numpy(clips.sound)}
            filmed = (video.info.height, video.info.width) if isinstance(video, Reader) else video.filmed
        if recording.keypoints is not None:
            scale = [have / was for have, was in zip(frames.data.shape[-2:], filmed, strict=True)]
            item |= keypoints(recording.keypoints, clips.index, scale, frames=len(whole.times))
        if self.masks:
            found = read_masks(recording, clips.index, len(whole.times), filmed)
            item["masks"] = nearest(torch.from_numpy(found), frames.data.shape[-2:])
        if self.tracks:
            scale = np.tile(np.divide(frames.data.shape[-2:], filmed)[::-1], 2)
            boxes = read_track(recording, len(part.times))[clips.index - first] * scale
            item["boxes"] = torch.from_numpy(boxes.astype(np.float32))
        return item


def silent(sound: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
    """Return which windows hold nothing to hear: a root mean square of at most `SILENCE` over their true samples.

    Args:
        sound: ``(windows, channels, samples)``.
        valid: bool ``(windows, samples)``; a window without a true sample is silent.

    Examples:
        >>> wave = torch.cat([torch.full((1, 1, 4), 0.1), torch.full((1, 1, 4), 1e-4)])
        >>> silent(wave, torch.ones(2, 4, dtype=torch.bool))
        tensor([False,  True])
    """
    power = (sound.square().mean(1) * valid).sum(1) / valid.sum(1).clamp(min=1)
    return power.sqrt() <= SILENCE


def keypoints(path: Path, index: np.ndarray, scale: list[float], frames: int) -> dict[str, torch.Tensor]:
    """Read key points of a recording of so many frames, and bring them to the size of the returned ones."""
    points, visible = read_keypoints(path, frames)
    places = (points[index] + 0.5) * np.array(scale[::-1], dtype=np.float32) - 0.5  # 0 is a pixel's centre
    return {"keypoints": torch.from_numpy(places.astype(np.float32)), "visible": torch.from_numpy(visible[index])}
