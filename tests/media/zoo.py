"""A zoo of odd video files: each is one way in which readers have been wrong, small and written on demand."""

import struct
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from pathlib import Path

import av
import numpy as np
from av.stream import Disposition

from tests.media.filming import (
    FRAMES,
    Film,
    NoEncoder,
    Sheet,
    add_video,
    described,
    film,
    packets,
    patch,
    remux,
    settle,
    shown,
)

Make = Callable[[Path], Film]

# --- what a sheet alone can say -------------------------------------------------------------------------------------
UNEVEN = np.cumsum([0] + [20 + 17 * (place * 7 % 5) for place in range(FRAMES - 1)]).tolist()  # milliseconds
HOLE = [place + (75 if place >= 40 else 0) for place in range(FRAMES)]  # three seconds at 25 frames a second
OPEN_X264 = {"x264-params": "scenecut=0:b-adapt=0:open-gop=1:b-pyramid=normal"}

PLAIN: dict[str, Sheet] = {
    # the everyday file, and how far apart its key frames lie
    "gop12.mp4": Sheet(),
    "gop250.mp4": Sheet(gop=250, frames=300),
    "all_keys.mp4": Sheet(gop=1, between=0),
    "no_b_frames.mp4": Sheet(between=0),
    "moov_first.mp4": Sheet(muxing={"movflags": "faststart"}),
    "one_frame.mp4": Sheet(frames=1),
    "two_frames.mp4": Sheet(frames=2),
    "h264.mkv": Sheet(),
    "h264.flv": Sheet(),
    "h264.mov": Sheet(),
    "h264.nut": Sheet(),
    "hevc.mkv": Sheet(codec="libx265", gop=24),
    "mpeg4.mp4": Sheet(codec="mpeg4"),
    "mpeg4.mkv": Sheet(codec="mpeg4"),
    "vp8.webm": Sheet(codec="libvpx"),
    "vp9.webm": Sheet(codec="libvpx-vp9", gop=30),
    "vp8.ogv": Sheet(codec="libvpx", container="ogg"),
    "av1.mp4": Sheet(codec="libsvtav1", gop=32),
    "av1.webm": Sheet(codec="libsvtav1", gop=32),
    "vp9.mp4": Sheet(codec="libvpx-vp9", gop=30),
    "sorenson.flv": Sheet(codec="flv"),
    "h263.3gp": Sheet(codec="h263", size=(96, 128)),
    "rv20.rm": Sheet(codec="rv20", size=(96, 128)),
    "wmv2.wmv": Sheet(codec="wmv2"),
    "msmpeg4.asf": Sheet(codec="msmpeg4"),
    "prores.mov": Sheet(codec="prores_ks", pixels="yuv422p10le"),
    "dnxhr.mov": Sheet(codec="dnxhd", pixels="yuv422p", size=(120, 256), options={"profile": "dnxhr_hq"}),
    "ffv1.mkv": Sheet(codec="ffv1", pixels="yuv420p"),
    "qtrle_alpha.mov": Sheet(codec="qtrle", pixels="argb"),
    "png_alpha.mov": Sheet(codec="png", pixels="rgba"),
    "loop.apng": Sheet(codec="apng", pixels="rgba", container="apng"),
    "loop.gif": Sheet(codec="gif", pixels="rgb8"),
    "uneven.gif": Sheet(
        codec="gif", pixels="rgb8", ticks=[4 * place + place % 3 for place in range(48)], clock=100, frames=48
    ),
    # open groups: frames are shown before a key frame that lies before them in the file
    "open_x264.mp4": Sheet(between=3, options=OPEN_X264),
    "open_x264.mkv": Sheet(between=3, options=OPEN_X264),
    "open_x265.mp4": Sheet(codec="libx265", gop=16),
    "open_x265.ts": Sheet(codec="libx265", gop=16),
    # only decoding times, or none at all
    "h264.avi": Sheet(),
    "h264_gop250.avi": Sheet(gop=250),
    "mpeg4.avi": Sheet(codec="mpeg4"),
    "mpeg4_one_key.avi": Sheet(codec="mpeg4", gop=600, between=0),
    "mjpeg.avi": Sheet(codec="mjpeg", pixels="yuvj420p"),
    "huffyuv.avi": Sheet(codec="huffyuv", pixels="yuv422p"),
    "mpeg1.mpg": Sheet(codec="mpeg1video", container="mpeg"),
    "mpeg2.vob": Sheet(codec="mpeg2video", container="vob"),
    "hole.avi": Sheet(codec="mpeg4", between=0, ticks=HOLE, clock=25, timed=False),
    "hole_h264.avi": Sheet(ticks=HOLE, clock=25, timed=False),
    "uneven.avi": Sheet(codec="mpeg4", between=0, ticks=UNEVEN, clock=1000, timed=False),
    "raw.h264": Sheet(container="h264", timed=False),
    "raw.hevc": Sheet(codec="libx265", gop=16, container="hevc", timed=False),
    "raw.m1v": Sheet(codec="mpeg1video", container="mpeg1video", timed=False),
    "raw.m2v": Sheet(codec="mpeg2video", container="mpeg2video", timed=False),
    "raw.m4v": Sheet(codec="mpeg4", container="m4v", timed=False),
    "raw.mjpeg": Sheet(codec="mjpeg", pixels="yuvj420p", container="mjpeg", timed=False),
    "vp9.ivf": Sheet(codec="libvpx-vp9", gop=30, container="ivf"),
    # broadcast: late landings, a clock that starts anywhere
    "h264.ts": Sheet(),
    "mpeg2.ts": Sheet(codec="mpeg2video"),
    "h264.m2ts": Sheet(container="mpegts", muxing={"mpegts_m2ts_mode": "1"}),
    "h264.wtv": Sheet(),
    "mpeg2.mxf": Sheet(codec="mpeg2video"),
    "clock_wraps.ts": Sheet(muxing={"output_ts_offset": str((2**33 - 180000) / 90000)}),
    # clocks
    "uneven.mp4": Sheet(ticks=UNEVEN, clock=1000),
    "uneven.mkv": Sheet(ticks=UNEVEN, clock=1000),
    "uneven.webm": Sheet(codec="libvpx-vp9", ticks=UNEVEN, clock=1000, gop=30),
    "uneven.ts": Sheet(ticks=UNEVEN, clock=1000),
    "uneven.flv": Sheet(ticks=UNEVEN, clock=1000),
    "hole.mp4": Sheet(ticks=HOLE, clock=25),
    "hole.mkv": Sheet(ticks=HOLE, clock=25),
    "fast.mp4": Sheet(rate=187),
    "too_fast.mkv": Sheet(rate=1500, timed=False),  # its clock counts milliseconds: frames share times
    "ntsc.mkv": Sheet(rate=Fraction(60000, 1001)),
    "starts_late.mp4": Sheet(ticks=[place + 60 for place in range(FRAMES)]),
    "starts_late.mkv": Sheet(ticks=[place + 60 for place in range(FRAMES)]),
    "no_edit_list.mp4": Sheet(muxing={"use_editlist": "0"}),
    "fragmented.mp4": Sheet(muxing={"movflags": "frag_keyframe+empty_moov+default_base_moof"}),
    "fragmented_every_frame.mp4": Sheet(muxing={"movflags": "frag_every_frame+empty_moov"}),
    "no_duration.mkv": Sheet(muxing={"live": "1"}),
    "no_duration.webm": Sheet(codec="libvpx-vp9", gop=30, muxing={"live": "1"}),
    # pictures
    "ten_bits.mp4": Sheet(pixels="yuv420p10le"),
    "ten_bits_hevc.mp4": Sheet(codec="libx265", gop=24, pixels="yuv420p10le"),
    "ten_bits_full_hevc.mp4": Sheet(codec="libx265", gop=24, pixels="yuv420p10le", marks={"color_range": 2}),
    "full_range.mp4": Sheet(marks={"color_range": 2}),
    "bt709.mp4": Sheet(marks={"colorspace": 1, "color_primaries": 1, "color_trc": 1, "color_range": 1}),
    "yuv444.mp4": Sheet(pixels="yuv444p"),
    "rgb.mp4": Sheet(codec="libx264rgb", pixels="rgb24"),
    "grey.mp4": Sheet(pixels="gray"),
    "odd_size.mp4": Sheet(pixels="yuv444p", size=(119, 159)),
    "odd_size.webm": Sheet(codec="libvpx-vp9", size=(119, 159), gop=30),
    "odd_size.avi": Sheet(codec="mjpeg", pixels="yuvj420p", size=(119, 159)),
    "portrait.mp4": Sheet(size=(144, 82)),
    "anamorphic.mp4": Sheet(marks={"sample_aspect_ratio": Fraction(2, 1)}),
    "interlaced.mp4": Sheet(options={"x264-params": "tff=1:scenecut=0:b-adapt=0"}),
    "alpha.webm": Sheet(codec="libvpx-vp9", pixels="yuva420p", gop=30),
    "intra_refresh.mp4": Sheet(gop=24, between=0, options={"x264-params": "intra-refresh=1:scenecut=0"}),
}


# --- what must be done to a file afterwards, or by hand -------------------------------------------------------------
def turned(path: Path, degrees: int) -> Film:
    """A telephone held on its side: the matrix in ``tkhd`` says how many degrees clockwise to turn for display."""
    made = film(path, Sheet(turned=-degrees % 360, size=(64, 96)))
    cosine, sine = {90: (0, 1), 180: (-1, 0), 270: (0, -1)}[degrees]
    one = 1 << 16
    matrix = (cosine * one, sine * one, 0, -sine * one, cosine * one, 0, 0, 0, 1 << 30)
    patch(path, b"tkhd", 40, struct.pack(">9i", *matrix))
    return made


def cut(path: Path, sheet: Sheet, start: int) -> Film:
    """Keep the frames from ``start`` on without encoding again: an edit list hides those from the key frame to it."""
    source = path.with_name(f"source_{path.name}")
    whole = film(source, sheet)
    with av.open(str(source)) as container:
        stream = container.streams.video[0]
        assert stream.time_base is not None
        listed = [packet for packet in container.demux(stream) if packet.pts is not None]
        moment = sorted(packet.pts for packet in listed if packet.pts is not None)[start]
        key = max(place for place, one in enumerate(listed) if one.is_keyframe and (one.pts or 0) <= moment)

    def move(place: int, packet: av.Packet) -> bool:
        if place < key or packet.pts is None or packet.dts is None:
            return False
        packet.pts, packet.dts = packet.pts - moment, packet.dts - moment
        return True

    remux(source, path, move)
    source.unlink()
    times = None if whole.times is None else whole.times[start:] - whole.times[start]
    return Film(path=path, numbers=whole.numbers[start:], times=times, size=whole.size)


def beheaded(path: Path, sheet: Sheet, dropped: int) -> Film:
    """A stream joined in the middle: its first packets lean on frames that are not there."""
    source = path.with_name(f"source_{path.name}")
    whole = film(source, sheet)
    remux(source, path, lambda place, packet: place >= dropped)
    source.unlink()
    return as_decoded(path, whole)


def tuned_in(path: Path, sheet: Sheet, share: float) -> Film:
    """A broadcast recorded from the middle of a group: the first bytes are gone, wherever a packet may start."""
    whole = film(path, sheet)
    content = path.read_bytes()
    path.write_bytes(content[int(len(content) * share) // 188 * 188 :])
    return as_decoded(path, whole)


def as_decoded(path: Path, whole: Film) -> Film:
    """Return the film of what plain decoding shows, which must be a run of the whole one's frames."""
    numbers = [number for number in shown(path) if number >= 0]
    return Film(path=path, numbers=numbers, times=None, size=whole.size)


def packed(path: Path, between: int) -> Film:
    """DivX and XviD in AVI: B-frames ride in the packet of the frame they lean on, an empty packet fills the gap."""
    sheet = Sheet(codec="mpeg4", between=between, gop=24)
    with av.open(str(path), "w") as output:
        stream = add_video(output, sheet)
        coded = [bytes(packet) for packet in packets(stream, sheet) if packet.size]
        start = coded[0].index(b"\0\0\1\xb6")
        coded[0] = coded[0][:start] + b"\0\0\1\xb2DivX503b1393p" + coded[0][start:]
        kinds = [data[data.index(b"\0\0\1\xb6") + 4] >> 6 for data in coded]  # 0: I, 1: P, 2: B
        chunks: list[bytes] = []
        place = 0
        while place < len(coded):
            last = place
            while last + 1 < len(coded) and kinds[last + 1] == 2:
                last += 1
            group = coded[place : last + 1]
            if len(group) > 1:
                group = [group[0] + group[1], *group[2:], b"\0\0\1\xb6\x50\x80"]  # not coded: nothing new
            chunks += group
            place = last + 1
        keys = {number for number, data in enumerate(chunks) if kind_of(data) == 0}
        for number, data in enumerate(chunks):
            packet = av.Packet(data)
            packet.stream, packet.time_base = stream, Fraction(1, 25)
            packet.pts = packet.dts = number
            packet.is_keyframe = number in keys
            output.mux(packet)
    return described(path, sheet)


def kind_of(data: bytes) -> int:
    return data[data.index(b"\0\0\1\xb6") + 4] >> 6


def lying_avi(path: Path, frames: int) -> Film:
    """An AVI whose two headers claim another number of frames."""
    made = film(path, Sheet(codec="mpeg4", between=0))
    patch(path, b"avih", 4 + 16, struct.pack("<I", frames))
    patch(path, b"strh", 4 + 32, struct.pack("<I", frames))
    return made


def lying_mp4(path: Path, factor: int) -> Film:
    """An MP4 whose headers claim a duration that is ``factor`` times the real one."""
    made = film(path)
    for box, offset in ((b"mvhd", 16), (b"mdhd", 16)):
        content = path.read_bytes()
        place = content.index(box) + len(box) + offset
        (duration,) = struct.unpack(">I", content[place : place + 4])
        patch(path, box, offset, struct.pack(">I", duration * factor))
    return made


def no_last_duration(path: Path) -> Film:
    """The last frame claims to last no time at all: the last four bytes of the table of durations are zero."""
    made = film(path, Sheet(ticks=UNEVEN, clock=1000, between=0))
    content = path.read_bytes()
    place = content.index(b"stts")
    (entries,) = struct.unpack(">I", content[place + 8 : place + 12])
    patch(path, b"stts", 4 + 8 * entries, bytes(4))
    return made


def two_videos(path: Path) -> Film:
    """A small preview first, the real video second and marked as the default: the best stream is not the first."""
    small, large = Sheet(first=1000, size=(32, 48)), Sheet()
    with av.open(str(path), "w") as output:
        streams = [add_video(output, small), add_video(output, large)]
        mark(streams[1], "default")
        coded = [
            packet for stream, sheet in zip(streams, (small, large), strict=True) for packet in packets(stream, sheet)
        ]
        for packet in sorted(coded, key=lambda packet: packet.dts or 0):
            output.mux(packet)
    return described(path, large)


def mark(stream: av.VideoStream, disposition: str):
    try:
        stream.disposition = getattr(Disposition, disposition)
    except AttributeError as error:
        raise NoEncoder(f"this PyAV cannot mark a stream as {disposition}: {error}") from error


def with_cover(path: Path) -> Film:
    """A still picture of the album, larger than the video, that readers take for a video stream."""
    sheet, cover = Sheet(), Sheet(codec="mjpeg", pixels="yuvj420p", size=(480, 640), frames=1, first=999)
    with av.open(str(path), "w") as output:
        stream, still = add_video(output, sheet), add_video(output, cover)
        mark(still, "attached_pic")
        picture = list(packets(still, cover))
        for packet in [*picture, *packets(stream, sheet)]:
            output.mux(packet)
    return described(path, sheet)


def with_sound(path: Path, late: int) -> Film:
    """Sound from the start, pictures ``late`` ticks (of 1/25 s) later."""
    sheet = Sheet(ticks=[place + late for place in range(FRAMES)])
    rate = 16000
    with av.open(str(path), "w") as output:
        stream, sound = add_video(output, sheet), output.add_stream("aac", rate=rate)
        sound.codec_context.layout = "mono"
        coded = []
        wave = np.sin(np.arange(rate * 5) * 2 * np.pi * 440 / rate).astype(np.float32)
        for start in range(0, len(wave) - 1024, 1024):
            samples = av.AudioFrame.from_ndarray(wave[None, start : start + 1024], format="fltp", layout="mono")
            samples.sample_rate, samples.pts, samples.time_base = rate, start, Fraction(1, rate)
            coded += sound.encode(samples)
        coded += sound.encode(None)
        coded += packets(stream, sheet)
        for packet in sorted(coded, key=lambda packet: (packet.dts or 0) * (packet.time_base or 1)):
            output.mux(packet)
    return described(path, sheet)


def growing(path: Path) -> Film:
    """A broadcast that changes its picture size on the way: all frames come in the first one's size."""
    small, large = Sheet(frames=48), Sheet(frames=48, first=48, size=(128, 192), ticks=range(48, 96))
    parts = [path.with_name(f"{place}_{path.name}") for place in range(2)]
    first, _ = film(parts[0], small), film(parts[1], large)
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    for part in parts:
        part.unlink()
    return Film(path=path, numbers=list(range(96)), times=None, size=first.size)


def animated_webp(path: Path) -> Film:
    sheet = Sheet(codec="libwebp_anim", container="webp", pixels="bgra", frames=40, rate=20, options={"quality": "80"})
    return film(path, sheet)


MADE: dict[str, Make] = {
    "turned_90.mp4": partial(turned, degrees=90),
    "turned_180.mp4": partial(turned, degrees=180),
    "turned_270.mp4": partial(turned, degrees=270),
    "cut.mp4": partial(cut, sheet=Sheet(), start=31),
    "cut.mov": partial(cut, sheet=Sheet(), start=40),
    "cut_gop250.mp4": partial(cut, sheet=Sheet(gop=250), start=50),
    "cut_hevc.mp4": partial(cut, sheet=Sheet(codec="libx265", gop=24), start=31),
    "cut_mpeg4.mp4": partial(cut, sheet=Sheet(codec="mpeg4"), start=31),
    "beheaded.mkv": partial(beheaded, sheet=Sheet(), dropped=5),
    "beheaded_open_x264.mkv": partial(beheaded, sheet=Sheet(between=3, options=OPEN_X264), dropped=12),
    "beheaded_open_x265.mkv": partial(beheaded, sheet=Sheet(codec="libx265", gop=16), dropped=16),
    "beheaded_mpeg2.mkv": partial(beheaded, sheet=Sheet(codec="mpeg2video"), dropped=13),
    "tuned_in.ts": partial(tuned_in, sheet=Sheet(), share=0.3),
    "tuned_in_mpeg2.ts": partial(tuned_in, sheet=Sheet(codec="mpeg2video"), share=0.3),
    "tuned_in_hevc.ts": partial(tuned_in, sheet=Sheet(codec="libx265", gop=16), share=0.3),
    "packed_1.avi": partial(packed, between=1),
    "packed_2.avi": partial(packed, between=2),
    "claims_more.avi": partial(lying_avi, frames=500),
    "claims_fewer.avi": partial(lying_avi, frames=40),
    "claims_longer.mp4": partial(lying_mp4, factor=10),
    "no_last_duration.mp4": no_last_duration,
    "two_videos.mp4": two_videos,
    "cover.mp4": with_cover,
    "sound_first.mp4": partial(with_sound, late=15),
    "sound_first.mkv": partial(with_sound, late=15),
    "sound_first.avi": partial(with_sound, late=0),
    "growing.ts": growing,
    "animated.webp": animated_webp,
}
NAMES = [*PLAIN, *MADE]


class Zoo:
    """Writes each file once, when first asked for, into one folder."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.films: dict[str, Film] = {}

    def __getitem__(self, name: str) -> Film:
        """Return the film of that name.

        Raises:
            NoEncoder: if this build of PyAV cannot write it.
        """
        if name not in self.films:
            path = self.folder / name
            self.films[name] = film(path, PLAIN[name]) if name in PLAIN else MADE[name](path)
            settle(path)
        return self.films[name]
