"""One pass over a container: what each packet is, where its bytes lie, and, where needed, what comes out of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from errno import EINVAL
from fractions import Fraction
from io import SEEK_END, FileIO
from typing import IO, Any

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.frame import VideoFrame

from avssl.media.base import Coding, Deadline, SoundInfo, VideoInfo
from avssl.media.bitstream import SEEKABLE, Examiner, Marks, examiner
from avssl.media.errors import OpenError, ReadError, ScanError
from avssl.media.formats import FORMATS
from avssl.media.headers import choose, describe, describe_sound, rational, with_frame
from avssl.media.plain import PlainFile
from avssl.media.source import Origin

# Only these say when each frame is shown. AVI, MPEG-PS and raw streams hold decoding times or none, and FFmpeg's guess
# at the rest runs backwards.
TIMED = frozenset(("mov", "mp4", "matroska", "webm", "mpegts", "flv", "ogg", "nut", "ivf", "apng", "gif"))
# Of those that are sought in, the ones that FFmpeg reads on behind their end, into another file joined to them.
JOINABLE = frozenset(("avi", "flac", "flv", "matroska", "mpegts", "webm"))
OVERLAP = Fraction(1, 10)  # seconds that joined parts of sound may share; further back, a clock starts again
HEAD = 300  # packets after which we stop waiting for a picture at the start
# The bytes are read by Python: a name is then never an address, a read that fails is an OSError and not the end of the
# file, and whatever else a file names is refused.
_GUARDS = {"format_whitelist": ",".join(FORMATS), "protocol_whitelist": "none"}
_NEAR = 48  # a container may put this many bytes between a packet's place and its data (a block's header)


@dataclass(slots=True)
class Row:
    """One packet of the video stream; ``offset`` is None where its bytes do not lie in the file as they are."""

    pts: int | None
    dts: int | None
    duration: int | None
    size: int
    offset: int | None
    key: bool
    discard: bool
    marks: Marks


@dataclass(kw_only=True)
class Walk:
    """What a pass over the container found.

    Args:
        rows: the packets.
        shown: for each frame the decoder gave, which packet it came from, in decoded order; None if it does not say.
        complete: whether everything was decoded, not only the start.
        refused: packets that the decoder called damaged, each with how many frames came out before.
        time_base: seconds a unit of the rows' times.
        rate: mean frames a second by the headers, for want of better.
        sound_span: first and last moment of sound in seconds of container time.
        sound_restarts: whether the clock of sound or picture starts again and sound comes after that; the span ends
            there.
    """

    container: str
    info: VideoInfo
    coding: Coding
    time_base: Fraction
    rate: Fraction | None
    rows: list[Row] = field(default_factory=list)
    shown: list[int | None] = field(default_factory=list)
    complete: bool = False
    refused: list[tuple[int, int]] = field(default_factory=list)
    sound: SoundInfo | None = None
    sound_span: tuple[Fraction, Fraction] | None = None
    sound_restarts: bool = False
    notes: list[str] = field(default_factory=list)

    def counted(self) -> list[int | None]:
        """Return for each frame in decoded order which packet it came from; damaged packets keep their places."""
        frames, came = list(self.shown), set(self.shown)
        for place, row in reversed(self.refused):
            if row not in came:
                frames.insert(place, row)
        return frames

    def fresh(self) -> list[int]:
        """Return the packets at which decoding may start."""
        if self.info.codec not in SEEKABLE:
            return []
        return [place for place, row in enumerate(self.rows) if row.key and row.marks.fresh]

    def leaning(self) -> int:
        """Return how many packets are marked as key frames but are none (H.264's gradual refresh)."""
        return sum(row.key and not row.marks.fresh for row in self.rows)

    def undecodable(self) -> set[int]:
        """Return packets before the first key frame's time that gave no picture: cut open groups, headless streams."""
        head = _first_key(self.rows)
        if head is None:
            return set()
        limit = self.rows[head].pts
        came = set(self.shown)
        return {
            place
            for place, row in enumerate(self.rows)
            if limit is not None and row.pts is not None and row.pts < limit and place not in came
        }


def _first_key(rows: list[Row]) -> int | None:
    return next((place for place, row in enumerate(rows) if row.key and row.marks.fresh), None)


@contextmanager
def reading(origin: Origin) -> Iterator[None]:
    """Tell a read that failed, of FFmpeg's or of ours, as what it is.

    Raises:
        ReadError: instead of an OSError.
    """
    try:
        yield
    except FFmpegError:  # some are OSErrors as well
        raise
    except OSError as error:
        reason = error.strerror or str(error) or type(error).__name__
        raise ReadError(
            f"reading failed: {reason}; that is the disk's or the network's doing, so try again", source=origin.name
        ) from error


def read_at(file: Any, offset: int, packet: Packet) -> bool:
    """Fill a packet with the bytes at a place which the scan knows, and say whether the file reaches so far.

    Raises:
        OSError: if it does, but they do not come.
    """
    file.seek(offset)
    if file.readinto(packet) == packet.size:
        return True
    if file.seek(0, SEEK_END) >= offset + packet.size:
        raise OSError("bytes are missing in the middle of the file")
    return False


def demuxed(origin: Origin, container: InputContainer, stream: Any) -> Iterator[Packet]:
    """Yield the packets of one stream of an open recording.

    Raises:
        ReadError: if the bytes do not come.
    """
    with reading(origin):
        yield from container.demux(stream)


@contextmanager
def opened(origin: Origin) -> Iterator[InputContainer]:
    """Open a recording with FFmpeg and close it whatever happens.

    Raises:
        OpenError: if FFmpeg does not know what it is.
        ReadError: if its bytes do not come.
    """
    with reading(origin):
        file = origin.open()
    container: InputContainer | None = None
    try:
        with reading(origin):
            plain = PlainFile(file) if isinstance(file, FileIO) else file
            container = av.open(plain, mode="r", metadata_errors="replace", container_options=_GUARDS)
        yield container
    except FFmpegError as error:
        if container is not None:
            raise
        reason = error.strerror or type(error).__name__
        if error.errno == EINVAL:
            reason += " (playlists and other files that name further files are not followed)"
        raise OpenError(f"this is not a video that FFmpeg can open: {reason}", source=origin.name) from error
    finally:
        if container is not None:
            container.close()
        file.close()


def walk(
    origin: Origin, stream: str | int = "best", deadline: Deadline | None = None, *, count: bool | None = None
) -> Walk:
    """List all packets and decode the start, or everything.

    Args:
        origin: the recording.
        stream: ``"best"`` or a stream's number.
        deadline: when to give up.
        count: True to decode everything; None to do so only where the container holds no presentation times.

    Raises:
        OpenError: if it is not a video.
        ScanError: if it has no packets.
    """
    with opened(origin) as container:
        video = choose(container, stream, origin.name)
        sound = container.streams.best("audio", related=video)
        info, coding = describe(container, video)
        found = Walk(
            container=container.format.name,
            info=info,
            coding=coding,
            time_base=rational(video.time_base) or Fraction(1, av.time_base),
            rate=rational(video.average_rate) or rational(video.base_rate) or rational(video.guessed_rate),
            sound=describe_sound(sound),
        )
        if count is None:
            count = not TIMED & set(found.container.split(","))
        _Pass(origin, container, video, sound, found, count, deadline or Deadline(None)).run()
    if not found.rows:
        raise ScanError("the video stream holds no packet", source=origin.name)
    return found


class _Pass:
    """The loop of `walk`, with its state."""

    def __init__(
        self, origin: Origin, container: InputContainer, video, sound, found: Walk, count: bool, deadline: Deadline
    ):
        self.container, self.video, self.sound, self.found, self.count = container, video, sound, found, count
        self.context, self.deadline = video.codec_context, deadline
        self.context.thread_type = "NONE"
        self.context.thread_count = 1
        self.examine: Examiner = examiner(found.info.codec, found.coding.extradata)
        self.file = origin.open() if origin.path is not None or origin.data is not None else None
        self.decoding = True
        self.latest: int | None = None  # decoding time
        self.restarted = False
        self.limit: int | None = None  # the first key frame's time: whatever comes after it ends the search for a start

    def run(self) -> None:
        try:
            self._packets()
        except FFmpegError as error:
            self.found.notes.append(f"the container breaks off: {error.strerror or type(error).__name__}")
        except IndexError:  # what PyAV raises for a packet of a stream that damage made up on the way
            self.found.notes.append("the container breaks off: a packet of a stream that does not exist")
        finally:
            if self.file is not None:
                self.file.close()
        if self.decoding:
            self._decode(None)
        self.found.complete = self.count
        promised = self.video.frames
        if promised and promised != len(self.found.rows):
            self.found.notes.append(f"the header promises {promised} frames, the file holds {len(self.found.rows)}")

    def _packets(self) -> None:
        streams = [self.video] if self.sound is None else [self.video, self.sound]
        for packet in self.container.demux(*streams):
            self.deadline.check()
            if not packet.size:  # the end, or a frame that AVI says to hold
                continue
            if packet.stream_index != self.video.index:
                self._hear(packet)
                continue
            self.found.rows.append(self._row(packet))
            self._watch(packet.dts)
            if self.decoding:
                packet.pts, packet.dts = len(self.found.rows) - 1, None  # frames then say which packet they are of
                self._decode(packet)

    def _watch(self, time: int | None) -> None:
        """Notice where the clock of the pictures starts again: sound that comes after belongs to other pictures."""
        if time is None:
            return
        self.latest = time if self.latest is None else max(time, self.latest)
        self.restarted |= (self.latest - time) * self.found.time_base > OVERLAP

    def _row(self, packet: Packet) -> Row:
        data = memoryview(packet)
        return Row(
            pts=packet.pts,
            dts=packet.dts,
            duration=packet.duration,
            size=packet.size,
            offset=None if self.file is None else self._offset(packet, data),
            key=packet.is_keyframe,
            discard=packet.is_discard,
            marks=self.examine(data, packet.is_keyframe),
        )

    def _offset(self, packet: Packet, data: memoryview) -> int | None:
        """Return where the packet's very bytes lie in the file; None ends the search for all."""
        assert self.file is not None
        offset = whereabouts(self.file, packet, data)
        if offset is None:
            self.file.close()
            self.file = None
        return offset

    def _hear(self, packet: Packet) -> None:
        base = rational(self.sound.time_base)
        if packet.pts is None or base is None or packet.is_discard or self.found.sound_restarts:
            return
        start = packet.pts * base
        span = self.found.sound_span
        if self.restarted or (span is not None and start < span[1] - OVERLAP):
            self.found.sound_restarts = True
            return
        if self.sound.start_time is not None:
            start = max(start, self.sound.start_time * base)
        span = self.found.sound_span or (start, start)
        self.found.sound_span = min(span[0], start), max(span[1], (packet.pts + (packet.duration or 0)) * base)

    def _decode(self, packet: Packet | None) -> None:
        """Decode one packet while the start, or everything, is of interest."""
        try:
            frames = self.context.decode(packet)
        except FFmpegError:
            if packet is not None and self.found.shown:  # before the first picture it is only a headless stream
                self.found.refused.append((len(self.found.shown), len(self.found.rows) - 1))
            return
        for frame in frames:
            if not self.found.shown:
                self.found.info = with_frame(self.found.info, frame)
            self.found.shown.append(frame.pts)
            if not self.count and self._is_started(frame):
                self.decoding = False
                return
        if not self.count and not self.found.shown and len(self.found.rows) > HEAD:
            self.decoding = False

    def _is_started(self, frame: VideoFrame) -> bool:
        """Tell whether the stream's doubtful start is over: a frame no earlier than the first key frame came out."""
        key = _first_key(self.found.rows)
        if key is None:
            return len(self.found.rows) > HEAD
        limit = self.found.rows[key].pts
        shown = None if frame.pts is None else self.found.rows[frame.pts].pts
        return limit is None or shown is None or shown >= limit


def restarts(container: InputContainer, sound: Any, origin: Origin, deadline: Deadline) -> bool:
    """Tell whether the clock of a stream of sound starts again, as where files were joined, by listing its packets."""
    base, latest = rational(sound.time_base), None
    if base is None or not JOINABLE & set(container.format.name.split(",")):
        return False
    for packet in demuxed(origin, container, sound):
        deadline.check()
        if packet.pts is None or not packet.size or packet.is_discard:
            continue
        start, end = packet.pts * base, (packet.pts + (packet.duration or 0)) * base
        if latest is not None and start < latest - OVERLAP:
            return True
        latest = end if latest is None else max(latest, end)
    return False


def whereabouts(file: IO[bytes], packet: Packet, data: memoryview) -> int | None:
    """Return where in the file the packet's very bytes lie, compared one by one; None where they do not."""
    if packet.pos is None or packet.pos < 0 or _carries_settings(packet):
        return None
    file.seek(packet.pos)
    near = file.read(packet.size + _NEAR)
    shift = near.find(data[:16], 0, _NEAR + 16)
    while shift >= 0 and near[shift : shift + packet.size] != data:
        shift = near.find(data[:16], shift + 1, _NEAR + 16)
    return packet.pos + shift if shift >= 0 else None


def _carries_settings(packet: Packet) -> bool:
    """Tell whether decoding the packet needs more than its bytes; older PyAV cannot tell, so it counts as yes."""
    has = getattr(packet, "has_sidedata", None)
    return has is None or has("new_extradata") or has("palette")
