"""A picture that is attached to a recording, such as an album's cover, is no video and stands in nobody's way."""

import base64
import io
import struct

import av
import numpy as np
import pytest
import torch
from PIL import Image

from avssl.data import Sounds
from avssl.media import OpenError, open_sound, open_video
from tests.media.recording import Tape, chirp, record

RATE = 48000
WAVE = chirp(np.arange(RATE) / RATE)[None].astype(np.float32)


def cover() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 64), (200, 30, 30)).save(file, "JPEG")
    return file.getvalue()


def picture_block() -> bytes:
    """The cover as FLAC and Ogg hold it."""
    kind, content = b"image/jpeg", cover()
    sizes = struct.pack(">IIIII", 64, 64, 24, 0, len(content))
    return struct.pack(">II", 3, len(kind)) + kind + struct.pack(">I", 0) + sizes + content


def in_flac(path):
    record(path, WAVE, Tape(codec="flac", film=None))
    plain, block = path.read_bytes(), picture_block()
    head = 4 + 4 + 34  # its magic, and the block that says what the stream is, which must come first
    path.write_bytes(plain[:head] + bytes([6]) + len(block).to_bytes(3, "big") + block + plain[head:])


def in_mp3(path):
    record(path, WAVE, Tape(codec="libmp3lame", film=None))
    frame = b"\0image/jpeg\0\3\0" + cover()
    frame = b"APIC" + struct.pack(">I", len(frame)) + b"\0\0" + frame
    size = bytes((len(frame) >> shift) & 127 for shift in (21, 14, 7, 0))
    path.write_bytes(b"ID3\3\0\0" + size + frame + path.read_bytes())


def in_ogg(path):
    record(path, WAVE, Tape(codec="libopus", film=None))
    tagged = io.BytesIO()
    with av.open(str(path)) as plain, av.open(tagged, "w", format="ogg") as out:
        out.metadata["METADATA_BLOCK_PICTURE"] = base64.b64encode(picture_block()).decode()
        stream = out.add_stream_from_template(plain.streams.audio[0])
        for packet in plain.demux(audio=0):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)
    path.write_bytes(tagged.getvalue())


def atom(name: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", 8 + len(body)) + name + body


def in_mp4(path):
    record(path, WAVE, Tape(codec="aac", film=None))
    plain = path.read_bytes()
    data = atom(b"data", struct.pack(">II", 13, 0), cover())
    kind = atom(b"hdlr", bytes(8), b"mdirappl", bytes(9))
    tags = atom(b"udta", atom(b"meta", bytes(4), kind, atom(b"ilst", atom(b"covr", data))))
    start = plain.rindex(b"moov") - 4  # it comes last, so that no offset changes
    size = int.from_bytes(plain[start : start + 4], "big")
    assert start + size == len(plain)
    path.write_bytes(plain[:start] + struct.pack(">I", size + len(tags)) + plain[start + 4 :] + tags)


WRITERS = {"song.flac": in_flac, "song.mp3": in_mp3, "song.ogg": in_ogg, "song.m4a": in_mp4}


@pytest.fixture(params=WRITERS)
def song(request, tmp_path):
    path = tmp_path / request.param
    WRITERS[request.param](path)
    with av.open(str(path)) as container:
        assert len(container.streams.video) == 1, "the cover was lost"
    return path


def test_the_sound_of_a_song_with_a_cover_is_heard_from_its_first_sample(song):
    with open_sound(song) as sound:
        assert sound.info.end == pytest.approx(1, abs=0.06) and sound.timeline.sound is not None
        heard = sound.sound([[0.1, 0.6]], RATE)
    assert heard.valid.all()
    assert np.corrcoef(heard.data[0, 0], WAVE[0, 4800:28800])[0, 1] > 0.98


def test_a_cover_alone_is_no_video_and_the_line_says_so(song):
    with pytest.raises(OpenError, match=rf"{song.name}: no video stream, only audio, cover picture; .*open_sound"):
        open_video(song)


def test_songs_with_covers_make_a_data_set(song):
    item = Sounds(song.parent, seconds=0.4, windows=2, rate=8000)[0, 0]
    assert item["sound"].shape == (2, 1, 3200) and item["sound_valid"].all() and not torch.any(item["silent"])
