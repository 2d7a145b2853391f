"""Write small videos whose frame number is drawn in as light and dark blocks, with PyAV alone."""

import os
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from itertools import groupby
from pathlib import Path

import av
import numpy as np
from av.container import OutputContainer
from av.error import FFmpegError
from av.video.reformatter import VideoReformatter
from PIL import Image, ImageSequence

os.environ.setdefault("SVT_LOG", "0")  # the AV1 encoder writes to the terminal past all logging

ROWS, COLUMNS, BITS = 4, 6, 12  # the upper half shows the number, the lower half its complement
DARK, LIGHT = (50, 40, 60), (205, 215, 195)
FRAMES = 96


class NoEncoder(Exception):
    """This build of PyAV cannot write such a file."""


@dataclass(frozen=True, kw_only=True)
class Film:
    """A video and what it must show.

    ``numbers`` are the numbers drawn in, in presentation order; ``times`` the frames' times in seconds from the first
    frame, None where the file itself does not say them; ``size`` is (height, width) as displayed.
    """

    path: Path
    numbers: list[int]
    times: np.ndarray | None
    size: tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """How to film: everything that makes one file different from another.

    ``ticks`` are presentation times in units of ``1 / clock`` seconds; by default one frame every ``1 / rate``.
    ``options`` go to the encoder, ``muxing`` to the container, ``marks`` are attributes of the codec context.
    """

    codec: str = "libx264"
    container: str | None = None
    frames: int = FRAMES
    first: int = 0
    size: tuple[int, int] = (64, 96)
    pixels: str = "yuv420p"
    rate: int | Fraction = 25
    clock: int | None = None
    ticks: Sequence[int] | None = None
    gop: int = 12
    between: int = 2
    options: dict[str, str] = field(default_factory=dict)
    muxing: dict[str, str] = field(default_factory=dict)
    marks: dict[str, object] = field(default_factory=dict)
    turned: int = 0
    timed: bool = True


# x264 and x265 are told to keep to the group length asked for, and all encoders to one thread: same bytes anywhere
QUICK = {
    "libx264": {"preset": "veryfast", "sc_threshold": "0", "x264-params": "scenecut=0:b-adapt=0"},
    "libx264rgb": {"preset": "veryfast", "sc_threshold": "0", "x264-params": "scenecut=0"},
    "libx265": {
        "preset": "ultrafast",
        "x265-params": "log-level=none:pools=none:frame-threads=1:scenecut=0:bframes=3:b-adapt=0",
    },
    "libsvtav1": {"preset": "8", "crf": "15", "svtav1-params": "lp=1"},
    "libvpx": {"deadline": "realtime", "cpu-used": "4", "lag-in-frames": "16", "auto-alt-ref": "1", "b": "200k"},
    "libvpx-vp9": {"deadline": "good", "cpu-used": "5", "lag-in-frames": "16", "auto-alt-ref": "1", "b": "200k"},
}
REORDERING = {"libx264", "libx264rgb", "libx265", "mpeg4", "mpeg2video", "mpeg1video"}


@lru_cache(1024)
def draw(number: int, size: tuple[int, int]) -> np.ndarray:
    """Return the picture of ``number`` (below 4096), uint8 ``(height, width, 3)``; it is not to be written to."""
    bits = [(number >> place) & 1 for place in range(BITS)]
    cells = np.array(bits + [1 - bit for bit in bits]).reshape(ROWS, COLUMNS)
    rows = np.arange(size[0]) * ROWS // size[0]
    columns = np.arange(size[1]) * COLUMNS // size[1]
    picture = np.where(cells[rows][:, columns, None], LIGHT, DARK).astype(np.uint8)
    picture.setflags(write=False)
    return picture


def read_numbers(pictures: np.ndarray) -> list[int]:
    """Return the number each picture shows, ``(frames, height, width, 3)``; -1 where it shows none."""
    frames, height, width = pictures.shape[:3]
    grey = pictures.mean(axis=-1)
    cells = np.empty((frames, ROWS, COLUMNS))
    for row in range(ROWS):
        for column in range(COLUMNS):
            top, bottom = (int((row + part) * height / ROWS) for part in (0.3, 0.7))
            left, right = (int((column + part) * width / COLUMNS) for part in (0.3, 0.7))
            cells[:, row, column] = grey[:, top : bottom + 1, left : right + 1].mean(axis=(1, 2))
    light = (cells > 128).reshape(frames, 2, BITS)
    numbers = light[:, 0] @ (1 << np.arange(BITS))
    clear = (light[:, 0] != light[:, 1]).all(axis=1) & (np.abs(cells - 128) > 25).all(axis=(1, 2))
    return np.where(clear, numbers, -1).tolist()


def film(path: Path, sheet: Sheet = Sheet()) -> Film:
    """Write the video that the sheet describes."""
    with av.open(str(path), "w", format=sheet.container, options=sheet.muxing) as output:
        stream = add_video(output, sheet)
        for packet in packets(stream, sheet):
            output.mux(packet)
    return described(path, sheet)


def settle(path: Path) -> Path:
    """Let the file be a second old: one that was written this moment is waited for before it is scanned."""
    moment = time.time_ns() - 10**9
    os.utime(path, ns=(moment, moment))
    return path


def described(path: Path, sheet: Sheet) -> Film:
    """Return what a file written by the sheet must show."""
    return Film(
        path=path,
        numbers=list(range(sheet.first, sheet.first + sheet.frames)),
        times=seconds(sheet) if sheet.timed else None,
        size=sheet.size,
    )


def seconds(sheet: Sheet) -> np.ndarray:
    """Return the time of each frame from the first, float64 ``(frames,)``."""
    ticks, clock = ticking(sheet)
    return (np.asarray(ticks) - ticks[0]) / float(clock)


def ticking(sheet: Sheet) -> tuple[Sequence[int], Fraction]:
    if sheet.ticks is None:
        return range(sheet.frames), Fraction(sheet.rate)
    return sheet.ticks, Fraction(sheet.clock or sheet.rate)


def add_video(output: OutputContainer, sheet: Sheet) -> av.VideoStream:
    """Add the sheet's video stream, ready to encode."""
    try:
        options = QUICK.get(sheet.codec, {}) | sheet.options
        stream = output.add_stream(sheet.codec, rate=sheet.rate, options=options)
    except (ValueError, FFmpegError) as error:
        raise NoEncoder(f"no encoder {sheet.codec} here: {error}") from error
    assert isinstance(stream, av.VideoStream)
    context = stream.codec_context
    context.height, context.width = sheet.size[::-1] if sheet.turned in (90, 270) else sheet.size
    context.pix_fmt = sheet.pixels
    context.gop_size = sheet.gop
    context.thread_count = 1
    context.time_base = 1 / ticking(sheet)[1]
    if sheet.codec in REORDERING:
        context.max_b_frames = sheet.between
    for name, value in sheet.marks.items():
        setattr(context, name, value)
    return stream


def packets(stream: av.VideoStream, sheet: Sheet) -> Iterable[av.Packet]:
    """Yield the stream's packets in coding order."""
    ticks, clock = ticking(sheet)
    wide = sheet.marks.get("color_range") == 2
    converter = VideoReformatter()  # one for all frames: each keeps tables that take longer to make than to use
    for place, tick in enumerate(ticks):
        picture = np.rot90(draw(sheet.first + place, sheet.size), -sheet.turned // 90)
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        frame = converter.reformat(frame, format=sheet.pixels, dst_color_range="JPEG" if wide else None)
        frame.pts, frame.time_base = int(tick), 1 / clock
        yield from stream.encode(frame)
    yield from stream.encode(None)


def remux(source: Path, path: Path, change: Callable[[int, av.Packet], bool], muxing: dict[str, str] | None = None):
    """Copy the packets of ``source`` for which ``change(place, packet)`` is true; it may move their times."""
    with av.open(str(source)) as reading, av.open(str(path), "w", options=muxing or {}) as output:
        stream = output.add_stream_from_template(reading.streams.video[0])
        for place, packet in enumerate(reading.demux(video=0)):
            if packet.dts is None or not change(place, packet):
                continue
            packet.stream = stream
            output.mux(packet)


def patch(path: Path, box: bytes, offset: int, value: bytes):
    """Overwrite ``value`` at ``offset`` bytes behind every four-letter name ``box``."""
    content = bytearray(path.read_bytes())
    place, found = content.find(box), 0
    while place >= 0:
        start = place + len(box) + offset
        content[start : start + len(value)] = value
        place, found = content.find(box, start), found + 1
    if not found:
        raise ValueError(f"{path.name} has no {box!r}")
    path.write_bytes(content)


def shown(path: Path, *, broken: bool = False) -> list[int]:
    """Return the numbers that plain sequential decoding shows: what any reader must agree with.

    A ``broken`` file is read up to the first packet that the decoder refuses.
    """
    if path.suffix == ".webp":
        with Image.open(path) as pages:
            return read_numbers(np.stack([np.asarray(page.convert("RGB")) for page in ImageSequence.Iterator(pages)]))
    pictures, converter = [], VideoReformatter()
    with av.open(str(path)) as container:
        stream = container.streams.best("video")
        assert isinstance(stream, av.VideoStream)
        stream.thread_type = "NONE"
        with suppress(FFmpegError) if broken else nullcontext():
            for frame in container.decode(stream):
                picture = converter.reformat(frame, format="rgb24").to_ndarray()
                pictures.append(np.rot90(picture, frame.rotation // 90))
    runs = (np.stack(list(run)) for _, run in groupby(pictures, key=np.shape))  # the size may change on the way
    return [number for run in runs for number in read_numbers(run)]


def film_grey(path, pictures, rate: int = 25):
    """Write grey pictures, (frames, height, width), as losslessly as FFmpeg's MPEG-4 goes."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mpeg4", rate=rate, options={"qmin": "1", "qmax": "2"})
        stream.height, stream.width, stream.pix_fmt = *pictures.shape[1:], "yuv420p"
        stream.bit_rate = 4_000_000
        stream.gop_size = 10
        for picture in pictures:
            shown = np.repeat(picture.astype(np.uint8)[..., None], 3, axis=2)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(shown, format="rgb24")))
        out.mux(stream.encode())
    return path
