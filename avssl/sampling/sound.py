"""Windows of sound beside the clips of any sampler, in step with the picture or out of it.

Out of step on purpose: Korbar, Tran and Torresani, "Cooperative Learning of Audio and Video Models from
Self-Supervised Synchronization", NeurIPS 2018, https://arxiv.org/abs/1807.00230.
"""

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from avssl.sampling.base import Clips, Sampler, Timeline, needs_rng
from avssl.sampling.checks import check_choice


@dataclass(frozen=True, kw_only=True)
class WithSound(Sampler):
    """The clips of another sampler, each with a window of sound.

    A clip lasts from its earliest frame to its latest, and one mean distance of its frames more; a clip of one frame
    lasts while that frame is on screen. Both ends are the times that were asked for, on the recording's one clock.

    Args:
        sampler: chooses the frames.
        seconds: how long each window lasts; None matches the clip.
        offset: how much later than the clip the window stands, in seconds; negative is earlier.
        align: ``"start"``: window and clip start together; ``"centre"``: their middles fall together.
        jitter: the window is moved by up to so many seconds, earlier or later, drawn anew for each clip (0: never).
            With windows of ``s`` seconds around single frames (``align="centre"``), ``s / 2`` keeps the frame within
            the window, as L3-Net samples; the same rule for every clip leaves no trace of which pairs are true.
        edge: ``"mask"`` lets a window leave the sound track (the reader marks what is missing); ``"shift"`` moves it
            just inside, where the track is long enough.

    Raises:
        ValueError: when called on a recording without sound.

    Examples:
        >>> from avssl.sampling import Consecutive, Timeline
        >>> timeline = Timeline.constant(frames=50, rate=25, sound=(0.0, 2.0))
        >>> WithSound(sampler=Consecutive(frames=25), seconds=0.5, align="centre")(timeline).sound.tolist()
        [[0.25, 0.75]]
    """

    sampler: Sampler
    seconds: float | None = None
    offset: float = 0.0
    align: Literal["start", "centre"] = "start"
    jitter: float = 0.0
    edge: Literal["mask", "shift"] = "mask"

    def __post_init__(self):
        if self.seconds is not None and not (self.seconds > 0 and math.isfinite(self.seconds)):
            raise ValueError(f"WithSound: seconds must be above 0, or None to match the clip; got {self.seconds!r}")
        if not math.isfinite(self.offset):
            raise ValueError(f"WithSound: offset must be a finite number of seconds; got {self.offset!r}")
        if not (self.jitter >= 0 and math.isfinite(self.jitter)):
            raise ValueError(f"WithSound: jitter must be at least 0 seconds; got {self.jitter!r}")
        check_choice(self, "align", ("start", "centre"))
        check_choice(self, "edge", ("mask", "shift"))

    @property
    def needs_motion(self) -> bool:
        return self.sampler.needs_motion

    def __call__(self, timeline: Timeline, rng: np.random.Generator | None = None) -> Clips:
        track = _track(timeline, self)
        clips = self.sampler(timeline, rng)
        starts, ends = clip_spans(clips, timeline)
        length = ends - starts if self.seconds is None else np.full(len(clips), float(self.seconds))
        if self.align == "centre":
            starts = (starts + ends - length) / 2
        starts = starts + self.offset
        if self.jitter:
            starts = starts + needs_rng(rng, self).uniform(-self.jitter, self.jitter, len(starts))
        if self.edge == "shift":
            starts = np.maximum(np.minimum(starts, track[1] - length), track[0])
        return replace(clips, sound=np.stack([starts, starts + length], axis=1))


@dataclass(frozen=True, kw_only=True)
class MisalignedSound(Sampler):
    """The clips of a sampler with sound, each window moved out of step: another moment of the same recording.

    The shift is earlier or later, every shift in the range that keeps the window within the sound track being as
    likely.

    Args:
        sampler: chooses frames and windows; ``WithSound`` around any other.
        offset: ``(least, most)`` size of the shift in seconds; least above 0. A least shift of the window's length
            leaves nothing shared (an easier negative), a smaller one overlaps (a harder one).
        short: what to do where the track holds no such shift. ``"scale"`` shifts as far as the track allows, and marks
            the clip in ``Clips.shrunk``; ``"error"`` refuses.

    Raises:
        ValueError: when called on a recording without sound, or around a sampler that asks for none.

    Examples:
        >>> from avssl.sampling import Consecutive, Timeline, rng_for
        >>> timeline = Timeline.constant(frames=250, rate=25, sound=(0.0, 10.0))
        >>> apart = MisalignedSound(sampler=WithSound(sampler=Consecutive(frames=25)), offset=(2, 4))
        >>> start, end = apart(timeline, rng_for(0, epoch=0, sample=0)).sound[0]
        >>> bool(2 <= start <= 4 and abs(end - start - 1) < 1e-9)
        True
    """

    sampler: Sampler
    offset: tuple[float, float]
    short: Literal["scale", "error"] = "scale"

    def __post_init__(self):
        offset = tuple(self.offset)
        if len(offset) != 2 or not 0 < offset[0] <= offset[1] < math.inf:
            raise ValueError(
                f"MisalignedSound: offset must be (least, most) seconds, 0 < least <= most; got {self.offset!r}"
            )
        object.__setattr__(self, "offset", offset)
        check_choice(self, "short", ("scale", "error"))

    @property
    def needs_motion(self) -> bool:
        return self.sampler.needs_motion

    def __call__(self, timeline: Timeline, rng: np.random.Generator | None = None) -> Clips:
        rng = needs_rng(rng, self)
        track = _track(timeline, self)
        clips = self.sampler(timeline, rng)
        if clips.sound is None:
            raise ValueError(
                f"MisalignedSound shifts windows of sound, but {self.sampler} asks for none: use WithSound"
            )
        shifts = [self._shift(window, track, rng) for window in clips.sound]
        shrunk = np.array([short for _, short in shifts], dtype=bool)
        return replace(
            clips,
            sound=clips.sound + np.array([shift for shift, _ in shifts])[:, None],
            shrunk=shrunk if clips.shrunk is None else shrunk | clips.shrunk,
        )

    def _shift(self, window: np.ndarray, track: tuple[float, float], rng: np.random.Generator) -> tuple[float, bool]:
        least, most = self.offset
        sides = np.maximum(0.0, [window[0] - track[0], track[1] - window[1]])  # room to move earlier, and later
        fits = sides >= least
        if not fits.any():
            if self.short == "error":
                raise ValueError(
                    f"the sound, {track[0]:.3f} to {track[1]:.3f} s, is too short to move the window "
                    f"{window[0]:.3f} to {window[1]:.3f} s by {least:g} s; choose short='scale' to move it less"
                )
            return (-sides[0] if sides[0] > sides[1] else sides[1]), True
        width = np.where(fits, np.minimum(most, sides) - least, 0.0)
        chance = width / width.sum() if width.sum() > 0 else fits / fits.sum()
        side = rng.choice(2, p=chance)
        return (-1, 1)[side] * (least + rng.uniform(0, width[side])), False


def clip_spans(clips: Clips, timeline: Timeline) -> tuple[np.ndarray, np.ndarray]:
    """Return when each clip starts and ends, in seconds, each ``(clips,)``."""
    first, last = clips.times.min(axis=1), clips.times.max(axis=1)
    frames = clips.times.shape[1]
    if frames > 1:
        return first, last + (last - first) / (frames - 1)
    shown = np.append(timeline.times[1:], max(timeline.end, timeline.times[-1]))[clips.index[:, 0]]
    return first, np.maximum(first, shown)


def _track(timeline: Timeline, sampler: Sampler) -> tuple[float, float]:
    if timeline.sound is None:
        raise ValueError(
            f"the recording has no sound, and {type(sampler).__name__} needs it; leave out recordings without sound"
        )
    return timeline.sound
