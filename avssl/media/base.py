"""The contracts of reading: what is known of a file, what is decoded, and what a backend must do."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import IO, Literal

import numpy as np
from torch import Tensor

from avssl.sampling import Timeline

Source = str | Path | bytes | IO[bytes] | Callable[[], IO[bytes]]  # a path, the bytes, a file, or an opener (fsspec)
Size = None | int | tuple[int, int]  # as filmed | short side in pixels | (height, width) in pixels


@dataclass(frozen=True, kw_only=True)
class SoundInfo:
    """The best sound stream: ``rate`` in Hz; ``start`` and ``end`` in seconds on the video's clock."""

    stream: int
    codec: str
    rate: int
    channels: int
    layout: str
    start: float
    end: float


@dataclass(frozen=True, kw_only=True)
class VideoInfo:
    """What the headers and the scan say of a recording.

    ``height`` and ``width`` are of the picture as displayed (after ``rotation``, without the pixel aspect
    ``pixel_aspect``). ``start`` is the first frame's presentation time in the container, in seconds; every public
    time counts from it.
    """

    stream: int
    container: str
    codec: str
    pixel_format: str
    bit_depth: int
    height: int
    width: int
    rotation: int
    pixel_aspect: Fraction
    color_matrix: str
    color_range: str
    color_transfer: str
    frames: int
    start: float
    duration: float
    constant_rate: bool
    mode: Literal["pts", "ordinal"]
    sound: SoundInfo | None


@dataclass(frozen=True, eq=False, kw_only=True)
class Index:
    """The scan of a recording: one row a displayed frame, in presentation order.

    Args:
        mode: ``"pts"`` where presentation times are trusted; ``"ordinal"`` where frame ``i`` is the i-th decoded one.
        pts: presentation times in ``time_base`` units, int64 ``(frames,)``, rising; in ordinal mode made up from order.
        durations: how long each stays on screen, int64 ``(frames,)``, same unit.
        key_pts, key_dts: key frames' presentation and decoding times (hidden ones too), int64 ``(keys,)``, by pts.
        key_frame: for each key frame the number of displayed frames that lie before it, int64 ``(keys,)``.
        discarded: packets that are decoded but never displayed (edit lists).
        packets: all packets of the stream.
        reordered: True if some frame is displayed before a key frame that precedes it in the file (open GOP).
        time_base: seconds a unit.
        info: headers and summary.
    """

    mode: Literal["pts", "ordinal"]
    pts: np.ndarray
    durations: np.ndarray
    key_pts: np.ndarray
    key_dts: np.ndarray
    key_frame: np.ndarray
    discarded: int
    packets: int
    reordered: bool
    time_base: Fraction
    info: VideoInfo

    def timeline(self) -> Timeline:
        """Return the frame times in seconds from the first frame."""
        start = int(self.pts[0])
        times = (self.pts - start) * self.time_base.numerator / self.time_base.denominator
        sound = self.info.sound
        return Timeline(
            times=times,
            end=float(Fraction(int(self.pts[-1] + self.durations[-1] - start)) * self.time_base),
            sound=None if sound is None else (sound.start, sound.end),
        )


@dataclass(frozen=True, kw_only=True)
class Interval:
    """Frames that one run of the decoder serves: start at key frame ``key`` and decode until the last target.

    Args:
        key: which key frame to start from (a row of the index's key arrays).
        targets: the displayed frames wanted, rising, as indices.
    """

    key: int
    targets: tuple[int, ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class Frames:
    """Decoded pictures with their true places.

    Args:
        data: uint8 RGB ``(..., 3, height, width)``.
        times: when each frame appears, seconds on the recording's clock, float64 ``(...)``.
        index: which frame each is, int64 ``(...)``.
        valid: False where the frame is padding or lies behind damage, bool ``(...)``.
    """

    data: Tensor
    times: np.ndarray
    index: np.ndarray
    valid: np.ndarray


@dataclass(frozen=True, eq=False, kw_only=True)
class Sound:
    """Sound of windows: ``data`` float32 ``(windows, channels, samples)``; ``valid`` bool ``(windows, samples)``.

    ``valid`` is False (and the sound zero) where a window leaves the track.
    """

    data: Tensor
    valid: Tensor
    rate: int


@dataclass(kw_only=True)
class Report:
    """What a decoding run really did, to be compared with the plan."""

    decoded: int = 0
    seeks: int = 0
    retries: int = 0
    notes: list[str] = field(default_factory=list)


class Backend(ABC):
    """One library that decodes; it opens the source for a call and lets go of it, or keeps it for its owner.

    PyAV is the reference: it scans. The others decode only what the scan proved safe.
    """

    name: str

    @abstractmethod
    def unsuitable(self, index: Index) -> str | None:
        """Return why this backend would return wrong frames for the file, or None if it would not."""

    @abstractmethod
    def decode(self, plan: Sequence[Interval], index: Index, size: tuple[int, int]) -> tuple[dict[int, Tensor], Report]:
        """Return the planned frames by index, uint8 ``(height, width, 3)``, and what was done.

        Raises:
            DecodeError: with the frames decoded so far in ``frames`` and the last good time.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of the source."""
