"""Windows of sound on the video's clock: always the samples asked for, with a mask where the track is not."""

from collections.abc import Iterator
from fractions import Fraction
from math import inf

import numpy as np
import torch

from avssl.media.base import Deadline, Sound, SoundInfo
from avssl.media.errors import OpenError
from avssl.media.headers import is_cover
from avssl.media.packet_table import Unfit
from avssl.media.packets import Packets
from avssl.media.scan import scan
from avssl.media.sound_scan import ends_early, packet_table_of
from avssl.media.source import Origin, Source
from avssl.media.track import OnError, Track, check_on_error
from avssl.media.walk import opened, reading
from avssl.media.waveform import hush, interpolate, reach
from avssl.sampling import Timeline

GRAIN = 0.01  # seconds between the instants that stand in for frames where there are none


def read_sound(
    origin: Origin,
    info: SoundInfo | None,
    windows: np.ndarray,
    rate: int,
    channels: int | None = 1,
    *,
    zero: Fraction | float | None = 0,
    joined: bool = False,
    on_error: OnError = "raise",
    deadline: Deadline | None = None,
) -> Sound:
    """Decode windows of sound, overlapping ones once, and resample each in one run.

    Sample ``k`` of a window that starts at ``t`` is the signal at ``t + k / rate``, whatever the window; instants that
    fall on recorded samples at the recorded rate are copied unchanged.

    Args:
        origin: the recording.
        info: its sound stream; None if it has none.
        windows: start and end in seconds, ``(windows, 2)``, all of one length; they may leave the track.
        rate: samples a second wanted, in Hz.
        channels: 1 for the mean of all channels; 2 for stereo (mono twice; more than two by FFmpeg's standard matrix,
            whose sums may pass 1); None for the channels as recorded.
        zero: where the windows' clock starts, in seconds of the container's time; None at the first sample of sound.
        joined: whether a clock starts again at ``info.end`` and nothing after it is to be heard.
        on_error: what a damaged packet does: ``"raise"`` a DecodeError, or ``"truncate"``: silence and a mask.
        deadline: by when it must be done.

    Returns:
        ``data`` float32 ``(windows, channels, samples)`` with exactly ``round(length * rate)`` samples, full scale at
        1, and ``valid`` bool ``(windows, samples)``, False (and the sound 0) where there is no sound, or samples that
        are none: NaN, infinite, or beyond 1e10.

    Raises:
        ValueError: if the windows are of unequal length, or an argument makes no sense.
        OpenError: if there is no sound.
        DecodeError: if a packet in reach of the windows is damaged and ``on_error`` is ``"raise"``.
        DecodeTimeout: if the deadline passes.
    """
    info = check_sound(info, origin)
    windows, count = check_windows(windows, rate)
    if channels not in (None, 1, 2):
        raise ValueError(f"channels must be 1 (mean), 2 (stereo) or None (as recorded); got {channels!r}")
    deadline = deadline or Deadline(None)
    with reading(origin):
        origin.check()
        sound = None if joined else _cut(origin, info.stream, windows, count, rate, channels, zero, deadline)
        if sound is None:
            with Track(
                origin,
                stream=info.stream,
                channels=channels,
                zero=zero,
                until=info.end if joined else None,
                on_error=on_error,
                deadline=deadline,
            ) as track:
                sound = _heard(track, windows, count, rate)
        origin.check()
    return sound


def _cut(
    origin: Origin,
    stream: int,
    windows: np.ndarray,
    count: int,
    rate: int,
    channels: int | None,
    zero: Fraction | float | None,
    deadline: Deadline,
) -> Sound | None:
    """Return the windows cut straight out of the file; None where the container must be asked."""
    table = packet_table_of(origin, stream, deadline)
    if table.reason:
        return None
    try:
        with Packets(origin, table, channels=channels, zero=zero, deadline=deadline) as packets:
            return _heard(packets, windows, count, rate)
    except Unfit:
        return None  # damage, most likely: through the container it is told, or masked


def _heard(track: Track | Packets, windows: np.ndarray, count: int, rate: int) -> Sound:
    """Return the windows, each stretch that they share read once."""
    starts = [track.place(Fraction(start)) for start in windows[:, 0].tolist()]
    data = np.zeros((len(windows), track.channels, count), np.float32)
    valid = np.zeros((len(windows), count), bool)
    for low, high, members in _union(starts, count, track.rate, rate):
        wave, known = track.read(low, high)
        hush(wave, known)  # before samples are mixed into others
        whole = bool(known.all())
        for window in members:
            data[window] = interpolate(wave, starts[window] - low, track.rate, rate, count)
            valid[window] = whole or known[_nearest(starts[window] - low, track.rate, rate, count)]
            if not whole:
                data[window] *= valid[window]
    return Sound(data=torch.from_numpy(data), valid=torch.from_numpy(valid), rate=rate)


def check_sound(info: SoundInfo | None, origin: Origin) -> SoundInfo:
    """Return what is known of the sound, or say that there is none."""
    if info is None:
        raise OpenError("no sound stream: read frames only, or choose recordings with sound", source=origin.name)
    return info


def check_windows(windows: np.ndarray, rate: int) -> tuple[np.ndarray, int]:
    """Return the windows as float64 ``(windows, 2)`` and how many samples each has."""
    windows = np.asarray(windows, dtype=np.float64)
    if int(rate) != rate or rate < 1:
        raise ValueError(f"rate must be a whole number of samples a second; got {rate!r}")
    if windows.ndim != 2 or windows.shape[1] != 2 or not np.isfinite(windows).all():
        raise ValueError(
            f"windows must be finite (start, end) pairs in seconds, (windows, 2); got shape {windows.shape}"
        )
    if not len(windows):
        return windows, 0
    lengths = (windows[:, 1] - windows[:, 0]) * rate
    if np.ptp(lengths) > 1:
        raise ValueError(
            f"all windows of one call must have one length; got {lengths.min() / rate:.6g} to "
            f"{lengths.max() / rate:.6g} s: cut them to one length, or read them in several calls"
        )
    count = round(round(float(np.median(lengths)), 4))  # half a sample goes one way, whatever end - start is by a hair
    if count < 1:
        raise ValueError(f"a window must hold at least one sample; {count / rate:.6g} s at {rate} Hz hold none")
    return windows, count


def _union(starts: list[Fraction], count: int, rate_in: int, rate_out: int) -> Iterator[tuple[int, int, list[int]]]:
    """Yield the stretches of recorded samples that serve all windows, each stretch once, with the windows it serves."""
    margin, length = reach(rate_in, rate_out), -(-count * rate_in // rate_out)
    low = high = None
    members: list[int] = []
    for window in sorted(range(len(starts)), key=starts.__getitem__):
        first = int(starts[window] // 1) - margin
        last = int(starts[window] // 1) + length + margin + 2
        if low is None or high is None or first > high:
            if low is not None and high is not None:
                yield low, high, members
            low, high, members = first, last, []
        high = max(high, last)
        members.append(window)
    if low is not None and high is not None:
        yield low, high, members


def _nearest(start: Fraction, rate_in: int, rate_out: int, count: int) -> np.ndarray:
    """Return the recorded sample nearest to each wanted one, int64 ``(count,)``."""
    whole = int(start // 1)
    moved = np.arange(count) * (rate_in / rate_out) + float(start - whole)
    return whole + np.floor(moved + 0.5 + 1e-9).astype(np.int64)


def open_sound(source: Source, *, on_error: OnError = "raise", timeout: float | None = None) -> "SoundReader":
    """Open the sound of a recording: a sound file (WAV, FLAC, MP3, Ogg, M4A), or a video's.

    The clock is the video's, so that its windows are those of ``open_video(source).sound``; without video it starts at
    the first sample.

    Args:
        source: a path, bytes, a seekable binary file, or a callable that opens one.
        on_error: what a damaged packet does: ``"raise"``, or ``"truncate"``: silence and a mask.
        timeout: seconds that opening, or one call, may take; None for no limit.

    Raises:
        OpenError: if there is no sound, or the source cannot be opened.

    Examples:
        >>> import io, wave
        >>> file = io.BytesIO()
        >>> with wave.open(file, "wb") as out:
        ...     out.setparams((1, 2, 8000, 0, "NONE", ""))
        ...     out.writeframes(bytes(16000))
        >>> open_sound(file.getvalue()).sound([[0.5, 1.5]], rate=8000).valid.float().mean().item()
        0.5
    """
    return SoundReader(source, on_error=on_error, timeout=timeout)


class SoundReader:
    """The sound of a recording; it opens the file for every call, so it may be pickled, forked and forgotten.

    Attributes:
        info: the best sound stream.
        timeline: for samplers; instants every 10 ms stand in for frames where there is no video.
    """

    info: SoundInfo
    timeline: Timeline

    def __init__(self, source: Source, *, on_error: OnError = "raise", timeout: float | None = None):
        self._origin = Origin(source)
        self._on_error: OnError = check_on_error(on_error)
        self._timeout = timeout
        with reading(self._origin):
            self._origin.pin()
            self._look()
            self._origin.check()

    def _look(self) -> None:
        """Learn what there is to hear, and when."""
        with opened(self._origin) as container:
            filmed = any(not is_cover(stream) for stream in container.streams.video)
        if filmed:
            index = scan(self._origin, deadline=self._deadline())
            self._zero, self._joined = index.info.start, index.sound_restarts
            self.info, self.timeline = check_sound(index.info.sound, self._origin), index.timeline()
        else:
            self._zero = None
            self.info, self._joined = self._alone()
            instants = np.arange(max(1, int(self.info.end / GRAIN))) * GRAIN
            self.timeline = Timeline(times=instants, end=self.info.end, sound=(0.0, self.info.end))

    def _alone(self) -> tuple[SoundInfo, bool]:
        """Return what there is to hear without a film, and whether a clock starts again at its end."""
        deadline = self._deadline()
        with Track(self._origin, zero=None, on_error="truncate", deadline=deadline) as track:
            stream = track.stream
            if not (track.joinable and ends_early(self._origin, stream, deadline)):
                return track.info(), False
        with Track(self._origin, stream=stream, zero=None, until=inf, on_error="truncate", deadline=deadline) as track:
            return track.info(), True

    def sound(self, windows: np.ndarray, rate: int, channels: int | None = 1) -> Sound:
        """Return windows of sound; see :func:`read_sound`."""
        return read_sound(
            self._origin,
            self.info,
            windows,
            rate,
            channels,
            zero=self._zero,
            joined=self._joined,
            on_error=self._on_error,
            deadline=self._deadline(),
        )

    def _deadline(self) -> Deadline:
        return Deadline(self._timeout, self._origin.name, "pyav")

    def __len__(self) -> int:
        return round((self.info.end - self.info.start) * self.info.rate)

    def close(self) -> None:
        """Nothing is held open between calls."""

    def __enter__(self) -> "SoundReader":
        return self

    def __exit__(self, *_) -> None:
        self.close()
