"""A recording written again with other pictures: each frame at its own time, the sound's packets as they are."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError

from avssl.cache import whole
from avssl.config import ConfigError
from avssl.media import Reader
from avssl.media.source import Origin
from avssl.media.walk import demuxed, opened

CLOCK = Fraction(1, 90000)  # s: unit of the written presentation times
KINDS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}


def check_out(video: Path, out: Path) -> None:
    """Say in one line what a file cannot be written to.

    Raises:
        ConfigError: if ``out`` is the recording itself, or no file of a kind that is written.
    """
    if out.resolve() == video.resolve():
        raise ConfigError(f"out: {out} is the recording itself; give another file")
    if out.suffix.lower() not in KINDS:
        raise ConfigError(f"out: {out} should end in .mp4, .mkv or .mov")


def write_film(video: Path, large: Reader, out: Path, pieces: Iterable[tuple[np.ndarray, np.ndarray]]) -> None:
    """Write a recording again, with its sound where it has some.

    Args:
        video: the recording; a folder of pictures has no sound.
        large: the same, opened as filmed.
        out: the file; it is there when it is whole.
        pieces: presentation times in seconds from the first frame, and pictures, uint8 ``(frames, H, W, 3)``.

    Raises:
        ConfigError: if a file of the kind of ``out`` cannot hold the sound.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    named = KINDS[out.suffix.lower()]
    if large.timeline.sound is None:
        with whole(out) as part, av.open(str(part), "w", format=named) as container:
            for _ in pictures_into(container, large, pieces):
                pass
        return
    origin = Origin(video)
    with opened(origin) as source:
        check_holds(named, source, out)
    with whole(out) as part, av.open(str(part), "w", format=named) as container, opened(origin) as source:
        heard = source.streams.audio[0]
        copied = copy_of(demuxed(origin, source, heard), container, container.add_stream_from_template(heard))
        next(copied)
        for time in pictures_into(container, large, pieces):
            copied.send(time)
        copied.send(float("inf"))


def pictures_into(container, large: Reader, pieces: Iterable[tuple[np.ndarray, np.ndarray]]) -> Iterator[float]:
    """Write pictures, cut to even sides, and yield the time of the last one of each piece in the container's clock."""
    stream = started(container, large.info.height, large.info.width)
    for times, images in pieces:
        for image, time in zip(images, times + large.info.start, strict=True):
            even = np.ascontiguousarray(image[: stream.height, : stream.width])
            frame = av.VideoFrame.from_ndarray(even, format="rgb24")
            frame.pts, frame.time_base = round(time / CLOCK), CLOCK
            container.mux(stream.encode(frame))
        yield float(times[-1] + large.info.start)
    container.mux(stream.encode())


def started(container, height: int, width: int):
    """Return a stream of H.264 whose frames carry their own times."""
    stream = container.add_stream("libx264", options={"crf": "18", "preset": "veryfast"})
    stream.width, stream.height, stream.pix_fmt = width - width % 2, height - height % 2, "yuv420p"
    stream.time_base = stream.codec_context.time_base = CLOCK
    return stream


def check_holds(named: str, source, out: Path) -> None:
    """Try, in memory, whether a file of a kind can hold a recording's sound as it is: its head and a packet.

    Raises:
        ConfigError: if it cannot.
    """
    heard = source.streams.audio[0]
    try:
        with av.open(BytesIO(), "w", format=named) as trial:
            stream = trial.add_stream_from_template(heard)
            packet = next(packet for packet in source.demux(heard) if packet.dts is not None)
            packet.stream = stream
            trial.mux(packet)
    except FFmpegError as error:
        codec = heard.codec_context
        raise ConfigError(
            f"out: {out} cannot hold the recording's sound as it is ({codec.name}, {codec.layout.nb_channels} "
            "channels); write an .mkv instead"
        ) from error


def copy_of(packets, container, sound):
    """Copy packets of sound up to each time that is sent, in seconds, so that both streams grow together."""
    until = yield
    for packet in packets:
        if packet.dts is None:
            continue
        while float(packet.dts * packet.time_base) > until:
            until = yield
        packet.stream = sound
        container.mux(packet)
    while True:
        yield
