"""PyAV gets exactly the packets of the plan, gives the very pixels of plain decoding, and recovers from surprises."""

from dataclasses import replace
from functools import partial

import av
import numpy as np
import pytest

from avssl.media import open_video
from avssl.media.base import Deadline, Mismatch, Report
from avssl.media.plan import packets_fed, plan_frames
from avssl.media.pyav import PyAV
from avssl.media.scan import scan
from avssl.media.source import Origin
from tests.media.filming import read_numbers

PROVED = ["gop12.mp4", "gop250.mp4", "hevc.mkv", "open_x264.mkv", "open_x265.mp4", "h264.avi", "mpeg4.avi", "vp9.webm"]
PROVED += ["av1.mp4", "h264.ts", "mpeg2.ts", "cut.mp4", "cut_hevc.mp4", "uneven.mkv", "fragmented.mp4", "prores.mov"]
PROVED += ["png_alpha.mov", "ten_bits_full_hevc.mp4", "bt709.mp4", "full_range.mp4", "interlaced.mp4", "uneven.avi"]


def plainly(path) -> list[np.ndarray]:
    """Decode everything from the start as anybody would."""
    with av.open(str(path)) as container:
        stream = container.streams.best("video")
        assert isinstance(stream, av.VideoStream)
        stream.thread_type = "NONE"
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]


def picks(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(count, size=size) for size in (1, 1, 2, 3, 5, 16)]


@pytest.mark.parametrize("name", PROVED)
def test_pixels_are_those_of_plain_decoding(zoo, name):
    expected = plainly(zoo[name].path)
    with open_video(zoo[name].path) as video:
        assert len(video) == len(expected)
        for frames in picks(len(video)):
            found = video.frames(frames).data.permute(0, 2, 3, 1).numpy()
            assert all(np.array_equal(one, expected[frame]) for one, frame in zip(found, frames, strict=True))


@pytest.mark.parametrize("name", PROVED)
def test_exactly_the_planned_packets_are_decoded(zoo, name):
    with open_video(zoo[name].path) as video:
        for frames in picks(len(video)):
            video.frames(frames)
            assert video.report.decoded == packets_fed(video.index, plan_frames(video.index, frames))
            assert video.report.retries == 0 and video.report.notes == []
            assert video.report.filled == set(frames.tolist())


def test_frames_that_no_one_refers_to_are_left_out(zoo):
    with open_video(zoo["gop250.mp4"].path) as video:
        video.frames([200])
        assert video.report.decoded < 140  # of the 201 shown up to there, about a third are such


@pytest.mark.parametrize(
    "name", ["gop12.mp4", "hevc.mkv", "open_x264.mkv", "h264.avi", "vp9.webm", "av1.mp4", "cut.mp4"]
)
def test_the_way_through_the_container_gives_the_same(zoo, name):
    path = zoo[name].path
    with open_video(path) as video, open_video(partial(open, path, "rb")) as other:
        assert len(video.index.offsets) and not len(other.index.offsets)
        for frames in picks(len(video)):
            assert (video.frames(frames).data == other.frames(frames).data).all()
            assert other.report.decoded == packets_fed(other.index, plan_frames(other.index, frames))


@pytest.mark.parametrize("name", ["gop12.mp4", "h264.ts", "open_x265.mp4", "mpeg4.mp4", "vp9.webm"])
@pytest.mark.parametrize("size", [32, (50, 70), (128, 192), (64, 32)])
def test_resizing_on_the_way_is_resizing_by_area(zoo, name, size):
    with open_video(zoo[name].path) as video, open_video(zoo[name].path, size=size) as small:
        frame = video.frames([9]).data[0].permute(1, 2, 0).contiguous().numpy()
        resized = small.frames([9]).data[0].permute(1, 2, 0).numpy()
        height, width = resized.shape[:2]
        picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
        expected = picture.reformat(width=width, height=height, interpolation="AREA").to_ndarray()
        assert np.abs(resized.astype(int) - expected).mean() < 8  # chroma is resized before the colours, not after


def test_rotated_frames_are_turned_before_they_are_handed_out(zoo):
    for degrees in (90, 180, 270):
        film = zoo[f"turned_{degrees}.mp4"]
        with open_video(film.path, size=40) as video:
            frames = video.frames([3, 50])
            assert video.info.rotation == degrees
            assert frames.data.shape[2:] == ((40, 60) if film.size[0] < film.size[1] else (60, 40))
            assert read_numbers(frames.data.permute(0, 2, 3, 1).numpy()) == [3, 50]


def run(path, index, wanted) -> tuple[np.ndarray, Report]:
    slots = {frame: np.zeros((index.info.height, index.info.width, 3), np.uint8) for frame in wanted}
    backend, report = PyAV(Origin(path), index), Report()
    try:
        backend.decode(plan_frames(index, np.array(wanted)), slots, report, Deadline(None))
    finally:
        backend.close()
    return np.stack([slots[frame] for frame in wanted]), report


def test_wrong_places_in_the_file_lead_through_the_container(zoo):
    path = zoo["gop12.mp4"].path
    index = scan(Origin(path))
    lying = replace(index, offsets=index.offsets + 10**6)
    pictures, report = run(path, lying, [5, 40])
    assert read_numbers(pictures) == [5, 40] and report.retries
    assert any("through the container" in note for note in report.notes)


def test_a_key_frame_that_is_none_is_stepped_back_from(zoo):
    path = zoo["gop12.mp4"].path
    index = scan(Origin(path))
    keys = np.sort(np.append(index.keys, 30)).astype(np.int32)  # packet 30 holds no key frame
    lying = replace(index, keys=keys, key_frames=keys, seeks=index.marks[keys])
    pictures, report = run(path, lying, [34])
    assert read_numbers(pictures) == [34] and report.retries == 1


def test_packets_in_another_order_than_promised_are_a_mismatch(zoo):
    path = zoo["gop12.mp4"].path
    index = scan(Origin(path))
    swapped = index.packet.copy()
    swapped[[20, 21]] = swapped[[21, 20]]
    with pytest.raises(Mismatch, match=r"frame 2[01] came out after frame 2[12]"):
        run(path, replace(index, packet=swapped), [20, 21])


def test_late_landings_are_read_from_further_back(zoo):
    path = zoo["h264.ts"].path
    index = scan(Origin(path))
    late = replace(index, seeks=index.seeks + 10**5)
    pictures, _ = run(path, late, [30, 60])
    assert read_numbers(pictures) == [30, 60]


def test_handles_are_closed_when_decoding_fails(zoo, tmp_path):
    path = tmp_path / "short.mp4"
    data = zoo["moov_first.mp4"].path.read_bytes()
    path.write_bytes(data[: len(data) * 7 // 10])
    with open_video(path, on_error="truncate") as video:
        frames = video.frames(range(len(video)))
        assert frames.valid.any()
        good = read_numbers(frames.data.permute(0, 2, 3, 1).numpy()[frames.valid])
        assert good == list(range(len(good)))
        assert not frames.data[~frames.valid].any()
