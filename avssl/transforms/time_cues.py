"""Cues that tell when a frame is without anything being understood: planted, to see which methods of order take them.

Wei et al., "Learning and Using the Arrow of Time", CVPR 2018, names them: black borders whose noise a codec renews in
one direction, and compression between key frames. Light that drifts is as old as film.
"""

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from avssl.config import Recorded
from avssl.transforms.base import check_chance
from avssl.transforms.cues import blurred
from avssl.transforms.draws import Draws, stream_of


class TimeCue(Recorded, ABC):
    """Changes frames by their numbers within their recordings."""

    @abstractmethod
    def __call__(self, frames: Tensor, index: Tensor, key: Tensor) -> Tensor:
        """Return the changed frames.

        Args:
            frames: RGB, float in [0, 1], ``(clips, frames, 3, H, W)``.
            index: the number of each frame within its recording, int64 ``(clips, frames)``.
            key: names each clip, int64 ``(clips, parts)``.
        """


class Flicker(TimeCue):
    """Let the light rise steadily.

    Args:
        strength: by how much in ``frames`` frames, in units of the full range.
        frames: how many.
    """

    def __init__(self, strength: float = 0.5, frames: int = 64):
        self.strength, self.frames = check_chance(strength), frames

    def __call__(self, frames: Tensor, index: Tensor, key: Tensor) -> Tensor:
        return frames + self.strength * (index[..., None, None, None] / self.frames - 0.5)


class Bars(TimeCue):
    """Paint black bars above and below, in which noise grows from key frame to key frame, as codecs leave it.

    Args:
        width: of a bar, in pixels.
        strength: greatest noise, in units of the full range.
        group: frames from key frame to key frame.
    """

    def __init__(self, width: int = 4, strength: float = 0.3, group: int = 12):
        if min(width, group) < 1:
            raise ValueError(f"width and group must be at least 1; got {width} and {group}")
        self.width, self.strength, self.group = width, check_chance(strength), group

    def __call__(self, frames: Tensor, index: Tensor, key: Tensor) -> Tensor:
        noise = Draws(stream_of(key, 2)).uniform(1, 1, *frames.shape[-2:])
        grown = (index % self.group)[..., None, None, None] / self.group
        bars = torch.zeros(frames.shape[-2], 1, dtype=torch.bool, device=frames.device)
        bars[: self.width], bars[-self.width :] = True, True
        return (self.strength * grown * noise).where(bars, frames)


class Pulse(TimeCue):
    """Blur each key frame.

    Args:
        reach: standard deviation of the blur, in pixels.
        group: frames from key frame to key frame.
    """

    def __init__(self, reach: float = 1.0, group: int = 12):
        if reach <= 0 or group < 1:
            raise ValueError(f"reach must be above 0 pixels and group at least 1; got {reach} and {group}")
        self.reach, self.group = reach, group

    def __call__(self, frames: Tensor, index: Tensor, key: Tensor) -> Tensor:
        margin = round(3 * self.reach)
        wide = torch.nn.functional.pad(frames.flatten(0, 2)[:, None], (margin,) * 4, mode="reflect")
        soft = blurred(wide, self.reach, margin) / blurred(torch.ones_like(wide[:1]), self.reach, margin)
        return soft.view_as(frames).where((index % self.group == 0)[..., None, None, None], frames)


TIME_CUES: dict[str, TimeCue] = {"Flicker": Flicker(), "Bars": Bars(), "Pulse": Pulse()}
