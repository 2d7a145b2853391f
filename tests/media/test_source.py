"""Sources of every kind open as files, have names, and pickle where that is possible."""

import io
import os
import pickle
from functools import partial
from pathlib import Path

import fsspec
import numpy as np
import pytest

from avssl.media import open_video
from avssl.media.errors import OpenError
from avssl.media.source import Origin


def first_frame(source) -> np.ndarray:
    with open_video(source) as video:
        return video.frames([20]).data.numpy()


def content(origin: Origin) -> bytes:
    file = origin.open()
    try:
        return file.read()
    finally:
        if not origin.lent:
            file.close()


def test_all_kinds_of_source_give_the_same_frame(zoo):
    path = zoo["gop12.mp4"].path
    expected = first_frame(path)
    remote = fsspec.filesystem("memory")
    remote.pipe("/clip.mp4", path.read_bytes())
    with open(path, "rb") as file:
        sources = [str(path), path.read_bytes(), bytearray(path.read_bytes()), file, io.BytesIO(path.read_bytes())]
        sources += [partial(open, path, "rb"), fsspec.open("memory://clip.mp4", "rb").open]
        for source in sources:
            assert np.array_equal(first_frame(source), expected)
        assert not file.closed  # it is the caller's


def test_an_origin_has_a_name(tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"abc")
    assert Origin(path).name == str(path)
    assert Origin(b"abc").name == "<3 bytes>"
    with open(path, "rb") as file:
        assert Origin(file).name == str(path)
    assert "clip.mp4" in Origin(fsspec.open(f"file://{path}", "rb").open).name


def test_an_opened_file_stands_at_its_start(tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"abcdef")
    with open(path, "rb") as file:
        file.read(3)
        for source in (path, b"abcdef", file, partial(open, path, "rb")):
            assert content(Origin(source)) == b"abcdef"


def test_the_fingerprint_changes_with_the_content(tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"abc")
    before = Origin(path).fingerprint()
    assert before == Origin(str(path)).fingerprint()
    os.utime(path, ns=(1, 1))
    touched = Origin(path).fingerprint()
    path.write_bytes(b"abcd")
    assert len({before, touched, Origin(path).fingerprint()}) == 3
    assert Origin(b"abc").fingerprint() is None


def test_a_folder_s_fingerprint_is_that_of_its_files(tmp_path):
    (tmp_path / "0.png").write_bytes(b"a")
    before = Origin(tmp_path).fingerprint()
    (tmp_path / "1.png").write_bytes(b"a")
    assert Origin(tmp_path).fingerprint() != before


def test_paths_bytes_and_openers_pickle_but_an_open_file_says_that_it_cannot(tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"abc")
    for source in (path, b"abc", partial(Path.open, path, "rb")):
        assert content(pickle.loads(pickle.dumps(Origin(source)))) == b"abc"
    with open(path, "rb") as file, pytest.raises(TypeError, match="an open file cannot be sent to another process"):
        pickle.dumps(Origin(file))


def test_pictures_are_told_by_their_first_bytes(tmp_path):
    assert Origin(tmp_path).pictures()
    assert Origin(b"GIF89a" + bytes(60)).pictures()
    assert Origin(b"RIFF\0\0\0\0WEBP" + bytes(60)).pictures()
    assert not Origin(b"RIFF\0\0\0\0AVI " + bytes(60)).pictures()
    assert Origin(b"\x89PNG\r\n\x1a\n" + bytes(60)).pictures()
    assert not Origin(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(17) + b"\0\0\0\x08acTL").pictures()  # animated
    (tmp_path / "raw.mjpeg").write_bytes(b"\xff\xd8\xff\xe0")
    assert not Origin(tmp_path / "raw.mjpeg").pictures()


def test_a_path_that_cannot_be_reached_is_an_open_error(tmp_path):
    with pytest.raises(OpenError, match="cannot be reached"):
        Origin(tmp_path / ("x" * 5000))
