"""The packet table of a sound stream: where each packet lies in the file and which samples it holds."""

from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from avssl.media.scan_cache import bundle, unbundle
from avssl.media.track import Head

_ARRAYS = {"offsets": np.int64, "sizes": np.int32, "places": np.int64}
# Packets decoded before the one wanted, where each holds one codec frame of one length. The transforms of AAC and AC-3
# overlap by one frame; a few more let what is smoothed over time (HE-AAC's bands) settle.
RUN_UPS = {"aac": 4, "ac3": 2, "eac3": 2, "mp2": 2, "flac": 0, "alac": 0}
OPUS = (
    0.3  # seconds; RFC 7845, section 4.6, asks for 0.08, after which a tone is still only 25 dB from where it settles
)
# Bytes that an MP3 frame may borrow from those before it, and bytes that are never lent (header, checksum and side
# information of two channels): ISO 11172-3, section 2.4.1.7, and at up to 24 kHz ISO 13818-3, section 2.4.1.7.
RESERVOIR, LOW_RESERVOIR = (511, 38), (255, 23)
NO_HEAD = Head(Fraction(0), 1, 1, "mono", 0, 0)


class Unfit(Exception):
    """The packets alone do not give the sound; the container must be asked."""


@dataclass(frozen=True, eq=False, kw_only=True)
class PacketTable:
    """What a scan of one sound stream found.

    Args:
        reason: why the packets alone do not do, in words; empty where they do, and only then is the rest filled in.
        restarts: whether the stream's clock starts again; known for sound without pictures.
        head: what the first codec frames say.
        length: how many samples the track spans.
        codec: the coding's own name.
        decoder: FFmpeg's name of the decoder.
        extradata: what the decoder must be told.
        offsets: where each packet's bytes lie in the file, int64 ``(packets,)``.
        sizes: bytes of each packet, int32 ``(packets,)``.
        places: the first sample of each packet, negative where it is hidden; then the end of the last, int64
            ``(packets + 1,)``.
    """

    reason: str = ""
    restarts: bool = False
    head: Head = NO_HEAD
    length: int = 0
    codec: str = ""
    decoder: str = ""
    extradata: bytes = b""
    offsets: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    sizes: np.ndarray = field(default_factory=lambda: np.empty(0, np.int32))
    places: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))

    def run_up(self, packet: int) -> int:
        """Return the packet to start from so that ``packet`` and all after it decode as they do from the head."""
        if self.codec == "opus":
            return max(0, int(np.searchsorted(self.places, self.places[packet] - OPUS * self.head.rate, "right")) - 1)
        if self.codec == "mp3":
            most, kept = RESERVOIR if self.head.rate > 24000 else LOW_RESERVOIR
            start, lent = packet, 0
            while start > 0 and lent < most:
                start -= 1
                lent += max(1, int(self.sizes[start]) - kept)
            return max(0, start - 2)  # overlapping transforms, then a filter bank with a memory of 480 samples
        return max(0, packet - RUN_UPS.get(self.codec, 0))


def pack(table: PacketTable) -> bytes:
    """Return a table as bytes."""
    header = {
        "reason": table.reason,
        "restarts": table.restarts,
        "head": [str(table.head.anchor), *table.head[1:]],
        "length": table.length,
        "codec": table.codec,
        "decoder": table.decoder,
        "extradata": table.extradata.hex(),
    }
    return bundle(header, {name: getattr(table, name) for name in _ARRAYS})


def unpack(data: bytes) -> PacketTable | None:
    """Return the table, or None if the bytes are not a whole one."""
    opened = unbundle(data, _ARRAYS)
    if opened is None:
        return None
    header, arrays = opened
    anchor, *others = header["head"]
    return PacketTable(
        **arrays,
        reason=header["reason"],
        restarts=header["restarts"],
        head=Head(Fraction(anchor), *others),
        length=header["length"],
        codec=header["codec"],
        decoder=header["decoder"],
        extradata=bytes.fromhex(header["extradata"]),
    )
