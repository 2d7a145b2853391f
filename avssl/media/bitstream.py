"""What packets say of themselves without being decoded: needed by no other frame, a fresh start, or nothing to show.

H.264 is ITU-T H.264 (7.3.1, 7.4.1.2, D.1.8); H.265 is ITU-T H.265 (7.3.1.2, 7.4.2.2); MPEG-4 video is
ISO/IEC 14496-2 (6.2.5); VP8 is RFC 6386 (9.1);
VP9 is the VP9 bitstream specification (6.2).
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

# Decoding may start at a key packet of these, and frames come out one per packet; others are decoded from the start.
SEEKABLE = frozenset(
    ("h264", "hevc", "vp8", "vp9", "av1", "mpeg4", "mpeg2video", "mpeg1video", "h263", "flv1", "msmpeg4v2", "msmpeg4v3")
) | {"wmv1", "wmv2", "mjpeg", "prores", "dnxhd", "huffyuv", "ffvhuff", "ffv1", "rawvideo", "png"}


class Marks(NamedTuple):
    """What one packet says.

    Attributes:
        droppable: no other frame refers to it (within its layer).
        fresh: if it is a key packet, frames shown after it are exact when decoding starts here.
        closed: if it is a key packet, it refers to nothing before it in any way.
        hidden: it shows nothing.
        layer: its temporal layer; only packets of the highest may be dropped.
        packed: it holds several pictures, so that frames do not say where they come from.
    """

    droppable: bool = False
    fresh: bool = True
    closed: bool = True
    hidden: bool = False
    layer: int = 0
    packed: bool = False


Examiner = Callable[[memoryview, bool], Marks]


def examiner(codec: str, extradata: bytes) -> Examiner:
    """Return the function ``(packet's bytes, is key) -> Marks`` for a codec."""
    if codec == "h264":
        length = (extradata[4] & 3) + 1 if extradata[:1] == b"\x01" and len(extradata) > 6 else 0
        return lambda data, key: _h264(data, key, length)
    if codec == "hevc":
        length = (extradata[21] & 3) + 1 if extradata[:1] == b"\x01" and len(extradata) > 22 else 0
        return lambda data, key: _hevc(data, length)
    if codec == "vp8":
        return lambda data, key: Marks(hidden=not data[0] >> 4 & 1)
    if codec == "vp9":
        return lambda data, key: Marks(hidden=_vp9_hidden(data))
    if codec == "mpeg4":
        return lambda data, key: Marks(packed=bytes(data).count(b"\0\0\1\xb6") > 1)
    return lambda data, key: Marks()


def _units(data: memoryview, length: int) -> Iterator[memoryview]:
    """Yield the units (NAL) of a packet; ``length`` bytes before each tell its size, or 0 for start codes."""
    place, end = 0, len(data)
    if length:
        while place + length < end:
            size = int.from_bytes(data[place : place + length], "big")
            place += length
            yield data[place : place + size]
            place += size
        return
    whole = bytes(data)
    place = whole.find(b"\0\0\1")
    while place >= 0:
        following = whole.find(b"\0\0\1", place + 3)
        yield data[place + 3 : following if following >= 0 else end]
        place = following


def _h264(data: memoryview, key: bool, length: int) -> Marks:
    pictures, needed, closed, fresh = False, False, False, False
    for unit in _units(data, length):
        if not len(unit):
            continue
        kind = unit[0] & 31
        if 1 <= kind <= 5 or kind in (20, 21):
            pictures = True
            needed |= bool(unit[0] >> 5 & 3) or kind not in (1, 5)  # partitions and further views: leave them alone
            closed |= kind == 5
        elif kind == 6 and key:
            fresh |= _recovers_at_once(unit)
    return Marks(droppable=pictures and not needed, fresh=fresh or closed, closed=closed)


def _recovers_at_once(unit: memoryview) -> bool:
    """Tell whether a message unit (SEI) promises exact pictures from this one on, as open groups do."""
    body = bytes(unit[1:]).replace(b"\0\0\3", b"\0\0")
    place = 0
    while place + 2 < len(body):
        kind = size = 0
        for _ in range(2):
            size, kind = 0, size
            while place < len(body) and body[place] == 255:
                size, place = size + 255, place + 1
            if place >= len(body):
                return False
            size, place = size + body[place], place + 1
        if kind == 6:  # recovery_frame_cnt = 0 is one bit 1; exact_match_flag is the next
            return place < len(body) and body[place] >> 6 == 3
        place += size
    return False


def _hevc(data: memoryview, length: int) -> Marks:
    pictures, needed, fresh, layer = False, False, False, 0
    for unit in _units(data, length):
        if len(unit) < 2:
            continue
        kind = unit[0] >> 1 & 63
        if kind < 32:
            pictures = True
            fresh |= 16 <= kind <= 21
            needed |= kind > 14 or kind % 2 == 1 or bool(unit[0] & 1 or unit[1] >> 3)
            layer = max(layer, (unit[1] & 7) - 1)
    return Marks(droppable=pictures and not needed, fresh=fresh, layer=layer)


def _vp9_hidden(data: memoryview) -> bool:
    if data[-1] & 0xE0 == 0xC0:  # several frames in one packet: the last is shown
        return False
    first = data[0]
    if first >> 6 != 2:
        return False
    bits = int.from_bytes(data[:2], "big") if len(data) > 1 else first << 8
    place = 11 if first >> 4 & 3 != 3 else 10  # after marker and profile (and one reserved bit in profile 3)
    existing, shown = bits >> place & 1, bits >> (place - 2) & 1
    return not existing and not shown
