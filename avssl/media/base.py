"""The contracts of reading: what is known of a file, what is decoded, and what a backend must do."""

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import ClassVar, Literal

import numpy as np
from torch import Tensor

from avssl.media.errors import DecodeTimeout
from avssl.media.source import Origin
from avssl.sampling import Timeline

NO_TIME = -(2**63)  # stands for a missing time among int64 ones, as in FFmpeg
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

    ``height`` and ``width`` are of the picture as displayed: mirrored if ``flipped``, then turned clockwise by
    ``rotation`` degrees, without the pixel aspect ``pixel_aspect``. ``start`` is the first frame's presentation time in
    the container, in seconds; every public time counts from it.
    """

    stream: int
    container: str
    codec: str
    pixel_format: str
    bit_depth: int
    height: int
    width: int
    rotation: int
    flipped: bool
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


@dataclass(frozen=True, kw_only=True)
class Coding:
    """What a decoder must be told when it is fed packets without their container.

    Colours are FFmpeg's numbers; ``reorder`` is how many frames the decoder may hold back to sort them.
    """

    decoder: str
    tag: str
    extradata: bytes
    height: int
    width: int
    pixel_format: str
    reorder: int
    color_range: int
    color_primaries: int
    color_transfer: int
    color_space: int


@dataclass(frozen=True, eq=False, kw_only=True)
class Index:
    """The scan of a recording: one row a displayed frame in presentation order, one row a packet in file order.

    Args:
        mode: ``"pts"`` where presentation times are trusted; ``"ordinal"`` where frame ``i`` is the i-th decoded one.
        pts: presentation times in ``time_base`` units, int64 ``(frames,)``, rising; in ordinal mode the best guess.
        durations: how long each stays on screen, int64 ``(frames,)``, same unit.
        packet: which packet holds each frame, int32 ``(frames,)``; empty if only counting from the start is safe.
        keys: packets at which decoding may start, int32 ``(keys,)``, rising (hidden ones too).
        key_frames: for each key packet, the first displayed frame that decoding from it serves, int32 ``(keys,)``.
        droppable: packets that no other frame needs, bool ``(packets,)``.
        marks: the container's pts, which tells packets apart after a seek, int64 ``(packets,)``; empty if unsafe.
        seeks: the container's time to seek to for each key packet, int64 ``(keys,)``.
        offsets: where each packet's bytes lie in the file, int64 ``(packets,)``; empty if they must be demuxed.
        sizes: bytes of each packet, int32 ``(packets,)``.
        discarded: number of packets that are decoded but never displayed (edit lists, hidden frames).
        damaged: packets that the decoder refused when the scan decoded everything (ordinal mode).
        reordered: True if some frame is displayed before a key frame that precedes it in the file (open GOP).
        sound_restarts: whether a clock starts again (joined files); nothing is heard from there on.
        strict: whether the decoder may be told to refuse damage; not where references to what lies before a key frame
            are normal (open groups in H.264).
        time_base: seconds a unit.
        coding: how to decode packets without the container; None for pictures.
        info: headers and summary.
        notes: what the scan found odd, in words.
    """

    mode: Literal["pts", "ordinal"]
    pts: np.ndarray
    durations: np.ndarray
    packet: np.ndarray
    keys: np.ndarray
    key_frames: np.ndarray
    droppable: np.ndarray
    marks: np.ndarray
    seeks: np.ndarray
    offsets: np.ndarray
    sizes: np.ndarray
    discarded: int
    reordered: bool
    damaged: int = 0
    sound_restarts: bool = False
    strict: bool = True
    time_base: Fraction
    coding: Coding | None
    info: VideoInfo
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.pts)

    @property
    def packets(self) -> int:
        """Number of packets of the video stream."""
        return len(self.droppable)

    def times(self) -> np.ndarray:
        """Return when each frame appears, seconds from the first frame, float64 ``(frames,)``."""
        return (self.pts - self.pts[0]) * (self.time_base.numerator / self.time_base.denominator)

    def seconds(self, frame: int) -> float:
        """Return when one frame appears, in seconds from the first."""
        return float(int(self.pts[frame] - self.pts[0]) * self.time_base)

    def timeline(self) -> Timeline:
        """Return all that a sampler may know."""
        sound = self.info.sound
        return Timeline(
            times=self.times(),
            end=float(int(self.pts[-1] + self.durations[-1] - self.pts[0]) * self.time_base),
            sound=None if sound is None else (sound.start, sound.end),
        )


@dataclass(frozen=True, kw_only=True)
class Interval:
    """Frames that one run of the decoder serves: start at packet ``start`` and decode until the last target.

    Args:
        start: the packet to start from: a key packet, or 0.
        targets: the displayed frames wanted, rising, as indices.
    """

    start: int
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

    ``valid`` is False (and the sound zero) where a window leaves the track, and where a recorded sample is no sound:
    NaN, infinite, or beyond 1e10.
    """

    data: Tensor
    valid: Tensor
    rate: int


@dataclass(kw_only=True)
class Report:
    """What a decoding run really did, to be compared with the plan.

    Args:
        decoded: packets given to the decoder.
        seeks: times the decoder started at a place of its own choosing.
        retries: intervals that had to be started again from further back.
        filled: the frames that were decoded and written, as indices.
        notes: what did not go as planned, in words.
    """

    decoded: int = 0
    seeks: int = 0
    retries: int = 0
    filled: set[int] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)


class Deadline:
    """The time by which a call must be done; a watch that raises when it is over.

    Args:
        limit: seconds from now; None for no limit.
        source: the recording's name for the error.
        backend: who is decoding, for the error.
    """

    def __init__(self, limit: float | None, source: str = "", backend: str | None = None):
        self.limit, self.source, self.backend = limit, source, backend
        self._end = None if limit is None else time.monotonic() + limit

    def check(self) -> None:
        """Raise if the time is over.

        Raises:
            DecodeTimeout: with the limit.
        """
        if self._end is not None and time.monotonic() > self._end:
            raise DecodeTimeout(
                f"reading took longer than timeout={self.limit:g} s; raise the limit or look at the file",
                source=self.source,
                backend=self.backend,
                limit=self.limit,
            )


class Backend(ABC):
    """One library that decodes one recording; it opens the source when first asked and keeps it until `close`.

    PyAV is the reference: it scans. The others decode only what the scan proved safe. A backend is named in the table
    of `avssl.media.reader` and made as ``Class(origin, index, threads=threads)``.

    Args:
        origin: where the bytes are.
        index: the scan.
        threads: of the decoder.
    """

    name: ClassVar[str]

    def __init__(self, origin: Origin, index: Index, *, threads: int = 1):
        self.origin, self.index, self.threads = origin, index, threads

    @classmethod
    def unsuitable(cls, origin: Origin, index: Index) -> str | None:
        """Return why this backend would return wrong frames for the recording, or None if it would not.

        Raises:
            BackendUnavailable: if the library is not installed.
        """
        return None

    @abstractmethod
    def decode(
        self, plan: Sequence[Interval], slots: Mapping[int, np.ndarray], report: Report, deadline: Deadline
    ) -> None:
        """Write every frame of the plan into its slot.

        Args:
            plan: the intervals, in file order.
            slots: for each wanted frame where its RGB pixels go, uint8 ``(height, width, 3)``, C-contiguous; the shape
                is the size asked for, and resizing is by area (`avssl.media.resize`).
            report: to be filled in on the way, so that it is true even after an error.
            deadline: to be checked between packets.

        Raises:
            DecodeError: if the data is damaged; ``report.filled`` tells which slots are good.
            Mismatch: if the recording is not what the scan says.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of the source; the next `decode` opens it again."""


class Mismatch(Exception):
    """The recording decodes to something else than its scan promised; the reader then counts frames instead."""
