"""Films, pictures, sounds and manifests as disks, cameras and spreadsheets leave them."""

import io
import wave
from functools import cache, partial
from pathlib import Path

import av
import numpy as np
from PIL import Image

from avssl.data.recordings import find_recordings
from avssl.media import open_sound, open_video
from avssl.media.pictures import read_picture
from tests.fuzz.mutations import WORDS, spoil_bytes, spoil_text
from tests.fuzz.runner import Kind

FILMS = {
    "mp4": ("libx264", "aac"),
    "mkv": ("mpeg4", "pcm_s16le"),
    "avi": ("mjpeg", "pcm_s16le"),
    "mov": ("mjpeg", "aac"),
}
SOUNDS = {"flac": "flac", "ogg": "libopus", "mp3": "libmp3lame", "m4a": "aac"}
PICTURES = ("png", "jpeg", "gif", "webp", "bmp", "tiff")
COLUMNS = "path,label,split,start,end,labels,group,keypoints,sound,sounding,votes"
ROWS = [
    "a.mp4,1,train,0,2.5,dog | ?cat,g1,a.npy,a.wav,0 0 0.5 1 | 0.2 0.2 0.4 0.4,2",
    '"b c.mp4",0,train heldout,,,cat,g2,,,,',
    "ü.mp4,2,heldout,1e0,3,,,,,,1.5",
]
TIMEOUT = 60.0


@cache
def film(kind: str, frames: int = 12, size: int = 32) -> bytes:
    picture_codec, sound_codec = FILMS[kind]
    stream = io.BytesIO()
    with av.open(stream, "w", format={"mkv": "matroska"}.get(kind, kind)) as file:
        picture, sound = file.add_stream(picture_codec, rate=10), file.add_stream(sound_codec, rate=8000)
        picture.width = picture.height = size
        picture.pix_fmt = "yuvj420p" if picture_codec == "mjpeg" else "yuv420p"
        picture.options, sound.layout = {"g": "4"}, "mono"
        for image in np.random.default_rng(0).integers(0, 256, (frames, size, size, 3), dtype=np.uint8):
            file.mux(picture.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        mux_tone(file, sound, frames / 10)
        file.mux(picture.encode())
    return stream.getvalue()


@cache
def sound(kind: str) -> bytes:
    stream = io.BytesIO()
    if kind == "wav":
        with wave.open(stream, "wb") as out:
            out.setparams((1, 2, 8000, 0, "NONE", ""))
            out.writeframes((np.sin(np.arange(8000) * 0.1) * 9000).astype("<i2").tobytes())
        return stream.getvalue()
    with av.open(stream, "w", format={"m4a": "mp4"}.get(kind, kind)) as file:
        made = file.add_stream(SOUNDS[kind], rate=8000)
        made.layout = "mono"
        mux_tone(file, made, 1.0)
    return stream.getvalue()


def mux_tone(file, made, seconds: float) -> None:
    tone = np.sin(np.arange(int(8000 * seconds)) * 0.1).astype(np.float32)
    resampler = av.AudioResampler(format=made.codec_context.format, layout="mono", rate=8000)
    for start in range(0, len(tone), 1024):
        frame = av.AudioFrame.from_ndarray(tone[None, start : start + 1024], format="fltp", layout="mono")
        frame.rate, frame.pts = 8000, start
        for ready in resampler.resample(frame):
            file.mux(made.encode(ready))
    file.mux(made.encode())


@cache
def picture(kind: str) -> bytes:
    stream = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (3, 20, 24, 3), dtype=np.uint8)
    images = [Image.fromarray(one) for one in noise]
    several = {"save_all": True, "append_images": images[1:]} if kind in ("gif", "webp", "tiff") else {}
    images[0].save(stream, kind, **several)
    return stream.getvalue()


def make_file(rng: np.random.Generator, folder: Path, kinds, content) -> Path:
    kind = list(kinds)[rng.integers(len(kinds))]
    path = folder / f"a.{kind}"
    path.write_bytes(spoil_bytes(content(kind), rng))
    return path


def make_manifest(rng: np.random.Generator, folder: Path) -> Path:
    path = folder / "m.csv"
    rows = [line.split(",") for line in (COLUMNS, *ROWS)]
    left_out = [("label",), ("labels",), ()][rng.integers(3)]  # a label, several, or both
    kept = [place for place, name in enumerate(rows[0]) if name not in left_out]
    rows = [[row[place] for place in kept] for row in rows]
    if rng.random() < 0.6:
        row = rows[rng.integers(len(rows))]
        row[rng.integers(len(row))] = WORDS[rng.integers(len(WORDS))]
    text = "\n".join(",".join(row) for row in rows) + "\n"
    path.write_bytes(text.encode("utf-8", "surrogatepass") if rng.random() < 0.4 else spoil_text(text, rng))
    return path


def watch(path: Path) -> None:
    with open_video(path, timeout=TIMEOUT) as video:
        video.frames(np.unique(np.linspace(0, len(video) - 1, 5).astype(int)))
        if video.timeline.sound is not None:
            video.sound(np.array([[0.0, 0.5]]), 8000)


def listen(path: Path) -> None:
    with open_sound(path, timeout=TIMEOUT) as heard:
        heard.sound(np.array([[0.0, 0.5], [0.4, 0.9]]), 8000)


KINDS = [
    Kind("film", partial(make_file, kinds=FILMS, content=film), [watch, listen]),
    Kind("picture", partial(make_file, kinds=PICTURES, content=picture), [read_picture, watch]),
    Kind("sound", partial(make_file, kinds=("wav", *SOUNDS), content=sound), [listen]),
    Kind(
        "manifest",
        make_manifest,
        [lambda path: find_recordings(path, None), lambda path: find_recordings(path, "train")],
    ),
]
