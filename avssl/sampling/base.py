"""The contract of samplers: what they may know, what they decide, and where chance comes from."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np


@dataclass(frozen=True, eq=False, kw_only=True)
class Timeline:
    """All that a sampler may know of a recording.

    Every time is in seconds on one clock, which starts with the first video frame.

    Args:
        times: when each frame appears, float64 ``(frames,)``, rising.
        end: when the last frame leaves the screen.
        sound: when the sound starts and ends on the same clock; None without sound.
        motion: how much moves at each frame, ``(frames,)``, at least 0, any unit; None when unknown.

    Attributes:
        slack: how late a frame may appear and still count when frames are picked by time, in seconds. Containers
            round times (Matroska and FLV to a millisecond), so this is a millisecond, but never more than a quarter
            of the shortest distance between two frames.

    Raises:
        ValueError: if the times do not rise, or the arrays do not fit together.
    """

    times: np.ndarray
    end: float
    sound: tuple[float, float] | None = None
    motion: np.ndarray | None = field(default=None, repr=False)
    slack: float = field(init=False, repr=False)

    def __post_init__(self):
        times = np.asarray(self.times, dtype=np.float64)
        object.__setattr__(self, "times", times)
        object.__setattr__(self, "end", float(self.end))
        if times.ndim != 1 or not len(times):
            raise ValueError(f"a timeline needs one time a frame and at least one frame; got shape {times.shape}")
        if not np.isfinite(times).all() or (np.diff(times) <= 0).any():
            raise ValueError("frame times must be finite and rise from frame to frame")
        object.__setattr__(self, "slack", min(0.001, 0.25 * float(np.diff(times).min(initial=np.inf))))
        if not self.end >= times[-1]:
            raise ValueError(f"the end ({self.end} s) lies before the last frame ({times[-1]} s)")
        if self.motion is not None:
            motion = np.asarray(self.motion, dtype=np.float64)
            if motion.shape != times.shape or not np.isfinite(motion).all() or (motion < 0).any():
                raise ValueError(
                    f"motion must be one finite number of at least 0 a frame; got shape {motion.shape} "
                    f"for {len(times)} frames"
                )
            object.__setattr__(self, "motion", motion)

    @classmethod
    def constant(cls, frames: int, rate: float | Fraction, sound: tuple[float, float] | None = None) -> "Timeline":
        """Return the timeline of ``frames`` frames shown at a constant ``rate`` (frames per second).

        Examples:
            >>> Timeline.constant(frames=4, rate=25).times.tolist()
            [0.0, 0.04, 0.08, 0.12]
        """
        if frames < 1 or rate <= 0:
            raise ValueError(
                f"a timeline needs at least one frame and a rate above 0; got frames={frames}, rate={rate}"
            )
        return cls(times=np.arange(frames) / float(rate), end=frames / float(rate), sound=sound)

    def __len__(self) -> int:
        return len(self.times)

    @property
    def rate(self) -> float:
        """Mean frames per second; for people, never for finding a frame."""
        return len(self) / self.end if self.end > 0 else float("nan")

    def at(self, seconds: np.ndarray | float, early: float = 1e-6) -> np.ndarray:
        """Return the index of the frame on screen at each time, ``(...)``; times outside give the first or last.

        Args:
            seconds: the times, ``(...)``.
            early: a frame that appears at most this many seconds later counts too, so that rounding never gives the
                frame before the one that was meant.

        Examples:
            >>> Timeline.constant(frames=4, rate=10).at([0.05, 0.1 + 0.2, 9.0]).tolist()
            [0, 3, 3]
        """
        index = np.searchsorted(self.times, np.asarray(seconds, dtype=np.float64) + early, side="right") - 1
        return index.clip(0, len(self) - 1)

    def with_motion(self, motion: np.ndarray) -> "Timeline":
        """Return the same timeline with a motion profile, ``(frames,)``."""
        return replace(self, motion=motion)


@dataclass(frozen=True, eq=False, kw_only=True)
class Clips:
    """A sampler's decision: which frames, and which windows of sound. No pixels.

    Args:
        index: the frames, int64 ``(clips, frames)``, in ``[0, len(timeline))``.
        times: the times that were asked for, in seconds, float64 ``(clips, frames)``.
        valid: False where a frame is padding, bool ``(clips, frames)``.
        sound: start and end of each clip's window of sound in seconds, ``(clips, 2)``; None when not asked for.
        shrunk: True where a recording was too short for the distances asked for and the sampler, told to, shrank
            them, bool ``(clips,)``; None from samplers that never do.
    """

    index: np.ndarray
    times: np.ndarray
    valid: np.ndarray
    sound: np.ndarray | None = None
    shrunk: np.ndarray | None = None

    def __post_init__(self):
        if self.index.ndim != 2 or not (self.index.shape == self.times.shape == self.valid.shape):
            raise ValueError(
                f"index, times and valid must share one shape (clips, frames); got {self.index.shape}, "
                f"{self.times.shape}, {self.valid.shape}"
            )
        if self.sound is not None and self.sound.shape != (len(self.index), 2):
            raise ValueError(f"sound must be (clips, 2) = ({len(self.index)}, 2); got {self.sound.shape}")
        if self.shrunk is not None and self.shrunk.shape != (len(self.index),):
            raise ValueError(f"shrunk must be (clips,) = ({len(self.index)},); got {self.shrunk.shape}")

    def __len__(self) -> int:
        return len(self.index)

    @classmethod
    def joined(cls, parts: "Sequence[Clips]") -> "Clips":
        """Return the clips of several decisions of one sampler in a row."""

        def join(arrays: list) -> np.ndarray | None:
            return None if any(array is None for array in arrays) else np.concatenate(arrays)

        return cls(
            index=np.concatenate([part.index for part in parts]),
            times=np.concatenate([part.times for part in parts]),
            valid=np.concatenate([part.valid for part in parts]),
            sound=join([part.sound for part in parts]),
            shrunk=join([part.shrunk for part in parts]),
        )


class Sampler(ABC):
    """Decides *when* to look at a recording; it never opens one.

    A sampler is a frozen, keyword-only dataclass that checks itself at construction.
    """

    @property
    def needs_motion(self) -> bool:
        """True if the timeline must carry a motion profile (``avssl.media.motion_profile``)."""
        return False

    @abstractmethod
    def __call__(self, timeline: Timeline, rng: np.random.Generator | None = None) -> Clips:
        """Choose frames.

        Args:
            timeline: all that may be known of the recording.
            rng: the only source of chance, so that equal seeds give equal clips.

        Raises:
            TypeError: if the sampler is random and ``rng`` is None.
            ValueError: if the recording is too short and the padding policy is ``"error"``.
        """


def rng_for(seed: int, epoch: int, sample: int, view: int = 0) -> np.random.Generator:
    """Return the generator of one look at one sample: the same whatever the workers, processes and interruptions.

    Examples:
        >>> int(rng_for(0, epoch=2, sample=7).integers(1000)) == int(rng_for(0, epoch=2, sample=7).integers(1000))
        True
    """
    return np.random.default_rng((seed, epoch, sample, view))


def needs_rng(rng: np.random.Generator | None, sampler: object) -> np.random.Generator:
    """Return ``rng``, or say what is missing."""
    if rng is None:
        raise TypeError(
            f"{type(sampler).__name__} draws at random and needs a generator: "
            "pass rng=avssl.sampling.rng_for(seed, epoch, sample)"
        )
    return rng
