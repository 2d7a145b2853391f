"""How pictures and videos become decoded copies, and how clips are taken from such a copy."""

from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from avssl.data.copies import Maker, Plan
from avssl.data.parts import cut
from avssl.data.recordings import Recording
from avssl.media import Frames, Sound, open_video
from avssl.media.base import Size
from avssl.media.motion import stretches
from avssl.media.picture_files import displayed_size, open_picture
from avssl.media.pictures import Fit, Ground, read_picture
from avssl.media.resize import output_size
from avssl.sampling import Clips, Timeline

FIXED = (1, 1)  # height and width of a picture that nobody has opened, where the size asked for is fixed


class PictureMaker(Maker):
    """Pictures as `avssl.data.Pictures` gives them, uint8 ``(3, H, W)``; arguments are those of `read_picture`."""

    def __init__(self, size: Size, fit: Fit, ground: Ground, least: int):
        self.size: Size = size
        self.fit: Fit = fit
        self.ground: Ground = ground
        self.least = least
        self.recipe = {"pictures": [size, fit, list(ground), least]}

    def plan(self, recording: Recording) -> Plan:
        have = FIXED
        if not isinstance(self.size, tuple | list):
            with open_picture(recording.path, str(recording.path)) as image:
                have = displayed_size(image)
        return Plan(shape=(3, *output_size(*have, self.size)), times=np.empty(0), about={})

    def decode(self, recording: Recording, plan: Plan) -> Iterator[np.ndarray]:
        pixels = read_picture(recording.path, self.size, self.fit, self.ground, self.least)
        if pixels.shape[:2] == plan.shape[1:]:  # else its header does not tell its size
            yield np.ascontiguousarray(pixels.transpose(2, 0, 1))


class VideoMaker(Maker):
    """All frames of the part of a recording that is used, uint8 ``(frames, H, W, 3)``; arguments as of `open_video`."""

    def __init__(self, size: Size, backend: str):
        self.size: Size = size
        self.backend = backend
        self.recipe = {"videos": [size, backend, *([version(backend)] if backend in ("decord", "torchcodec") else [])]}

    def plan(self, recording: Recording) -> Plan:
        with open_video(recording.path, backend=self.backend, size=self.size) as video:
            whole, info = video.timeline, video.info
        part, first = cut(whole, recording)
        about = {"first": first, "end": whole.end, "sound": whole.sound, "filmed": (info.height, info.width)}
        shape = (len(part.times), *output_size(info.height, info.width, self.size), 3)
        return Plan(shape=shape, times=whole.times, about=about)

    def decode(self, recording: Recording, plan: Plan) -> Iterator[np.ndarray]:
        first = plan.about["first"]
        with open_video(recording.path, backend=self.backend, size=self.size) as video:
            scan = video.index
            for frames in stretches(video, first, first + plan.shape[0]):
                pixels = video.frames(frames).data.movedim(-3, -1).numpy()
                if video.index is not scan:  # other frames came out than were promised, and were counted anew
                    return
                yield pixels


class DecodedVideo:
    """A recording's decoded copy, read as `avssl.media.Reader` reads the recording; its sound comes from the file.

    Args:
        path: the recording.
        pixels: uint8 ``(frames, H, W, 3)``, from frame ``about["first"]`` on.
        times: of all frames of the recording.
        about: what `VideoMaker.plan` knows.
    """

    def __init__(self, path: Path, pixels: np.ndarray, times: np.ndarray, about: dict[str, Any]):
        self.path, self._pixels, self._first = path, pixels, about["first"]
        sound = about["sound"]
        self.timeline = Timeline(times=times, end=about["end"], sound=None if sound is None else (sound[0], sound[1]))
        self.filmed = (about["filmed"][0], about["filmed"][1])

    def __enter__(self) -> "DecodedVideo":
        return self

    def __exit__(self, *_: object) -> None:
        """Hold nothing."""

    def read(self, clips: Clips) -> Frames:
        """Return a sampler's clips, as `avssl.media.Reader.read` does."""
        pixels = torch.from_numpy(self._pixels[clips.index - self._first]).movedim(-1, -3)
        return Frames(data=pixels, times=self.timeline.times[clips.index], index=clips.index, valid=clips.valid)

    def sound(self, windows: np.ndarray, rate: int) -> Sound:
        """Return windows of sound, as `avssl.media.Reader.sound` does."""
        with open_video(self.path) as video:
            return video.sound(windows, rate)
