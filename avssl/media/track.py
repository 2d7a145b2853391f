"""A sound stream as one long row of samples: decoded forward, each sample counted from the stream's first.

A lossy decoder needs a run-up after a seek, containers hide the encoder's delay, and Matroska rounds times to the
millisecond. So decoding starts well before what is wanted, FFmpeg takes the delay away as the container says, and
samples are *counted*; times only serve to find gaps and to tell where a seek landed.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from itertools import chain, islice
from math import inf
from typing import Literal, NamedTuple, get_args

import av
import av.stream
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError

from avssl.media.base import Deadline, SoundInfo
from avssl.media.errors import DecodeError, OpenError
from avssl.media.source import Origin
from avssl.media.walk import JOINABLE, OVERLAP, demuxed, opened
from avssl.media.waveform import fold

RUN_UP = 0.3  # seconds decoded before what is wanted after a seek: Opus asks for 0.08, MP3 at 32 kbit/s for 0.2
NEAR = 2.0  # seconds; over a shorter gap decoding on is cheaper than seeking
# Seconds by which times may leave the count of samples before that is a gap: what recorders write on the fly wavers by
# 10 ms. No more than most of a codec frame, for where one is missing the times are off by a whole one.
DRIFT, WAVER, MOST = 0.008, 0.0125, 0.6
BACK_OFF = (0.0, 2.0, 10.0)  # seconds further back that a seek is tried when it lands late
SEEKABLE = {"mov", "mp4", "matroska", "webm", "mpegts", "avi", "flv", "wav", "flac", "mp3", "aac"}  # Ogg's seeks lie
# Frames of one length, so that counting holds where times are rounded. Vorbis and WMA change theirs.
STEADY = {"aac", "ac3", "alac", "eac3", "flac", "mp2", "mp3", "opus"}
OnError = Literal["raise", "truncate"]


def check_on_error(on_error: OnError) -> OnError:
    """Return the policy, or say which there are."""
    if on_error not in get_args(OnError):
        raise ValueError(f'on_error is "raise" or "truncate"; got {on_error!r}')
    return on_error


def drift(frame: int, rate: int) -> float:
    """Return by how many samples times may leave the count before that is a gap, for codec frames of a length.

    Examples:
        >>> drift(960, 48000), drift(480, 48000), drift(2048, 48000)
        (576.0, 384.0, 600.0)
    """
    return min(max(DRIFT * rate, MOST * frame), WAVER * rate)


class _Damage(NamedTuple):
    """What could not be decoded, from which sample on, and whether all that follows is lost."""

    place: int
    message: str
    final: bool = False


class Head(NamedTuple):
    """What the head of a stream says: where its row of samples starts in the container's time, and its frames.

    Attributes:
        anchor: when the first sample sounds, in seconds of the container's time.
        rate: recorded samples a second.
        channels: as recorded.
        layout: of the channels, in FFmpeg's words.
        first: samples of the first codec frame that is heard, without what is trimmed away at its front.
        usual: samples of the second.
    """

    anchor: Fraction
    rate: int
    channels: int
    layout: str
    first: int
    usual: int


class Track:
    """One open sound stream; position 0 is its first sample, at ``start`` on the clock.

    Args:
        origin: the recording.
        stream: which stream of the file; None for the best.
        channels: 1 for the mean, 2 for stereo, None as recorded.
        zero: where the clock starts, in seconds of the container's time; None at the first sample.
        until: where the row ends although the stream goes on, in seconds on the clock, because a clock starts again
            there, as where files are joined. Times then name two places each, so all is decoded from the head.
        on_error: ``"raise"`` where damage would be heard, or leave silence there (``"truncate"``).
        deadline: checked at every packet.

    Attributes:
        rate: recorded samples a second.
        channels: of the samples returned.
        start: when the first sample sounds, in seconds on the clock.

    Raises:
        OpenError: if there is no such stream.
        DecodeError: if no sample of it can be decoded.
    """

    rate: int
    channels: int
    start: Fraction

    def __init__(
        self,
        origin: Origin,
        *,
        stream: int | None = None,
        channels: int | None = None,
        zero: Fraction | float | None = 0,
        until: float | None = None,
        on_error: OnError = "raise",
        deadline: Deadline | None = None,
    ):
        check_on_error(on_error)
        self._deadline = deadline or Deadline(None)
        self._origin, self._index, self._fold, self._on_error = origin, stream, channels, on_error
        self._zero = None if zero is None else Fraction(zero)
        self._damages: list[_Damage] = []
        self._until = until
        self._countable = True  # whether places can be told after a seek
        self._stack = ExitStack()
        try:
            self._rewind()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Track":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._stack.close()

    @property
    def stream(self) -> int:
        """Which stream of the file it is."""
        return self._sound.index

    @property
    def joinable(self) -> bool:
        """Whether the container is one whose reading goes on in another file joined to it, and seeks."""
        return bool(JOINABLE & set(self._container.format.name.split(",")))

    def place(self, seconds: Fraction) -> Fraction:
        """Return where in the row of samples an instant on the clock lies."""
        return (seconds - self.start) * self.rate

    def read(self, low: int, high: int) -> tuple[np.ndarray, np.ndarray]:
        """Return samples ``low`` to ``high``, float32 ``(channels, samples)``, and where there are any, bool."""
        wave, known = np.zeros((self.channels, high - low), np.float32), np.zeros(high - low, bool)
        if high <= 0:
            return wave, known
        self._approach(max(low, 0))
        while self._held is not None:
            place, frame = self._held
            first, last = max(place, self._heard, low), min(place + frame.samples, high)
            if first < last:
                samples = fold(frame, self._fold)  # only here: frames on the way are not looked into
                wave[:, first - low : last - low] = samples[:, first - place : last - place]
                known[first - low : last - low] = True
            if place + frame.samples >= high:
                break
            self._advance()
        self._check(low, high)
        return wave, known

    def _check(self, low: int, high: int) -> None:
        """Raise if something was damaged where it can be heard in the samples ``low`` to ``high``."""
        if self._on_error == "truncate":
            return
        for place, message, final in self._damages:
            if place < high and (final or low - RUN_UP * self.rate <= place):
                at = float(self.start + Fraction(place, self.rate))
                hint = 'read with on_error="truncate" to get silence and a mask there'
                raise DecodeError(
                    f"{message}; {hint}",
                    source=self._origin.name,
                    stage="sound",
                    backend="pyav",
                    position=at,
                    decoded_until=at,
                )

    def info(self) -> SoundInfo:
        """Return what is known of the stream; its tail is decoded to say where it ends."""
        end = self.end()  # may open the file anew, so the stream comes after it
        stream = self._sound
        return SoundInfo(
            stream=stream.index,
            codec=stream.codec_context.codec.canonical_name,
            rate=self.rate,
            channels=self._recorded,
            layout=self._layout,
            start=float(self.start),
            end=float(self.start + Fraction(end, self.rate)),
        )

    def head(self) -> Head:
        """Return what decoding the head told."""
        return Head(self._anchor, self.rate, self._recorded, self._layout, *self._grid)

    def end(self) -> int:
        """Return how many samples the track spans, by decoding its tail."""
        stream = self._sound
        if stream.duration and stream.time_base:
            guess = Fraction(stream.duration) * stream.time_base
        else:
            guess = Fraction(self._container.duration or 0, av.time_base)
        self._approach(max(0, int((guess - 1) * self.rate)))
        while self._held is not None:
            self._advance()
        return self._next or 0

    def _approach(self, low: int) -> None:
        """Stand at or before ``low``, warmed up: decode on from here, seek, or start again from the head."""
        start = low - round(RUN_UP * self.rate)
        here = self._held[0] if self._held is not None else None
        if here is not None and here <= low and start - here < NEAR * self.rate:
            return
        for further in BACK_OFF:
            target = start - round(further * self.rate)
            if not self._seekable or target <= 0:
                break
            if self._seek(target):
                return
        if here is None or here > low or self._lost:
            self._rewind()

    def _seek(self, target: int) -> bool:
        """Seek to ``target`` or before it, and say whether the landing proves to be there."""
        time = self._anchor + Fraction(target, self.rate)
        self._lost, self._held = True, None
        try:
            self._container.seek(int(time / self._tick), stream=self._sound, backward=True)
        except FFmpegError:
            return False  # the container has no way to seek there: the caller starts from the head
        self._next, self._heard = None, 0
        self._frames = self._decode()
        noted = len(self._damages)
        self._advance()
        del self._damages[noted:]  # a seek may land amid a packet: what cannot be decoded then is only run-up
        landed = self._held is not None and self._held[0] <= target
        self._lost = not landed
        return landed

    def _rewind(self) -> None:
        """Open anew and decode the head: it says where the row starts and how long the codec's frames are."""
        self.close()
        self._container = self._stack.enter_context(opened(self._origin))
        self._sound = stream = self._choose(self._container)
        stream.codec_context.thread_count = 1
        for other in self._container.streams:
            if other is not stream and hasattr(other, "discard"):  # newer PyAV: spares reading the pictures
                other.discard = av.stream.Discard.all
        self._lost, self._held, self._next, self._anchored = False, None, None, False
        self._heard = 0  # samples up to here came out of earlier codec frames, which later ones do not replace
        self._frames = self._decode()
        head = list(islice(self._frames, 2))
        if not head:
            raise DecodeError(
                "the sound stream holds no sound", source=self._origin.name, stage="sound", backend="pyav"
            )
        first = head[0]
        base = first.time_base or Fraction(1, first.sample_rate)
        self._tick = Fraction(base.numerator, base.denominator)
        self._anchor = (first.pts or 0) * self._tick
        self._tick_seconds, self._anchor_seconds = float(self._tick), float(self._anchor)
        self.rate, self._recorded = first.sample_rate, len(first.layout.channels)
        self._layout = first.layout.name
        self.channels = self._fold or self._recorded
        self.start = Fraction(0) if self._zero is None else self._anchor - self._zero
        self._limit = inf if self._until in (None, inf) else float(self.place(Fraction(self._until)))
        self._grid = first.samples, head[-1].samples  # codec frames begin here, and there is one every so many samples
        self._anchored = True
        self._seekable = (
            self._countable and self._until is None and bool(SEEKABLE & set(self._container.format.name.split(",")))
        )
        self._frames = chain(head, self._frames)
        self._next = 0
        self._advance()

    def _choose(self, container: InputContainer) -> AudioStream:
        """Return the wanted stream; the best one otherwise, as FFmpeg sees it."""
        streams = container.streams
        if self._index is None:
            best = streams.best("audio") or next(iter(streams.audio), None)  # "best" wants a complete header
            which = "no sound stream"
        else:
            best = next((each for each in streams.audio if each.index == self._index), None)
            which = f"no sound stream number {self._index}"
        if isinstance(best, AudioStream) and best.codec_context is not None:
            return best
        if best is not None:
            told = "FFmpeg does not know the coding of its sound stream, or it is damaged"
            raise OpenError(told, source=self._origin.name, backend="pyav")
        kinds = ", ".join(sorted({each.type for each in streams})) or "nothing"
        raise OpenError(f"{which}; the file holds {kinds}", source=self._origin.name, backend="pyav")

    def _advance(self) -> None:
        """Hold the next codec frame and its place; None at the end."""
        self._held = None
        for frame in self._frames:
            if frame.sample_rate != self.rate or len(frame.layout.channels) != self._recorded:
                came = f"{len(frame.layout.channels)} channels at {frame.sample_rate} Hz"
                before = f"{self._recorded} channels at {self.rate} Hz"
                self._damage(frame.pts, f"the sound changes from {before} to {came}")
                continue
            place = self._locate(frame)
            if place is None:
                return
            if self._next is not None:
                if place < self._next - OVERLAP * self.rate or place >= self._limit:  # a clock starts again
                    return
                self._heard = self._next
            self._next = max(place + frame.samples, self._heard)
            self._held = place, frame
            return

    def _locate(self, frame: av.AudioFrame) -> int | None:
        """Return a codec frame's place; None after a seek that lost count."""
        if frame.pts is None:
            return self._next
        if self._next is not None:
            near = (frame.pts * self._tick_seconds - self._anchor_seconds) * self.rate - self._next
            if abs(near) < DRIFT * self.rate / 2:  # the usual case, by fast numbers; what is less clear by exact ones
                return self._next
        measured = (frame.pts * self._tick - self._anchor) * self.rate
        if self._next is not None:
            allowed = drift(self._grid[1], self.rate)
            return self._next if abs(measured - self._next) <= allowed else round(measured)
        blur = self._tick * self.rate  # times are rounded to the tick: here, at the anchor, and after trimming
        if blur < 0.5 or blur == 1:
            return round(measured)
        offset, size = self._grid
        end = measured + frame.samples - offset  # a frame is trimmed at its front only: its end is on the grid
        place = round(end / size) * size + offset - frame.samples
        codec = self._sound.codec_context.codec.canonical_name
        steady = (codec in STEADY or codec.startswith("pcm_")) and size > 3 * blur
        if steady and abs(place - measured) <= 1.5 * blur:
            return place
        self._countable = self._seekable = False  # only counting from the head is exact
        return None

    def _decode(self) -> Iterator[av.AudioFrame]:
        """Yield decoded frames from where the container stands; damage is noted and passed over."""
        packets = demuxed(self._origin, self._container, self._sound)
        while True:
            self._deadline.check()
            try:
                packet = next(packets, None)
            except FFmpegError as error:
                self._damage(None, f"the file cannot be read on: {error.strerror}", final=True)
                return
            if packet is None:
                return
            try:
                frames = packet.decode()
            except FFmpegError as error:
                self._damage(packet.pts, f"a packet of sound is damaged: {error.strerror}")
                continue
            yield from frames

    def _damage(self, pts: int | None, message: str, final: bool = False) -> None:
        place = self._next or 0
        if pts is not None and self._anchored:
            place = max(place, int((pts * self._tick - self._anchor) * self.rate))
        self._damages.append(_Damage(place, message, final))
