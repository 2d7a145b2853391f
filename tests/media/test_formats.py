"""FFmpeg opens what is meant and no more: no address in a name, and no file that names further files."""

import os
import socket
import struct
from pathlib import Path

import av
import pytest

from avssl.media import open_sound, open_video
from avssl.media.errors import MediaError, OpenError
from tests.media.filming import Sheet, film, read_numbers
from tests.media.recording import Tape, clicks, record

NAMES = ["concat:a.mp4", "data:video.mp4", "http:film.mp4", "a:b.mp4", "subfile,,start,0,end,0,,:a.mp4", "pipe:0"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("backend", ["auto", "decord", "torchcodec"])
def test_a_relative_path_with_a_colon_is_a_file(zoo, tmp_path, monkeypatch, need, name, backend):
    need(backend)
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(zoo["gop12.mp4"].path.read_bytes())
    with open_video(name, backend=backend) as video:
        assert read_numbers(video.frames([0, 95]).data.movedim(1, -1).numpy()) == [0, 95]


def test_sound_in_a_relative_path_with_a_colon_is_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    record(tmp_path / "a:b.wav", clicks(0.5, (0.1,)), Tape(film=None))
    with open_sound("a:b.wav") as recording:
        assert recording.sound([[0, 0.5]], 48000).valid.all()


PLAYLISTS = {
    "list.ffconcat": "ffconcat version 1.0\nfile film.ts\n",
    "list.txt": "ffconcat version 1.0\nfile film.ts\n",
    "list.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\nfilm.ts\n#EXT-X-ENDLIST\n",
    "list.mpd": '<?xml version="1.0"?><MPD type="static" mediaPresentationDuration="PT4S"><Period><AdaptationSet '
    'contentType="video"><Representation id="0" codecs="avc1"><BaseURL>film.mp4</BaseURL></Representation>'
    "</AdaptationSet></Period></MPD>",
    "list.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n"
    "a=rtpmap:96 H264/90000\n",
    "talk.json": '{"captions":[{"content":"a","startTime":0,"duration":9,"startOfParagraph":true}]}',
    "words.srt": "1\n00:00:00,000 --> 00:00:04,000\nwords\n",
}


@pytest.mark.parametrize("name", PLAYLISTS)
@pytest.mark.parametrize("as_bytes", [False, True])
def test_what_names_further_files_is_not_opened(zoo, tmp_path, monkeypatch, name, as_bytes):
    monkeypatch.chdir(tmp_path)
    for ending, made in (("ts", "h264.ts"), ("mp4", "gop12.mp4")):
        (tmp_path / f"film.{ending}").write_bytes(zoo[made].path.read_bytes())
    (tmp_path / name).write_text(PLAYLISTS[name])
    source = PLAYLISTS[name].encode() if as_bytes else tmp_path / name
    for look in (open_video, open_sound):
        with pytest.raises(OpenError) as caught:
            look(source)
        assert "\n" not in str(caught.value)


def test_a_playlist_is_said_not_to_be_followed(tmp_path):
    (tmp_path / "list.txt").write_text(PLAYLISTS["list.txt"])
    with pytest.raises(OpenError, match="files that name further files are not followed"):
        open_video(tmp_path / "list.txt")


def test_a_pattern_of_pictures_is_a_name_like_any_other(tmp_path):
    (tmp_path / "a%d.bmp").write_bytes(b"no picture")
    with pytest.raises(MediaError):
        open_video(tmp_path / "a%d.bmp")


def test_mp4_does_not_read_its_samples_from_another_file(tmp_path):
    other = film(tmp_path / "other.mp4", Sheet()).path
    path = tmp_path / "film.mp4"
    data = bytearray(other.read_bytes())  # its index lies behind its data, so growing it moves no sample
    name = str(other).encode()
    name += bytes(len(name) % 2)
    alias = bytes(150) + struct.pack(">hh", 2, len(name)) + name + struct.pack(">hh", -1, 0)
    entry = struct.pack(">I4sI", 12 + len(alias), b"alis", 0) + alias
    start = data.index(b"url ") - 4
    grown = len(entry) - 12
    data[start : start + 12] = entry
    for box in (b"dref", b"dinf", b"minf", b"mdia", b"trak", b"moov"):
        place = data.rindex(box, 0, start) - 4
        struct.pack_into(">I", data, place, struct.unpack_from(">I", data, place)[0] + grown)
    begin = data.index(b"mdat") + 4
    path.write_bytes(data[:begin] + bytes(data.index(b"moov") - 4 - begin) + data[data.index(b"moov") - 4 :])
    with av.open(str(path), options={"enable_drefs": "1", "use_absolute_path": "1"}) as follows:
        assert sum(1 for packet in follows.demux() if packet.size) == 96
    with pytest.raises(MediaError):
        open_video(path)


def test_pipes_sockets_devices_and_dangling_links_are_told_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    server = socket.socket(socket.AF_UNIX)
    monkey = os.open(tmp_path, os.O_RDONLY)
    try:
        server.bind(f"/proc/self/fd/{monkey}/socket")  # names of sockets are short
    finally:
        os.close(monkey)
    for name, message in {
        str(tmp_path / "pipe"): "this is a named pipe; write what it gives to a file",
        str(tmp_path / "socket"): "this is a socket",
        "/dev/zero": "this is a character device",
        str(tmp_path / "link"): "this link leads to no file",
        str(tmp_path / "loop"): "cannot be reached",
        "a\0b": "cannot be reached",
        "": "the path is an empty string",
    }.items():
        for look in (open_video, open_sound):
            with pytest.raises(OpenError, match=message) as caught:
                look(name)
            assert "\n" not in str(caught.value)
    server.close()


def test_sound_of_an_unknown_coding_is_told(tmp_path):
    path = record(tmp_path / "a.caf", clicks(0.5, (0.1,)), Tape(film=None))
    data = path.read_bytes()
    with pytest.raises(OpenError, match="does not know the coding of its sound stream"):
        open_sound(data.replace(b"lpcm", b"zzzz"))


def test_sound_is_not_read_from_a_folder(tmp_path):
    with pytest.raises(OpenError, match="folder"):
        open_sound(tmp_path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the administrator may read everything")
def test_a_file_that_may_not_be_read_is_told(tmp_path):
    path = tmp_path / "film.mp4"
    path.write_bytes(b"film")
    path.chmod(0)
    with pytest.raises(OpenError, match="Permission denied"):
        open_video(path)
