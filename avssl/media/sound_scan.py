"""The scan of a sound stream: list its packets once, prove that they do without the container, and keep the result."""

import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av.stream
import numpy as np
from av.audio.stream import AudioStream
from av.error import FFmpegError
from av.packet import Packet

from avssl.media.base import Deadline
from avssl.media.errors import MediaError, ReadError
from avssl.media.packet_table import RUN_UPS, PacketTable, Unfit, pack, unpack
from avssl.media.packets import Packets
from avssl.media.scan_cache import fetch_bytes, keep_bytes
from avssl.media.source import Origin
from avssl.media.track import Head, Track, drift
from avssl.media.walk import demuxed, opened, restarts, whereabouts

VERSION = 2  # raise it when the scan or the file changes: older files are then scanned anew
PROOF = 8  # codec frames at the head that must come out the same either way


def packet_table_of(origin: Origin, stream: int, deadline: Deadline) -> PacketTable:
    """Return the table of a stream, from the cache if it was scanned before; only recordings on disk have one."""
    name = origin.fingerprint()
    if name is None:
        return PacketTable(reason="a recording that is not a file on disk is not scanned for its sound")
    data = fetch_bytes(name, f"{stream}-{VERSION}", "sound")
    known = None if data is None else unpack(data)
    if known is None:
        known = scan_sound(origin, stream, deadline)
        origin.check()
        if origin.fingerprint() == name:
            keep_bytes(name, f"{stream}-{VERSION}", "sound", pack(known))
    return known


def ends_early(origin: Origin, stream: int, deadline: Deadline) -> bool:
    """Tell whether the clock of a stream of sound starts again, so that only what comes before can be placed."""
    if origin.fingerprint() is not None:
        return packet_table_of(origin, stream, deadline).restarts
    with opened(origin) as container:
        return restarts(container, container.streams[stream], origin, deadline)


def scan_sound(origin: Origin, stream: int, deadline: Deadline) -> PacketTable:
    """List a stream's packets and prove that they alone give what FFmpeg gives through the container.

    Raises:
        DecodeTimeout: if the deadline passes.
    """
    try:
        with Track(origin, stream=stream, zero=None, on_error="raise", deadline=deadline) as track:
            wave, known = track.read(0, PROOF * track.head().usual)
            return _proved(origin, _listed(origin, stream, track.head(), track.end(), deadline), wave, known, deadline)
    except Unfit as reason:
        with opened(origin) as container:
            return PacketTable(
                reason=str(reason), restarts=restarts(container, container.streams[stream], origin, deadline)
            )
    except ReadError:
        raise  # not a finding: the same file may well do next time
    except (MediaError, FFmpegError) as error:
        deadline.check()  # out of time is not a finding
        return PacketTable(
            reason=f"the scan of its sound failed: {error}"
        )  # reading through the container says it in full


def _listed(origin: Origin, stream: int, head: Head, length: int, deadline: Deadline) -> PacketTable:
    """List the packets, and count which samples each holds."""
    rows: list[tuple[int, int, int]] = []  # time, offset, size
    heard: int | None = None  # the packet of the first codec frame that is heard
    cut = False
    with opened(origin) as container, origin.open() as file:
        sound = next(each for each in container.streams.audio if each.index == stream)
        context, base = sound.codec_context, Fraction(sound.time_base or 1)
        for packet in _packets(origin, container, sound):
            deadline.check()
            if packet.is_discard and heard is not None:
                cut = True
                continue
            if cut:
                raise Unfit("an edit list cuts the sound in pieces")
            offset = whereabouts(file, packet, memoryview(packet))
            if offset is None or packet.pts is None:
                raise Unfit("its packets do not lie in the file as they are, each with a time")
            rows.append((packet.pts, offset, packet.size))
            if heard is None and packet.decode():
                heard = len(rows) - 1
        codec, decoder, extradata = context.codec.canonical_name, context.codec.name, context.extradata or b""
    if heard is None:
        raise Unfit("no packet gives a codec frame at once")
    times, offsets, sizes = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    places = _count(codec, sizes, head, heard)
    measured = (times * float(base) - float(head.anchor)) * head.rate
    if np.abs(measured - places[:-1])[heard + 1 :].max(initial=0) > drift(head.usual, head.rate):
        raise Unfit("its times and its samples disagree: there are gaps, or codec frames of many lengths")
    if not places[-2] < length <= places[-1]:
        raise Unfit(f"its packets promise {places[-2]} to {places[-1]} samples, and {length} come out")
    return PacketTable(
        head=head,
        length=length,
        codec=codec,
        decoder=decoder,
        extradata=extradata,
        offsets=offsets,
        sizes=sizes.astype(np.int32),
        places=places,
    )


def _packets(origin: Origin, container: Any, sound: AudioStream) -> Iterator[Packet]:
    """Yield the packets of one stream, sparing the others where PyAV can."""
    for other in container.streams:
        if other is not sound and hasattr(other, "discard"):
            other.discard = av.stream.Discard.all
    return (packet for packet in demuxed(origin, container, sound) if packet.size)


def _count(codec: str, sizes: np.ndarray, head: Head, heard: int) -> np.ndarray:
    """Return the first sample of every packet and the end of the last, counted from the first that is heard."""
    if codec.startswith("pcm_"):
        width = _pcm_bytes(codec) * head.channels
        if (sizes % width).any():
            raise Unfit("a packet of plain samples holds a part of one")
        counts = sizes // width
    elif codec in RUN_UPS or codec in ("mp3", "opus"):
        counts = np.full(len(sizes), head.usual)
    else:
        raise Unfit(f"how {codec} must be run up is not known here")
    ends = np.cumsum(counts)
    places = np.concatenate([[0], ends])
    return places - (places[heard + 1] - head.first)


def _pcm_bytes(codec: str) -> int:
    """Return how many bytes one plain sample takes.

    Examples:
        >>> _pcm_bytes("pcm_s24le"), _pcm_bytes("pcm_mulaw")
        (3, 1)
    """
    if codec in ("pcm_alaw", "pcm_mulaw"):
        return 1
    found = re.fullmatch(r"pcm_[suf](8|16|24|32|64)(le|be)?", codec)
    if found is None:
        raise Unfit(f"how {codec} packs its samples is not known here")
    return int(found[1]) // 8


def _proved(origin: Origin, table: PacketTable, wave: np.ndarray, known: np.ndarray, deadline: Deadline) -> PacketTable:
    """Return the table if the head comes out as it did through the container, and the tail comes out."""
    with Packets(origin, table, zero=None, deadline=deadline) as packets:
        again, there = packets.read(0, wave.shape[1])
        packets.read(table.length - 1, table.length)
    if not (np.array_equal(wave, again) and np.array_equal(known, there)):
        raise Unfit("decoded without the container it sounds otherwise")
    return table
