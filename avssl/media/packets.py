"""Sound from packets cut straight out of the file: no container is opened, probed or sought, and run-ups are short."""

from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.error import FFmpegError
from av.packet import Packet

from avssl.media.base import Deadline
from avssl.media.packet_table import PacketTable, Unfit
from avssl.media.source import Origin
from avssl.media.walk import read_at
from avssl.media.waveform import fold, mix, pour


class Packets:
    """One sound stream as a row of samples, in the form of :class:`avssl.media.track.Track`.

    Every packet gives one codec frame, whose place in the row the table knows; so nothing is measured by times here.

    Args:
        origin: the recording.
        table: its packets, as scanned.
        channels: 1 for the mean, 2 for stereo, None as recorded.
        zero: where the clock starts, in seconds of the container's time; None at the first sample.
        deadline: checked at every packet.

    Attributes:
        rate: recorded samples a second.
        channels: of the samples returned.
        start: when the first sample sounds, in seconds on the clock.
    """

    def __init__(
        self,
        origin: Origin,
        table: PacketTable,
        *,
        channels: int | None = None,
        zero: Fraction | float | None = 0,
        deadline: Deadline | None = None,
    ):
        self._table, self._fold, self._deadline = table, channels, deadline or Deadline(None)
        head = table.head
        self.rate, self.channels = head.rate, channels or head.channels
        self.start = Fraction(0) if zero is None else head.anchor - Fraction(zero)
        self._context = _decoder(table)
        self._next: int | None = None  # the packet that the decoder awaits; None where it is in the middle of nothing
        self._file = origin.open()

    def __enter__(self) -> "Packets":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def place(self, seconds: Fraction) -> Fraction:
        """Return where in the row of samples an instant on the clock lies."""
        return (seconds - self.start) * self.rate

    def read(self, low: int, high: int) -> tuple[np.ndarray, np.ndarray]:
        """Return samples ``low`` to ``high``, float32 ``(channels, samples)``, and where there are any, bool.

        Raises:
            Unfit: if the packets do not give what the scan promised: damage, or another file.
        """
        wave, known = np.zeros((self.channels, high - low), np.float32), np.zeros(high - low, bool)
        first, last = max(low, 0), min(high, self._table.length)
        if first >= last:
            return wave, known
        part = self._decode(first, last)
        wave[:, first - low : last - low], known[first - low : last - low] = part, True
        return wave, known

    def _decode(self, low: int, high: int) -> np.ndarray:
        """Return samples that are all there, float32 ``(channels, high - low)``."""
        places = self._table.places
        early = int(np.searchsorted(places, low, side="right")) - 1
        late = int(np.searchsorted(places, high, side="left"))  # the first packet that is not needed
        start = self._table.run_up(early)
        if self._next is None or not start <= self._next <= early:
            self._context.flush_buffers()
        else:
            start = self._next
        self._next = None  # until all went well
        folding = self._fold == 2 and self._table.head.channels > 2  # by FFmpeg, frame by frame
        out = np.empty((2 if folding else self._table.head.channels, high - low), np.float32)
        numbers = range(start, late)
        offsets, sizes = self._table.offsets[start:late].tolist(), self._table.sizes[start:late].tolist()
        bounds = places[start : late + 1].tolist()
        for number, offset, size, place, end in zip(numbers, offsets, sizes, bounds, bounds[1:], strict=False):
            self._deadline.check()
            frames = self._feed(offset, size)
            if number < early:
                continue
            frame, place = self._placed(frames, place, end)
            first, last = max(place, low), min(place + frame.samples, high)
            target = out[:, first - low : last - low]
            if folding:
                target[:] = fold(frame, 2)[:, first - place : last - place]
            else:
                pour(frame, first - place, target)
        self._next = late
        return out if folding else mix(out, self._fold)

    def _feed(self, offset: int, size: int) -> list[av.AudioFrame]:
        """Give one packet to the decoder and return what comes out."""
        packet = Packet(size)  # FFmpeg's own memory, with the room that decoders read past the end
        if not read_at(self._file, offset, packet):
            raise Unfit("the file is shorter than when it was scanned")
        try:
            return self._context.decode(packet)
        except FFmpegError as error:
            raise Unfit(f"a packet of sound is damaged: {error.strerror}") from error

    def _placed(self, frames: list[av.AudioFrame], place: int, end: int) -> tuple[av.AudioFrame, int]:
        """Return the one frame of a packet that was promised ``place`` to ``end``, and its first sample's place."""
        if len(frames) != 1:
            raise Unfit(f"a packet gave {len(frames)} codec frames")
        frame, head = frames[0], self._table.head
        if frame.sample_rate != head.rate or frame.layout.name != head.layout:
            raise Unfit("the sound changes its rate or channels")
        if place < 0 and frame.samples >= end:  # decoders may trim what an encoder put before the first sample
            return frame, end - frame.samples
        if place + frame.samples not in (end, self._table.length):
            raise Unfit(f"a codec frame holds {frame.samples} samples where {end - place} were promised")
        return frame, place


def _decoder(table: PacketTable) -> Any:
    """Return a decoder set up as the container would have."""
    context: Any = av.CodecContext.create(table.decoder, "r")
    if table.extradata:
        context.extradata = bytes(len(table.extradata) + 128)  # decoders read past the end: let them find zeros there
        context.extradata = table.extradata
    context.sample_rate, context.layout = table.head.rate, table.head.layout
    context.thread_count = 1
    return context
