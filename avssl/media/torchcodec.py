"""Read with TorchCodec (an extra), in its exact mode, only where the scan proves it exact.

TorchCodec trusts decoding times in AVI and loses frames in MPEG streams (measured by ``benchmarks/exactness.py``).
What it fails on, PyAV reads; pictures that it makes up where data is damaged pass unnoticed, which PyAV would report.
"""

from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.metadata import version

import numpy as np

from avssl.media.base import Backend, Deadline, Index, Interval, Report
from avssl.media.peers import contents, first_line, hand_over, in_chunks, refusal, unavailable, why_unsafe
from avssl.media.resize import resize_area
from avssl.media.source import Origin

CONTAINERS = frozenset({"mov", "mp4", "matroska", "webm", "flv"})
WIDE_RANGE_SINCE = (0, 17)  # earlier ones read full-range 10-bit colour as if it were limited


class TorchCodec(Backend):
    """TorchCodec behind the house's contract: exact seeking, native RGB, then the one resize."""

    name = "torchcodec"

    def __init__(self, origin: Origin, index: Index, *, threads: int = 1):
        super().__init__(origin, index, threads=threads)
        self._decoder = None

    @classmethod
    def unsuitable(cls, origin: Origin, index: Index) -> str | None:
        load(origin)
        info = index.info
        wide = info.bit_depth > 8 and info.color_range in ("full", "jpeg", "pc")
        if wide and tuple(int(part) for part in version("torchcodec").split(".")[:2]) < WIDE_RANGE_SINCE:
            return "TorchCodec before 0.17 reads full-range 10-bit colours wrongly"
        return why_unsafe(index, "TorchCodec", CONTAINERS)

    def decode(
        self, plan: Sequence[Interval], slots: Mapping[int, np.ndarray], report: Report, deadline: Deadline
    ) -> None:
        decoder = self._decoder = self._decoder or self._open()
        for frames in in_chunks(plan, self.index):
            deadline.check()
            try:
                batch = decoder.get_frames_at(frames)
            except Exception as error:  # RuntimeError, IndexError and its own kinds
                self.close()  # a handle that has failed fails for ever
                hand_over(self, error, plan, slots, report, deadline)
                return
            times = batch.pts_seconds.numpy() - self.index.info.start
            expected = self.index.times()[frames]
            if np.abs(times - expected).max() > 1e-3:
                raise refusal(self, f"TorchCodec returned the frames of {times.round(4)} s for {expected.round(4)} s")
            for frame, picture in zip(frames, batch.data.numpy(), strict=True):
                resize_area(picture, slots[frame])
                report.filled.add(frame)
            report.decoded += len(frames)
        report.seeks += len(plan)

    def _open(self):
        decoders = load(self.origin)
        origin, info = self.origin, self.index.info
        source = str(origin.path.absolute()) if origin.path else contents(origin)
        try:
            decoder = decoders.VideoDecoder(
                source,
                stream_index=info.stream,
                dimension_order="NHWC",
                num_ffmpeg_threads=self.threads,
                seek_mode="exact",
            )
        except Exception as error:
            raise refusal(self, f"TorchCodec cannot open it: {first_line(error)}") from error
        if len(decoder) != len(self.index):
            raise refusal(self, f"TorchCodec counts {len(decoder)} frames where the scan shows {len(self.index)}")
        return decoder

    def close(self) -> None:
        self._decoder = None


def load(origin: Origin):
    """Import TorchCodec, late; it needs FFmpeg's shared libraries beside it and says so at length."""
    try:
        return import_module("torchcodec.decoders")
    except (ImportError, OSError, RuntimeError) as error:
        raise unavailable("torchcodec", "torchcodec>=0.12", error, origin.name) from error
