"""The reference backend: PyAV (FFmpeg), fed with exactly the packets that the plan names.

Every packet is given its own number as its time, so that each frame that comes out says which packet it is of, whatever
clock the container has.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import av
import numpy as np
from av.error import FFmpegError
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from avssl.media.base import NO_TIME, Backend, Coding, Deadline, Index, Interval, Mismatch, Report
from avssl.media.bitstream import SEEKABLE
from avssl.media.errors import DecodeError
from avssl.media.plan import earlier, feed
from avssl.media.resize import write_rgb
from avssl.media.source import Origin
from avssl.media.walk import opened, read_at

LENIENT = {"tiff"}  # told to refuse damage, FFmpeg refuses every tag of a TIFF that it does not know, sound or not
_NEAR = 64  # packets that are read over rather than sought


class PyAV(Backend):
    """Decodes with FFmpeg, from the packets' bytes where the scan knows their places, else through the container."""

    name = "pyav"

    def __init__(self, origin: Origin, index: Index, *, threads: int = 1):
        super().__init__(origin, index, threads=threads)
        self._turns = -index.info.rotation // 90 % 4
        self._frame_of = _inverse(index)
        self._feeder: _FromFile | _FromContainer | None = None
        self._direct = bool(len(index.offsets)) and index.info.codec in SEEKABLE and index.coding is not None

    def decode(
        self, plan: Sequence[Interval], slots: Mapping[int, np.ndarray], report: Report, deadline: Deadline
    ) -> None:
        for interval in plan:
            self._serve(interval, slots, report, deadline)

    def close(self) -> None:
        feeder, self._feeder = self._feeder, None
        if feeder is not None:
            feeder.close()

    def _serve(self, interval: Interval, slots: Mapping[int, np.ndarray], report: Report, deadline: Deadline) -> None:
        """Decode one interval; if a target does not come out, from further back; then through the container."""
        attempt: Interval | None = interval
        problem: Exception | None = None
        while attempt is not None:
            try:
                _Run(self, attempt, slots, report, deadline).go()
                return
            except (_Missing, DecodeError) as error:
                problem = problem or error
            report.retries += 1
            attempt = earlier(self.index, attempt)
            if attempt is None and self._direct:
                report.notes.append(f"reading through the container: {problem}")
                self.close()
                self._direct, attempt = False, interval
        try:
            raise problem if isinstance(problem, DecodeError) else Mismatch(str(problem))
        finally:
            del problem  # it holds this call's frame, which holds it: a cycle that would keep all pictures

    def feeder(self) -> "_FromFile | _FromContainer":
        """Return the open source of packets."""
        if self._feeder is None:
            kind = _FromFile if self._direct else _FromContainer
            self._feeder = kind(self.origin, self.index, self.threads)
        return self._feeder


def _inverse(index: Index) -> np.ndarray:
    """Return which frame each packet holds, -1 for none, int64 ``(packets,)``."""
    frames = np.full(index.packets, -1, np.int64)
    frames[index.packet] = np.arange(len(index.packet))
    return frames


class _Missing(Exception):
    """A target did not come out of the decoder, or not in its place."""


class _Run:
    """One run of the decoder over one interval."""

    def __init__(self, backend: PyAV, interval: Interval, slots, report: Report, deadline: Deadline):
        self.backend, self.index, self.interval = backend, backend.index, interval
        self.slots, self.report, self.deadline = slots, report, deadline
        self.counting = not len(self.index.packet)
        self.left = {frame for frame in interval.targets if frame not in report.filled}
        self.last = -1  # the frame that came out last
        self.fed = -1  # the packet given last

    def go(self) -> None:
        if not self.left:
            return
        feeder = self.backend.feeder()
        context = feeder.context
        self.report.seeks += self.interval.start > 0
        try:
            for packet in feeder.packets(feed(self.index, self.interval)):
                self.deadline.check()
                self.report.decoded += 1
                self.fed = packet.pts
                for frame in context.decode(packet):
                    self._take(frame)
                if not self.left:
                    break
            else:
                for frame in context.decode(None):
                    self._take(frame)
        except FFmpegError as error:
            self._salvage(context)
            raise self._damage(error) from error
        finally:
            feeder.rest()
        if self.left:
            raise _Missing(f"frame {min(self.left)} did not come out of the decoder")

    def _take(self, frame: VideoFrame) -> None:
        """Check which frame this is, and write it if it is wanted."""
        place = self.last + 1 if self.counting else self._place(frame)
        if place < 0:  # a hidden frame
            return
        if place <= self.last:
            raise _Missing(f"frame {place} came out after frame {self.last}")
        self.last = place
        if place in self.left:
            write_rgb(frame, self.slots[place], self.backend._turns, self.index.info.flipped)
            self.left.discard(place)
            self.report.filled.add(place)

    def _place(self, frame: VideoFrame) -> int:
        if frame.pts is None or not 0 <= frame.pts < self.index.packets:
            raise _Missing("the decoder does not say which packet a frame is of")
        return int(self.backend._frame_of[frame.pts])

    def _salvage(self, context: VideoCodecContext) -> None:
        """Take what the decoder still holds from before a damaged packet; with threads nobody knows what that is."""
        if self.backend.threads > 1:
            return
        try:
            for frame in context.decode(None):
                if frame.pts != self.fed:
                    self._take(frame)
        except (FFmpegError, _Missing):
            return  # the first error is the one to report

    def _damage(self, error: Exception) -> DecodeError:
        until = self.index.seconds(self.last) if self.last >= 0 else None
        reason = getattr(error, "strerror", None) or str(error)
        return DecodeError(
            f"damaged data before frame {min(self.left, default=self.last)}: {reason}; "
            'on_error="truncate" gives the good frames',
            source=self.backend.origin.name,
            backend="pyav",
            position=until,
            decoded_until=until,
        )


class _FromFile:
    """Packets cut straight out of the file, for a decoder of our own: nothing is probed, parsed or sought."""

    def __init__(self, origin: Origin, index: Index, threads: int):
        assert index.coding is not None
        self.index = index
        self.file = origin.open()
        self.context = _decoder(index.coding, threads, index.strict)
        self.keys = frozenset(index.keys.tolist())

    def packets(self, numbers: np.ndarray) -> Iterator[Packet]:
        offsets, sizes = self.index.offsets[numbers].tolist(), self.index.sizes[numbers].tolist()
        for number, offset, size in zip(numbers.tolist(), offsets, sizes, strict=True):
            packet = Packet(size)  # FFmpeg's own memory, with the room that decoders read past the end
            if not read_at(self.file, offset, packet):
                raise _Missing("the file is shorter than when it was scanned")
            packet.pts = number
            if number in self.keys:  # some decoders add what is not marked so to the picture before
                packet.is_keyframe = True
            yield packet

    def rest(self) -> None:
        """Make the decoder ready for another start."""
        self.context.flush_buffers()

    def close(self) -> None:
        self.file.close()


def _decoder(coding: Coding, threads: int, strict: bool) -> VideoCodecContext:
    """Return a decoder set up as the container would have."""
    context: Any = av.CodecContext.create(coding.decoder, "r")
    if coding.extradata:
        context.extradata = bytes(len(coding.extradata) + 128)  # decoders read past the end: let them find zeros there
        context.extradata = coding.extradata
    context.width, context.height = coding.width, coding.height
    if coding.pixel_format:
        context.pix_fmt = coding.pixel_format
    if len(coding.tag) == 4:
        context.codec_tag = coding.tag
    if hasattr(type(context), "reorder_depth"):
        context.reorder_depth = coding.reorder
    context.color_range, context.color_primaries = coding.color_range, coding.color_primaries
    context.color_trc, context.colorspace = coding.color_transfer, coding.color_space
    return _prepared(context, threads, strict)


def _prepared(context: Any, threads: int, strict: bool) -> VideoCodecContext:
    """Set threads (never FFmpeg's AUTO, which can hang when a reader stops early) and strictness about damage."""
    context.thread_count = threads
    context.thread_type = "NONE" if threads == 1 else "FRAME"
    if strict and context.codec.name not in LENIENT:
        context.options = {"err_detect": "explode"}  # an error, where FFmpeg would make up what is missing
    return context


class _FromContainer:
    """Packets through FFmpeg's own reading of the container: seek, look where we landed, read on to the start."""

    def __init__(self, origin: Origin, index: Index, threads: int):
        self.origin, self.index, self.threads = origin, index, threads
        self._open()

    def _open(self) -> None:
        self._stack = ExitStack()
        container = self._stack.enter_context(opened(self.origin))
        try:
            self.stream = container.streams[self.index.info.stream]
        except IndexError:
            self._stack.close()
            raise Mismatch("the container has other streams than when it was scanned") from None
        self.container = container
        self.context = _prepared(self.stream.codec_context, self.threads, self.index.strict)
        self._reading = container.demux(self.stream)
        self._next = 0  # number of the packet that will be read next

    def packets(self, numbers: np.ndarray) -> Iterator[Packet]:
        wanted = iter(numbers.tolist())
        number = next(wanted)
        pending = self._go_to(number)
        while True:
            packet = pending or self._read()
            pending = None
            if packet is None:
                raise _Missing(f"the file ends before packet {number}")
            if self._next - 1 != number:
                continue
            packet.pts, packet.dts = number, None
            yield packet
            following = next(wanted, None)
            if following is None:
                return
            number = following

    def _go_to(self, start: int) -> Packet | None:
        """Place the reading at or before a packet; return the packet it read to know where it is, if it did."""
        if self._next <= start <= self._next + _NEAR:
            return None
        keys = self.index.keys
        place = int(np.searchsorted(keys, start, side="right")) - 1
        if len(self.index.marks):
            for back in range(min(3, place + 1)):
                landed = self._seek(int(self.index.seeks[place - back]))
                if landed is not None and self._next - 1 <= start:
                    return landed
        self.close()
        self._open()
        return None

    def _seek(self, time: int) -> Packet | None:
        """Seek, read one packet and learn its number; None if that fails."""
        try:
            self.container.seek(time, stream=self.stream, backward=True)
        except FFmpegError:
            return None  # a container that cannot seek is read from its start
        self._reading = self.container.demux(self.stream)
        self._next = -1
        packet = next((each for each in self._reading if each.size), None)
        if packet is None or packet.pts is None:
            return None
        found = np.flatnonzero(self.index.marks == packet.pts)
        if len(found) != 1:
            return None
        self._next = int(found[0]) + 1
        return packet

    def _read(self) -> Packet | None:
        packet = next((each for each in self._reading if each.size), None)
        if packet is None:
            return None
        marks = self.index.marks
        if self._next >= self.index.packets or (len(marks) and marks[self._next] not in (packet.pts, NO_TIME)):
            raise _Missing(f"packet {self._next} is not the one that was scanned")
        self._next += 1
        return packet

    def rest(self) -> None:
        """Make the decoder ready for another start."""
        self.context.flush_buffers()

    def close(self) -> None:
        self._stack.close()
