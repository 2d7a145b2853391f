"""What a container's headers and the first picture say: which stream, its coding, its size, colours and orientation."""

from dataclasses import replace
from fractions import Fraction
from typing import Any, cast

import av
import numpy as np
from av.container import InputContainer
from av.filter import Graph
from av.sidedata.sidedata import Type as SideDataType
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from avssl.media.base import Coding, SoundInfo, VideoInfo
from avssl.media.errors import OpenError

_ATTACHED_PICTURE = 1 << 10  # FFmpeg's AV_DISPOSITION_ATTACHED_PIC
SIDE_DATA_TYPES = 64  # FFmpeg 8 has 33 of a frame
_MATRICES = {0: "rgb", 1: "bt709", 4: "fcc", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "ycgco", 9: "bt2020nc"}
_RANGES = {1: "limited", 2: "full"}
_TRANSFERS = {1: "bt709", 6: "smpte170m", 8: "linear", 13: "iec61966-2-1", 16: "smpte2084", 18: "arib-std-b67"}


def rational(value: Any) -> Fraction | None:
    """Return any library's rational as a fraction; None for none, and for 0/0 and 1/0 which some use instead.

    Examples:
        >>> rational(Fraction(1, 25)), rational(None)
        (Fraction(1, 25), None)
    """
    if value is None or not value.denominator or not value.numerator:
        return None
    return Fraction(value.numerator, value.denominator)


def choose(container: InputContainer, stream: str | int, name: str) -> VideoStream:
    """Return the best video stream, or the one asked for; a cover picture is not video.

    Raises:
        OpenError: if there is none.
    """
    videos = [each for each in container.streams.video if not is_cover(each) and each.codec_context is not None]
    if stream != "best":
        for each in videos:
            if each.index == stream:
                return each
        raise OpenError(
            f"stream {stream!r} is not a video stream; choose from {[each.index for each in videos]} or 'best'",
            source=name,
        )
    if not videos:
        if any(each.codec_context is None for each in container.streams.video):
            raise OpenError("FFmpeg does not know the coding of its video stream, or it is damaged", source=name)
        kinds = sorted({"cover picture" if each.type == "video" else each.type for each in container.streams})
        hint = "; its sound can be read as sound (open_sound)" if container.streams.audio else ""
        raise OpenError(f"no video stream, only {', '.join(kinds) or 'nothing'}{hint}", source=name)
    best = container.streams.best("video")
    if isinstance(best, VideoStream) and best.index in [each.index for each in videos]:
        return best
    return max(videos, key=lambda each: each.codec_context.width * each.codec_context.height)


def is_cover(stream: VideoStream) -> bool:
    """Tell whether a video stream is a picture attached to the recording, such as an album's cover."""
    disposition = getattr(stream, "disposition", 0)  # unknown to PyAV 14.0
    return bool(getattr(disposition, "value", disposition) & _ATTACHED_PICTURE)


def describe(container: InputContainer, video: VideoStream) -> tuple[VideoInfo, Coding]:
    """Return what the headers say; the scan fills in frames and times."""
    context = video.codec_context
    try:
        tag = context.codec_tag
    except UnicodeDecodeError:  # four bytes that are no letters: a number of the container's own
        tag = ""
    coding = Coding(
        decoder=context.codec.name,
        tag=tag,
        extradata=context.extradata or b"",
        height=context.height,
        width=context.width,
        pixel_format=context.pix_fmt or "",
        reorder=_number(context, "reorder_depth", 0),
        color_range=_number(context, "color_range", 0),
        color_primaries=_number(context, "color_primaries", 2),
        color_transfer=_number(context, "color_trc", 2),
        color_space=_number(context, "colorspace", 2),
    )
    info = VideoInfo(
        stream=video.index,
        container=container.format.name,
        codec=_name(context),
        pixel_format=coding.pixel_format,
        bit_depth=_depth(coding.pixel_format),
        height=context.height,
        width=context.width,
        rotation=0,
        flipped=False,
        pixel_aspect=rational(video.sample_aspect_ratio) or rational(context.sample_aspect_ratio) or Fraction(1),
        color_matrix=_MATRICES.get(coding.color_space, "unspecified"),
        color_range=_RANGES.get(coding.color_range, "unspecified"),
        color_transfer=_TRANSFERS.get(coding.color_transfer, "unspecified"),
        frames=0,
        start=0.0,
        duration=0.0,
        constant_rate=True,
        mode="pts",
        sound=None,
    )
    return info, coding


def describe_sound(sound: Any) -> SoundInfo | None:
    """Return what the headers say of a sound stream, None for none; the scan fills in its span."""
    if sound is None or sound.codec_context is None:
        return None
    context = sound.codec_context
    return SoundInfo(
        stream=sound.index,
        codec=_name(context),
        rate=context.sample_rate or 0,
        channels=context.channels,
        layout=context.layout.name,
        start=0.0,
        end=0.0,
    )


def _number(thing: Any, name: str, default: int) -> int:
    value = getattr(thing, name, default)
    return default if value is None else int(value)


def _name(context: Any) -> str:
    """Return the coding's own name whichever library decodes it (``av1``, not ``libdav1d``)."""
    return getattr(context.codec, "canonical_name", context.codec.name)  # new in PyAV 14.2


def _depth(pixel_format: str) -> int:
    return max((part.bits for part in av.VideoFormat(pixel_format).components), default=8) if pixel_format else 8


def with_frame(info: VideoInfo, frame: VideoFrame) -> VideoInfo:
    """Return the summary with what the first picture shows: its true size, format, colours and orientation."""
    turns, flipped = _orientation(frame)
    height, width = (frame.width, frame.height) if turns % 2 else (frame.height, frame.width)
    return replace(
        info,
        height=height,
        width=width,
        pixel_format=frame.format.name,
        bit_depth=_depth(frame.format.name),
        rotation=-turns * 90 % 360,
        flipped=flipped,
        color_matrix=_MATRICES.get(_number(frame, "colorspace", 2), info.color_matrix),
        color_range=_RANGES.get(_number(frame, "color_range", 0), info.color_range),
        color_transfer=_TRANSFERS.get(_number(frame, "color_trc", 2), info.color_transfer),
    )


def _orientation(frame: VideoFrame) -> tuple[int, bool]:
    """Return (anticlockwise quarter turns, mirrored left to right before turning) of the display matrix."""
    matrix = display_matrix(frame)
    if matrix is None:
        return 0, False
    a, b, _, c, d = np.frombuffer(matrix, np.int32)[:5].tolist()
    flipped = a * d - b * c < 0
    if flipped:
        a, b = -a, -b
    if abs(a) >= abs(b):
        return (0 if a >= 0 else 2), flipped
    return (3 if b > 0 else 1), flipped


def display_matrix(frame: VideoFrame) -> bytes | None:
    """Return the matrix that turns a frame for display, nine int32; None where there is none.

    PyAV refuses all of a frame's side data if it does not know the type of one (EXIF, or whatever a newer FFmpeg adds).
    """
    try:
        side = frame.side_data.get("DISPLAYMATRIX")
    except ValueError:
        side = _with_known_side_data(frame).side_data.get("DISPLAYMATRIX")
    return None if side is None else bytes(side)


def _with_known_side_data(frame: VideoFrame) -> VideoFrame:
    """Return a frame without the side data whose types PyAV cannot name."""
    known = {each.value for each in SideDataType}
    graph = Graph()
    size = {"width": frame.width, "height": frame.height, "format": frame.format}
    last = graph.add_buffer(**size, time_base=frame.time_base or Fraction(1, av.time_base))
    for number in range(SIDE_DATA_TYPES):
        if number not in known:
            last.link_to(shears := graph.add("sidedata", mode="delete", type=str(number)))
            last = shears
    last.link_to(graph.add("buffersink"))
    graph.configure()
    graph.push(frame)
    return cast(VideoFrame, graph.pull())
