"""Read with Decord, only where the scan proves it exact.

Decord 0.6 is fast and everywhere, but counts hidden packets, sorts open groups wrongly, lands late in broadcast streams
and spins for ever holding the interpreter when a file has fewer frames than it claims (all measured by
``benchmarks/exactness.py``). It is therefore given only files and frames that the scan vouches for. What it fails on,
PyAV reads; pictures that it makes up where data is damaged pass unnoticed, which PyAV would report.
"""

import io
from collections.abc import Mapping, Sequence
from importlib import import_module

import numpy as np

from avssl.media.base import Backend, Deadline, Index, Interval, Report
from avssl.media.peers import (
    contents,
    first_line,
    hand_over,
    in_chunks,
    refusal,
    several_videos,
    unavailable,
    why_unsafe,
    wrong_clock,
)
from avssl.media.resize import resize_area
from avssl.media.source import Origin

CONTAINERS = frozenset({"mov", "mp4", "matroska", "webm", "flv"})
CODECS = frozenset({"h264", "hevc", "mpeg4", "vp8", "vp9", "mjpeg", "h263", "flv1", "prores", "ffv1", "dnxhd"})


class Decord(Backend):
    """Decord behind the house's contract: one thread a handle, native RGB, then the one resize."""

    name = "decord"

    def __init__(self, origin: Origin, index: Index, *, threads: int = 1):
        super().__init__(origin, index, threads=threads)
        self._reader = None

    @classmethod
    def unsuitable(cls, origin: Origin, index: Index) -> str | None:
        load(origin)
        if index.info.codec not in CODECS:
            return f"Decord's FFmpeg 4.1 is not known to decode {index.info.codec}"
        if index.reordered:
            return "frames are shown before a key frame that precedes them (open groups); Decord is one frame off there"
        return why_unsafe(index, "Decord", CONTAINERS)

    def decode(
        self, plan: Sequence[Interval], slots: Mapping[int, np.ndarray], report: Report, deadline: Deadline
    ) -> None:
        reader, info = self._reader or self._open(), self.index.info
        self._reader = reader
        for frames in in_chunks(plan, self.index):
            deadline.check()
            try:
                pictures = reader.get_batch(frames).asnumpy()
            except Exception as error:  # DECORDError derives from nothing nearer
                self.close()  # a handle that has failed fails for ever
                hand_over(self, error, plan, slots, report, deadline)
                return
            if pictures.shape[1:3] != (info.height, info.width):
                height, width = pictures.shape[1:3]
                raise refusal(self, f"Decord shows {width}x{height} where {info.width}x{info.height} is displayed")
            for frame, picture in zip(frames, pictures, strict=True):
                resize_area(picture, slots[frame])
                report.filled.add(frame)
            report.decoded += len(frames)
        report.seeks += len(plan)
        reader.seek(0)  # it would go on decoding ahead into memory without bound

    def _open(self):
        decord = load(self.origin)
        if several_videos(self.origin):
            raise refusal(self, "there are several video streams and Decord chooses by itself")
        source = str(self.origin.path.absolute()) if self.origin.path else io.BytesIO(contents(self.origin))
        try:
            reader = decord.VideoReader(source, ctx=decord.cpu(0), num_threads=self.threads, fault_tol=0)
            times = reader.get_frame_timestamp(np.arange(len(reader)))[:, 0].astype(np.float64)
        except Exception as error:
            raise refusal(self, f"Decord cannot open it: {first_line(error)}") from error
        tolerance = 1e-3 + 1e-6 * self.index.info.duration  # its times are 32-bit floats
        wrong = wrong_clock(self.index, times - times[0], tolerance)
        if wrong:
            raise refusal(self, f"Decord {wrong}")
        return reader

    def close(self) -> None:
        self._reader = None


def load(origin: Origin):
    """Import Decord, late and quietly."""
    try:
        decord = import_module("decord")
    except (ImportError, OSError, RuntimeError) as error:
        raise unavailable("decord", "decord>=0.6", error, origin.name) from error
    decord.logging.set_level(decord.logging.QUIET)
    return decord
