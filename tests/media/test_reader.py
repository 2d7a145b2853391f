"""The reader answers in frames, times and clips, says what it did, and counts anew when a file has lied."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch

from avssl.media import BackendUnsuitable, DecodeError, Frames, VideoInfo, open_video, reader
from avssl.sampling import Clips
from tests.media.filming import read_numbers


def numbers(frames: Frames) -> list[int]:
    flat = frames.data.reshape(-1, *frames.data.shape[-3:])
    return read_numbers(flat.permute(0, 2, 3, 1).numpy())


@pytest.fixture
def video(zoo):
    with open_video(zoo["gop12.mp4"].path) as video:
        yield video


def test_any_shape_of_indices_gives_frames_of_that_shape(video):
    for shape in ((), (1,), (4,), (2, 3), (2, 1, 3)):
        index = np.random.default_rng(0).integers(96, size=shape)
        frames = video.frames(index)
        assert frames.data.shape == (*shape, 3, 64, 96) and frames.data.dtype == torch.uint8
        assert frames.index.shape == frames.times.shape == frames.valid.shape == shape
        assert numbers(frames) == index.ravel().tolist()
        np.testing.assert_allclose(frames.times, index / 25)


def test_no_frames_are_no_frames(video):
    assert video.frames([]).data.shape == (0, 3, 64, 96)
    assert video.frames(np.empty((0, 4), int)).data.shape == (0, 4, 3, 64, 96)


def test_negative_indices_count_from_the_end_as_in_a_list(video):
    frames = video.frames([-1, -96, 95, 0])
    assert numbers(frames) == [95, 0, 95, 0] and frames.index.tolist() == [95, 0, 95, 0]


def test_the_frame_on_screen_is_the_last_that_has_begun(video):
    frames = video.at([-5.0, 0.0, 0.039, 0.04, 1.0, 3.81, 99.0])
    assert numbers(frames) == [0, 0, 0, 1, 25, 95, 95]
    np.testing.assert_allclose(frames.times, [0, 0, 0, 0.04, 1.0, 3.8, 3.8])
    assert numbers(video.at(0.5)) == [12]


def test_clips_keep_their_padding_marks(video):
    index = np.array([[90, 94, 95], [3, 2, 1]])
    valid = np.array([[True, True, False], [True, True, True]])
    frames = video.read(Clips(index=index, times=index / 25, valid=valid))
    assert frames.data.shape == (2, 3, 3, 64, 96) and (frames.valid == valid).all()
    assert numbers(frames) == index.ravel().tolist()


def test_overlapping_clips_are_decoded_once(video):
    video.frames(np.arange(40, 70))
    once = video.report.decoded
    video.frames(np.stack([np.arange(40, 70)] * 5))
    assert video.report.decoded == once


def test_repeats_are_copies_not_the_same_memory(video):
    frames = video.frames([7, 7])
    frames.data[0] = 0
    assert numbers(Frames(data=frames.data[1:], times=frames.times, index=frames.index, valid=frames.valid)) == [7]


def test_frames_may_be_written_to_and_outlive_the_reader(zoo):
    with open_video(zoo["gop12.mp4"].path) as video:
        frames = video.frames([4, 50])
    frames.data.add_(0)
    assert numbers(frames) == [4, 50]


def test_a_closed_reader_opens_again_when_asked(video):
    video.frames([1])
    video.close()
    video.close()
    assert numbers(video.frames([2])) == [2]


def test_info_and_timeline_tell_what_is_known_without_decoding(video):
    info = video.info
    assert isinstance(info, VideoInfo) and (info.codec, info.frames, info.bit_depth) == ("h264", 96, 8)
    assert info.constant_rate and info.duration == pytest.approx(3.84) and info.sound is None
    assert len(video.timeline) == len(video) == 96 and video.timeline.rate == pytest.approx(25)


def test_a_reader_pickles_as_its_source_and_options(zoo):
    with open_video(zoo["gop12.mp4"].path, size=32, threads=2) as video:
        video.frames([1])
        data = pickle.dumps(video)
        assert len(data) < 2000
        with pickle.loads(data) as copy:
            assert (copy.size, copy.threads, len(copy)) == (32, 2, 96)
            assert (copy.frames([40]).data == video.frames([40]).data).all()


def test_a_reader_of_an_open_file_says_that_it_cannot_pickle(zoo):
    with (
        open(zoo["gop12.mp4"].path, "rb") as file,
        open_video(file) as video,
        pytest.raises(TypeError, match="an open file cannot be sent to another process"),
    ):
        pickle.dumps(video)


def test_the_choice_is_explained(zoo):
    with open_video(zoo["gop12.mp4"].path) as video:
        text = video.explain()
        assert "96 frames of 96x64 h264" in text and "backend pyav (the reference)" in text
        assert "presentation times are trusted" in text
    with open_video(zoo["h264.avi"].path) as video:
        assert "frames are counted" in video.explain() and "avi holds no presentation times" in video.explain()


def test_pictures_are_not_for_video_backends_and_the_other_way_round(zoo):
    with pytest.raises(BackendUnsuitable, match="these are pictures") as caught:
        open_video(zoo["loop.gif"].path, backend="decord")
    assert caught.value.reason and caught.value.backend == "decord"
    with pytest.raises(BackendUnsuitable, match="this is a video"):
        open_video(zoo["gop12.mp4"].path, backend="pictures")


def test_a_file_whose_times_lie_is_counted_anew_and_it_is_said(zoo, tmp_path, monkeypatch):
    path = tmp_path / "lies.mp4"
    path.write_bytes(zoo["gop12.mp4"].path.read_bytes())
    found = reader.scan_now(reader.Origin(path))
    swapped = found.packet.copy()
    swapped[[20, 21]] = swapped[[21, 20]]
    reader.remember(reader.Origin(path), "best", replace(found, packet=swapped))
    with open_video(path) as video:
        assert numbers(video.frames([19, 20, 21, 22])) == [19, 20, 21, 22]
        assert any("counted anew" in note for note in video.report.notes) and video.info.mode == "ordinal"
    with open_video(path) as video:  # it is remembered
        assert video.info.mode == "ordinal" and numbers(video.frames([20, 21])) == [20, 21]
        assert video.report.notes == []


def harmed(zoo, tmp_path):
    """Return a file whose third group (frames 24 to 35) is broken at its start."""
    path = tmp_path / "harmed.mp4"
    data = bytearray(zoo["gop12.mp4"].path.read_bytes())
    with open_video(zoo["gop12.mp4"].path) as video:
        place = int(video.index.offsets[26])
        data[place : place + int(video.index.sizes[26])] = b"\xff" * int(video.index.sizes[26])
    path.write_bytes(data)
    return path


def test_damage_is_one_clear_error_with_the_last_good_time(zoo, tmp_path):
    with open_video(harmed(zoo, tmp_path)) as video:
        with pytest.raises(DecodeError, match=r"harmed\.mp4.*damaged.*truncate") as caught:
            video.frames(range(96))
        assert caught.value.decoded_until == pytest.approx(24 / 25, abs=0.16)
        assert numbers(video.frames([3, 23, 36, 90])) == [3, 23, 36, 90]  # what does not need the damaged data


def test_truncating_gives_the_good_frames_and_marks_the_others(zoo, tmp_path):
    with open_video(harmed(zoo, tmp_path), on_error="truncate") as video:
        frames = video.frames(range(96))
        good = np.flatnonzero(frames.valid)
        assert set(range(24)) | set(range(36, 96)) <= set(good.tolist()) and len(good) < 96
        assert [numbers(frames)[place] for place in good] == good.tolist()
        assert not frames.data[~torch.from_numpy(frames.valid)].any()
        assert any("damaged" in note for note in video.report.notes)
        again = video.frames([*range(24, 36), 2])  # the same whatever else is asked for
        assert again.valid[:12].tolist() == frames.valid[24:36].tolist()


def test_sound_is_read_on_the_video_s_clock(zoo):
    with open_video(zoo["sound_first.mp4"].path) as video:
        sound = video.sound(np.array([[0.0, 0.5], [1.0, 1.5]]), rate=16000)
        assert sound.data.shape == (2, 1, 8000) and sound.rate == 16000


def test_names_of_backends_lead_to_classes():
    for path in reader.BACKENDS.values():
        module, name = path.split(":")
        assert module.startswith("avssl.media.") and name[0].isupper()
