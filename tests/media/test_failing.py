"""A read that fails is an error, never the end of the file; and a scan is served for the file it is of alone."""

import io
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest

from avssl.cache import cache_folder, whole
from avssl.media import motion, motion_profile, open_sound, open_video, scan, scan_cache, sound_scan, walk
from avssl.media.base import Deadline
from avssl.media.errors import MediaError, OpenError, ReadError
from avssl.media.source import TICK, Origin
from tests.media.filming import Sheet, film
from tests.media.recording import Tape, chirp, record

FRAMES = 400
LIBRARY = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
int reads_left = -1; /* until one of FFmpeg's reads fails, as on a network disk; those after it work again */
ssize_t read(int fd, void *buffer, size_t size) {
  static ssize_t (*real)(int, void *, size_t) = 0;
  char link[64], path[4096];
  if (!real) real = dlsym(RTLD_NEXT, "read");
  if (reads_left >= 0 && size >= 32768 && size % 4096 == 0) {
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length > 0) { path[length] = 0; if (strstr(path, "film.") && --reads_left < 0) { errno = EIO; return -1; } }
  }
  return real(fd, buffer, size);
}
"""
CHILD = """
import ctypes, sys
from avssl.media import MediaError, open_video
left = ctypes.c_int.in_dll(ctypes.CDLL(None), "reads_left")
for name in sys.argv[1:]:
    for fails in (1, 3, -1):
        left.value = fails
        try:
            print(len(open_video(name)))
        except MediaError as error:
            print(type(error).__name__, error)
"""


@pytest.fixture(scope="module")
def films(tmp_path_factory) -> dict[str, Path]:
    """Films so long that FFmpeg reads them in many pieces."""
    folder = tmp_path_factory.mktemp("films")
    sheet = Sheet(frames=FRAMES, size=(128, 192), options={"crf": "4"})
    return {ending: film(folder / f"film.{ending}", sheet).path for ending in ("mp4", "mkv", "ts")}


@pytest.mark.skipif(not sys.platform.startswith("linux") or not shutil.which("gcc"), reason="needs gcc on Linux")
def test_a_read_that_fails_in_a_scan_is_an_error_and_the_file_is_whole_the_next_time(films, tmp_path):
    (tmp_path / "fails.c").write_text(LIBRARY)
    library = str(tmp_path / "fails.so")
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, str(tmp_path / "fails.c"), "-ldl"], check=True)
    child = subprocess.run(
        [sys.executable, "-c", CHILD, *map(str, films.values())],
        env=os.environ | {"LD_PRELOAD": library, "AVSSL_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    lines = child.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["ReadError", "ReadError", str(FRAMES)] * 3, child.stderr
    assert all("reading failed: Input/output error" in line for line in lines if "ReadError" in line)


class FailsOnce(io.BytesIO):
    """A file one of whose reads fails, counted over all that were opened."""

    left = 0

    def read(self, size: int | None = -1) -> bytes:
        FailsOnce.left -= 1
        if FailsOnce.left == 0:
            raise TimeoutError("the server\ndoes not answer")
        return super().read(size)


class Opener:
    """Opens bytes as such a file; fails at the read with a number, 0 for never."""

    def __init__(self, path: Path):
        self.data = path.read_bytes()

    def __call__(self) -> FailsOnce:
        return FailsOnce(self.data)


@pytest.mark.parametrize("ending", ["mp4", "mkv", "ts"])
@pytest.mark.parametrize("policy", ["raise", "truncate"])
def test_a_failing_opener_is_told_in_one_line_and_does_well_the_next_time(films, ending, policy):
    for fails in (1, 2):
        FailsOnce.left = fails
        with pytest.raises(ReadError, match="TimeoutError: the server") as caught:
            open_video(Opener(films[ending]), on_error=policy)
        assert "\n" not in str(caught.value)
    with open_video(Opener(films[ending]), on_error=policy) as video:
        assert len(video) == FRAMES
        FailsOnce.left = 2
        with pytest.raises(ReadError, match="TimeoutError"):
            video.frames(range(FRAMES))
        assert video.frames(range(0, FRAMES, 40)).valid.all()


@pytest.fixture
def failing(monkeypatch):
    """A function that lets the n-th read of FFmpeg's from now on fail."""
    left = [0]

    class Fails(walk.PlainFile):
        def __init__(self, file):
            super().__init__(file)
            real = self.read

            def read(size: int) -> bytes:
                left[0] -= 1
                if left[0] == 0:
                    raise OSError(5, "Input/output error")
                return real(size)

            self.read = read

    monkeypatch.setattr(walk, "PlainFile", Fails)
    return lambda reads: left.__setitem__(0, reads)


def test_a_read_that_fails_while_decoding_is_an_error_whatever_the_policy_and_the_reader_goes_on(films, failing):
    with open_video(films["ts"], on_error="truncate") as video:
        failing(5)
        with pytest.raises(ReadError, match="Input/output error"):
            video.frames(range(FRAMES))
        assert video.frames(range(FRAMES)).valid.all() and len(video) == FRAMES


@pytest.fixture(scope="module")
def sound(tmp_path_factory) -> Path:
    wave = chirp(np.arange(8 * 48000) / 48000).astype(np.float32)[None]
    return record(tmp_path_factory.mktemp("sound") / "sound.flac", wave, Tape(codec="flac", film=None))


def test_a_read_that_fails_is_no_silence_and_no_finding_about_the_sound(sound, failing):
    for reads in (1, 2, 7, 11):
        failing(reads)
        with pytest.raises(ReadError, match="Input/output error"):
            open_sound(sound, on_error="truncate").sound([[0, 8]], 48000)
    with open_sound(sound, on_error="truncate") as recording:
        assert not sound_scan.packet_table_of(Origin(sound), 0, Deadline(None)).reason
        whole = recording.sound([[0, 8]], 48000)
        assert whole.valid.all()
        with open_sound(sound.read_bytes(), on_error="truncate") as other:
            assert np.array_equal(other.sound([[0, 8]], 48000).data, whole.data)


class Odd(io.BytesIO):
    def __init__(self, data: bytes, **odd):
        super().__init__(data)
        self.__dict__.update(odd)


@pytest.mark.parametrize(
    ("odd", "message"),
    [
        ({"read": lambda size: b"x" * (2 * size)}, "gave .* bytes where .* were asked for"),
        ({"read": lambda size: b""}, "gave nothing before its end"),
        ({"read": lambda size: None}, "gave nothing before its end"),
        ({"read": lambda size: "text"}, 'open it with mode "rb"'),
        ({"seekable": lambda: False}, "cannot seek, as a pipe or a stream; copy the recording"),
        ({"seek": lambda *_: 1 / 0}, "cannot seek .ZeroDivisionError"),
    ],
)
def test_files_that_misbehave_are_told_from_recordings_that_do(films, odd, message):
    data = films["mp4"].read_bytes()
    for source in (Odd(data, **odd), lambda: Odd(data, **odd)):
        with pytest.raises(MediaError, match=message):
            open_video(source)


def test_openers_that_fail_or_open_nothing_or_a_pipe_are_told(films):
    def refused():
        raise ConnectionError("no route")

    with pytest.raises(OpenError, match="its opener failed: ConnectionError: no route"):
        open_video(refused)
    with pytest.raises(OpenError, match=r"empty \(0 bytes\)"):
        open_video(lambda: io.BytesIO())
    here, there = os.pipe()
    os.close(there)
    with open(here, "rb") as pipe, pytest.raises(OpenError, match="cannot seek, as a pipe"):
        open_sound(pipe)


# --- one scan, one file ----------------------------------------------------------------------------------------------
def kept() -> set[Path]:
    return {path for path in cache_folder("scans").rglob("*") if path.is_file()}


@pytest.fixture
def pair(zoo, tmp_path) -> tuple[Path, bytes]:
    """A film of 96 frames in a file of this test's own, and the bytes of another film."""
    path = tmp_path / "clip.mp4"
    path.write_bytes(zoo["gop12.mp4"].path.read_bytes())
    return path, film(tmp_path / "other.mp4", Sheet(frames=50)).path.read_bytes()


def test_a_file_replaced_during_its_scan_is_an_error_and_nothing_is_kept(pair, monkeypatch):
    path, other = pair
    real, before = scan.scan_now, kept()

    def late(*args, **keywords):
        index = real(*args, **keywords)
        path.write_bytes(other)
        return index

    with monkeypatch.context() as patch:
        patch.setattr(scan, "scan_now", late)
        with pytest.raises(ReadError, match="the file changed after it was scanned"):
            open_video(path)
    assert kept() == before
    assert len(open_video(path)) == 50


def test_a_reader_of_a_file_that_was_replaced_says_so(pair):
    path, other = pair
    with open_video(path) as video, open_video(path) as begun:
        begun.frames(0)
        path.write_bytes(other)
        for reader in (video, begun):
            with pytest.raises(ReadError, match=r"changed after it was scanned .*; wait .*, and open it anew"):
                reader.frames(3)
        path.unlink()
        with pytest.raises(ReadError, match="No such file"):
            video.frames(3)


def test_sound_of_a_file_that_was_replaced_is_an_error(tmp_path):
    wave = chirp(np.arange(48000) / 48000).astype(np.float32)[None]
    path = record(tmp_path / "a.wav", wave, Tape(film=None))
    with open_sound(path) as recording:
        assert recording.sound([[0, 1]], 48000).valid.all()
        record(path, wave[:, :24000], Tape(film=None))
        with pytest.raises(ReadError, match="changed after it was scanned"):
            recording.sound([[0, 1]], 48000)


def test_a_change_within_one_tick_of_the_clock_of_files_shows(tmp_path):
    path = tmp_path / "clip.bin"
    path.write_bytes(b"abc")
    Origin(path).fingerprint()
    assert path.stat().st_mtime_ns + TICK <= time.time_ns()
    second = (time.time_ns() // 10**9) * 10**9
    os.utime(path, ns=(second, second))  # as on a disk that knows whole seconds alone
    assert Origin(path).fingerprint() is None
    os.utime(path, ns=(10**9, 10**9))
    assert Origin(path).fingerprint() is not None


def test_other_libraries_scan_anew(pair, monkeypatch):
    path, _ = pair
    open_video(path)
    before = kept()
    assert av.__version__ in scan_cache.libraries()
    monkeypatch.setattr(scan_cache, "libraries", lambda: "99")
    open_video(path)
    assert len(kept() - before) == 1


def test_a_motion_profile_of_a_file_that_changed_meanwhile_is_not_kept(pair, monkeypatch):
    path, other = pair
    real = motion._changes

    def late(video, change):
        changes = real(video, change)
        path.write_bytes(other)
        return changes

    with monkeypatch.context() as patch:
        patch.setattr(motion, "_changes", late)
        assert len(motion_profile(path)) == 96
    assert len(motion_profile(path)) == 50


def test_a_file_is_written_under_a_full_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with whole(Path("a:b.mp4")) as part:
        assert part.is_absolute()
        film(part, Sheet(frames=5, container="mp4"))
    assert len(open_video("a:b.mp4")) == 5
