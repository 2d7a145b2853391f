"""The reader: one open recording, read by frames, by times, by a sampler's clips, and by windows of sound."""

import os
import weakref
from functools import cached_property
from importlib import import_module
from typing import Literal

import numpy as np
import torch

from avssl.media.base import Backend, Deadline, Frames, Index, Mismatch, Report, Size, Sound, VideoInfo
from avssl.media.errors import BackendUnsuitable, DecodeError, MediaError, ReadError, TooShort
from avssl.media.plan import plan_frames
from avssl.media.resize import output_size
from avssl.media.scan import remember, scan, scan_now
from avssl.media.source import Origin, Source
from avssl.media.walk import reading
from avssl.sampling import Clips, Timeline

BACKENDS = {
    "pyav": "avssl.media.pyav:PyAV",
    "decord": "avssl.media.decord:Decord",
    "torchcodec": "avssl.media.torchcodec:TorchCodec",
    "pictures": "avssl.media.pictures:Pictures",
}
OnError = Literal["raise", "truncate"]


def open_video(
    source: Source,
    *,
    backend: str = "auto",
    size: Size = None,
    threads: int = 1,
    stream: str | int = "best",
    on_error: OnError = "raise",
    timeout: float | None = None,
    rate: float | None = None,
) -> "Reader":
    """Open a video, a folder of pictures or an animation.

    Args:
        source: a path, bytes, a seekable binary file, or a callable that opens one (fsspec's ``OpenFile.open``).
        backend: ``"auto"`` (PyAV; pictures by Pillow), ``"pyav"``, ``"decord"`` or ``"torchcodec"``.
        size: None as filmed, the short side in pixels, or (height, width); resized by area.
        threads: of the decoder; more than one is for a person waiting, never for a loader's worker.
        stream: ``"best"``, or the number of the video stream.
        on_error: ``"raise"``, or ``"truncate"``: frames that damage makes undecodable come back black and not valid.
        timeout: seconds that opening, or one call, may take; None for no limit.
        rate: pictures a second of a folder of pictures, 25 if None; videos and animations know their own times.

    Returns:
        The reader, to be used in ``with``.

    Raises:
        OpenError: if the source is not a video.
        BackendUnavailable: if the backend is not installed.
        BackendUnsuitable: if the backend named would return wrong frames for this file.
    """
    return Reader(
        source,
        backend=backend,
        size=size,
        threads=threads,
        stream=stream,
        on_error=on_error,
        timeout=timeout,
        rate=rate,
    )


class Reader:
    """An open recording. Its arguments are those of `open_video`.

    It pickles as its source and options, opens anew in another process, and after a fork drops the parent's handle.

    Attributes:
        report: what the last call really decoded.
    """

    def __init__(
        self,
        source: Source,
        *,
        backend: str = "auto",
        size: Size = None,
        threads: int = 1,
        stream: str | int = "best",
        on_error: OnError = "raise",
        timeout: float | None = None,
        rate: float | None = None,
    ):
        if backend != "auto" and backend not in BACKENDS:
            raise ValueError(f"unknown video backend {backend!r}; choose from auto, {', '.join(BACKENDS)}")
        if on_error not in ("raise", "truncate"):
            raise ValueError(f'on_error is "raise" or "truncate"; got {on_error!r}')
        if threads < 1:
            raise ValueError(f"threads must be at least 1; got {threads}")
        self.origin = Origin(source)
        self.backend, self.size, self.threads, self.stream = backend, size, threads, stream
        self.on_error: OnError = on_error
        self.timeout, self.rate = timeout, rate
        self.report = Report()
        self._backend: Backend | None = None
        self._index = scan(self.origin, stream, Deadline(timeout, self.origin.name))
        if rate is not None:
            from avssl.media.pictures import at_rate

            self._index = at_rate(self._index, rate, self.origin.name)
        self._class()  # an unsuitable backend is said now
        _readers.add(self)

    @property
    def index(self) -> Index:
        """The scan."""
        return self._index

    @property
    def info(self) -> VideoInfo:
        """Headers and summary."""
        return self._index.info

    @cached_property
    def timeline(self) -> Timeline:
        """All that a sampler may know."""
        return self._index.timeline()

    def __len__(self) -> int:
        return len(self._index)

    def read(self, clips: Clips) -> Frames:
        """Return a sampler's clips, data ``(clips, frames, 3, height, width)``; what they share is decoded once."""
        frames = self.frames(clips.index)
        return Frames(
            data=frames.data, times=frames.times, index=frames.index, valid=frames.valid & np.asarray(clips.valid)
        )

    def at(self, times: np.ndarray | float) -> Frames:
        """Return the frame on screen at each time, data ``(..., 3, height, width)``.

        Args:
            times: seconds from the first frame, any shape; times outside show the first or the last frame.
        """
        times = np.asarray(times, dtype=np.float64)
        if np.isnan(times).any():
            raise ValueError(f"{self.origin.name}: times must be numbers; got NaN")
        return self.frames(self.timeline.at(times))

    def frames(self, indices: np.ndarray | list[int] | int) -> Frames:
        """Return frames by index, data ``(..., 3, height, width)``.

        Args:
            indices: whole numbers of any shape, in any order, repeats allowed; -1 is the last frame, as in a list.

        Raises:
            TooShort: if there is no such frame.
            DecodeError: if the data is damaged and ``on_error`` is ``"raise"``.
            DecodeTimeout: if it takes longer than ``timeout``.
        """
        asked = np.asarray(indices)
        if asked.size and not np.issubdtype(asked.dtype, np.integer):
            raise ValueError(f"{self.origin.name}: frame indices must be whole numbers; got {asked.dtype}")
        asked = asked.astype(np.int64)
        deadline = Deadline(self.timeout, self.origin.name, self.backend)
        try:
            return self._frames(self._absolute(asked), deadline)
        except Mismatch as surprise:
            frames = self._frames(self._absolute(asked), deadline)  # by the new count
            self.report.notes.append(f"frames were counted anew: {surprise}")
            return frames

    def sound(self, windows: np.ndarray, rate: int, channels: int | None = 1) -> Sound:
        """Return windows of sound on the video's clock, float32 ``(windows, channels, samples)`` with a mask.

        Args:
            windows: start and end in seconds from the first frame, ``(windows, 2)``, all of one length.
            rate: samples a second wanted, in Hz.
            channels: 1 (mean), 2 (stereo), or None as recorded.

        Raises:
            OpenError: if there is no sound.
        """
        from avssl.media.sound import read_sound

        zero = int(self._index.pts[0]) * self._index.time_base
        return read_sound(
            self.origin,
            self.info.sound,
            windows,
            rate,
            channels,
            zero=zero,
            joined=self._index.sound_restarts,
            on_error=self.on_error,
            deadline=Deadline(self.timeout, self.origin.name, "pyav"),
        )

    def explain(self) -> str:
        """Say in words what was found, who decodes and why."""
        info, kind = self.info, self._class()
        trust = "presentation times are trusted" if info.mode == "pts" else "frames are counted"
        why = "asked for and proved safe by the scan" if self.backend == kind.name else "the reference"
        way = " from the packets' places in the file" if len(self._index.offsets) and kind.name == "pyav" else ""
        lines = [
            f"{self.origin.name}: {info.frames} frames of {info.width}x{info.height} {info.codec} in {info.container}",
            f"backend {kind.name} ({why}){way}; {trust}; {len(self._index.keys)} key frames to start from",
            *self._index.notes,
        ]
        return "\n".join(lines)

    def close(self) -> None:
        """Let go of the source; a later call opens it again."""
        backend, self._backend = self._backend, None
        if backend is not None:
            backend.close()

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_):
        self.close()

    def __getstate__(self) -> dict:
        names = ("origin", "backend", "size", "threads", "stream", "on_error", "timeout", "rate")
        state = {name: getattr(self, name) for name in names}
        if self.origin.lent:
            self.origin.__getstate__()
        return state

    def __setstate__(self, state: dict) -> None:
        origin = state.pop("origin")
        self.__init__(origin.source, **state)

    def __repr__(self) -> str:
        return f"Reader({self.origin.name!r}, frames={len(self)}, size={self.size}, backend={self.backend!r})"

    def _class(self) -> type[Backend]:
        """Return the backend's class, checked against the scan."""
        pictures = self._index.info.container == "pictures"
        name = self.backend if self.backend != "auto" else "pictures" if pictures else "pyav"
        if pictures != (name == "pictures"):
            reason = "these are pictures, which only Pillow reads here" if pictures else "this is a video, not pictures"
            raise self._unsuitable(name, reason)
        module, _, kind = BACKENDS[name].partition(":")
        found: type[Backend] = getattr(import_module(module), kind)
        reason = found.unsuitable(self.origin, self._index)
        if reason is not None:
            raise self._unsuitable(name, reason)
        return found

    def _unsuitable(self, name: str, reason: str) -> MediaError:
        return BackendUnsuitable(
            f'{name} would return wrong frames: {reason}; use backend="auto"',
            source=self.origin.name,
            backend=name,
            reason=reason,
        )

    def _absolute(self, asked: np.ndarray) -> np.ndarray:
        """Count negative indices from the end, and refuse those that do not exist."""
        have = len(self._index)
        bad = (asked < -have) | (asked >= have)
        if bad.any():
            worst = int(asked[bad].flat[0])
            raise TooShort(
                f"frame {worst} was asked for, but there are {have} (0 to {have - 1}, or -{have} to -1)",
                source=self.origin.name,
                needed=worst + 1 if worst >= 0 else -worst,
                have=have,
            )
        return np.where(asked < 0, asked + have, asked)

    def _frames(self, index: np.ndarray, deadline: Deadline) -> Frames:
        flat = index.ravel()
        height, width = output_size(self.info.height, self.info.width, self.size)
        data = np.empty((len(flat), height, width, 3), np.uint8)
        wanted, first, inverse = np.unique(flat, return_index=True, return_inverse=True)
        slots = {frame: data[place] for frame, place in zip(wanted.tolist(), first.tolist(), strict=True)}
        self.report = Report()
        try:
            with reading(self.origin):
                self.origin.check()
                self._decode(wanted, slots, deadline)
                self.origin.check()
        except ReadError:
            self.close()  # FFmpeg takes a read that failed for the end of the file
            raise
        filled = np.array([frame in self.report.filled for frame in wanted.tolist()], bool)
        for place in np.flatnonzero(~filled):
            data[first[place]] = 0
        for place in np.flatnonzero(first[inverse] != np.arange(len(flat))):
            data[place] = data[first[inverse[place]]]
        pixels = torch.from_numpy(data.reshape(*index.shape, height, width, 3)).movedim(-1, -3)
        times = self._index.times()[index] if index.size else np.empty(index.shape)
        return Frames(data=pixels, times=times, index=index, valid=filled[inverse].reshape(index.shape))

    def _decode(self, wanted: np.ndarray, slots: dict[int, np.ndarray], deadline: Deadline) -> None:
        plan = plan_frames(self._index, wanted)
        backend = self._open()
        parts = [plan] if self.on_error == "raise" else [[interval] for interval in plan]
        for part in parts:
            try:
                try:
                    backend.decode(part, slots, self.report, deadline)
                except Mismatch as surprise:
                    self._recount(surprise, int(wanted.max()))
                    raise
            except DecodeError as error:
                if self.on_error == "raise":
                    raise
                self.report.notes.append(str(error))

    def _open(self) -> Backend:
        if self._backend is None:
            self._backend = self._class()(self.origin, self._index, threads=self.threads)
        return self._backend

    def _recount(self, surprise: Mismatch, last: int) -> None:
        """Forget what the container promised and learn the frames by decoding everything.

        Raises:
            DecodeError: if they were counted already, or if it is damage that explains the surprise.
        """
        counted = self._index if self._index.mode == "ordinal" else scan_now(self.origin, self.stream, count=True)
        if counted is self._index or counted.damaged or last >= len(counted):
            found = "" if counted is self._index else f", {len(counted)} of {len(self._index)} frames come out"
            raise DecodeError(
                f'{surprise}: the file is damaged{found}; on_error="truncate" gives the good ones',
                source=self.origin.name,
                decoded_until=counted.seconds(len(counted) - 1),
            ) from surprise
        self.close()
        self._index = counted
        self.__dict__.pop("timeline", None)
        remember(self.origin, self.stream, counted)


_readers: "weakref.WeakSet[Reader]" = weakref.WeakSet()
_abandoned: list[Backend] = []  # handles of a parent process: using, or even freeing, them in the child may hang


def _abandon() -> None:
    for reader in list(_readers):
        if reader._backend is not None:
            _abandoned.append(reader._backend)
            reader._backend = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon)
