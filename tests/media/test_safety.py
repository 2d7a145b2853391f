"""Reading is safe in forked and spawned processes, and thousands of openings leave nothing behind."""

import multiprocessing
import os
import resource
import sys
from pathlib import Path

import numpy as np
import pytest

from avssl.media import DecodeError, open_video
from tests.media.filming import read_numbers

LIMIT = 60  # seconds after which a child counts as hanging
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts open files and memory under /proc")


def numbers(video, frames) -> list[int]:
    return read_numbers(video.frames(frames).data.permute(0, 2, 3, 1).numpy())


def send_numbers(connection, video, frames):
    """Read in a child and send what was seen."""
    connection.send(numbers(video, frames))
    connection.close()


def in_child(method: str, video, frames) -> list[int]:
    context = multiprocessing.get_context(method)
    here, there = context.Pipe(duplex=False)
    child = context.Process(target=send_numbers, args=(there, video, frames))
    child.start()
    there.close()
    try:
        assert here.poll(LIMIT), "the child hangs"
        return here.recv()
    finally:
        here.close()
        child.join(LIMIT)
        child.kill()  # nothing where it has ended
        assert child.exitcode == 0


@pytest.mark.parametrize("name", ["gop12.mp4", "h264.ts", "h264.avi"])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_forked_child_opens_anew_while_the_parent_reads_on(zoo, name, threads):
    with open_video(zoo[name].path, threads=threads) as video:
        assert numbers(video, [40, 7]) == [40, 7]
        assert in_child("fork", video, [60, 13]) == [60, 13]
        assert numbers(video, [41, 90]) == [41, 90]


def test_a_forked_child_does_not_touch_the_parent_s_handle(zoo):
    with open_video(zoo["gop12.mp4"].path) as video:
        video.frames([3])
        child = os.fork()
        if child == 0:
            os._exit(0 if video._backend is None else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert video._backend is not None


def test_a_spawned_child_gets_source_and_options(zoo):
    with open_video(zoo["gop12.mp4"].path) as video:
        assert in_child("spawn", video, [60, 13]) == [60, 13]


def resident() -> float:
    """Return this process's memory in MiB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


def slope(use, rounds: int) -> float:
    """Return by how many MiB memory grows a use, after a warm-up."""
    for _ in range(rounds // 4):
        use()
    sizes = []
    for _ in range(rounds):
        use()
        sizes.append(resident())
    return float(np.polyfit(np.arange(rounds), sizes, 1)[0])


@linux
@pytest.mark.parametrize("name", ["gop12.mp4", "h264.ts", "turned_90.mp4"])
def test_memory_stays_flat_over_hundreds_of_openings(zoo, name):
    path = zoo[name].path

    def use():
        with open_video(path, size=32) as video:
            video.frames([2, 30])

    assert slope(use, 240) < 0.01


@linux
def test_memory_stays_flat_over_failures(zoo, tmp_path):
    path = tmp_path / "harmed.mp4"
    data = bytearray(zoo["gop12.mp4"].path.read_bytes())
    with open_video(zoo["gop12.mp4"].path) as video:
        place = int(video.index.offsets[26])
    data[place : place + 100] = b"\xff" * 100
    path.write_bytes(data)

    def use():
        with pytest.raises(DecodeError), open_video(path) as video:
            video.frames(range(96))

    assert slope(use, 80) < 0.02


@linux
@pytest.mark.parametrize("name", ["gop12.mp4", "h264.ts"])
def test_no_file_stays_open(zoo, name):
    before = set(Path("/proc/self/fd").iterdir())
    for _ in range(5):
        with open_video(zoo[name].path) as video:
            video.frames([2, 30])
        with pytest.raises(ValueError, match="not a video"):
            open_video(b"no video" * 50)
    assert set(Path("/proc/self/fd").iterdir()) == before


@linux
def test_one_thread_is_one_thread(zoo):
    before = len(list(Path("/proc/self/task").iterdir()))
    with open_video(zoo["gop12.mp4"].path, size=32) as video:
        video.frames([2, 30])
        assert len(list(Path("/proc/self/task").iterdir())) == before
