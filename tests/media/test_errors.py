"""Errors name their source, stage, backend and position, and travel between processes."""

import pickle

import pytest

from avssl.media import errors, open_video

KINDS = [
    errors.OpenError("no", source="a.mp4"),
    errors.ScanError("no", source="a.mp4"),
    errors.DecodeError("no", source="a.mp4", backend="pyav", position=1.5, decoded_until=1.25),
    errors.TooShort("no", source="a.mp4", needed=12, have=3),
    errors.BackendUnavailable("no", backend="torchcodec"),
    errors.BackendUnsuitable("no", source="a.mp4", backend="decord", reason="edit list"),
    errors.DecodeTimeout("no", source="a.mp4", limit=2.0),
]


@pytest.mark.parametrize("error", KINDS, ids=lambda error: type(error).__name__)
def test_an_error_survives_the_way_from_a_worker(error):
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error) and str(copy) == str(error)
    assert vars(copy) == vars(error)
    assert isinstance(copy, errors.MediaError) and isinstance(copy, ValueError)


def test_an_error_says_where_and_who_in_one_line():
    text = str(errors.DecodeError("damaged data", source="a.mp4", backend="pyav", position=1.5))
    assert text == "a.mp4 at 1.500 s: damaged data (decode, pyav)"


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(errors.OpenError, match=r"nothing\.mp4: there is no such file"):
        open_video(tmp_path / "nothing.mp4")


def test_an_empty_file_is_called_empty(tmp_path):
    (tmp_path / "empty.mp4").touch()
    with pytest.raises(errors.OpenError, match="empty"):
        open_video(tmp_path / "empty.mp4")
    with pytest.raises(errors.OpenError, match="empty"):
        open_video(b"")


def test_text_is_not_a_video(tmp_path):
    (tmp_path / "text.mp4").write_text("hello " * 1000)
    with pytest.raises(errors.OpenError, match="not a video"):
        open_video(tmp_path / "text.mp4")
    with pytest.raises(errors.OpenError, match="not a video"):
        open_video(b"hello " * 1000)


def test_what_is_no_source_is_refused():
    with pytest.raises(errors.OpenError, match=r"a source is a path, bytes.*got int"):
        open_video(7)  # type: ignore[arg-type]
    with pytest.raises(errors.OpenError, match="the opener returned int"):
        open_video(lambda: 7)  # type: ignore[arg-type, return-value]


def test_a_frame_that_is_not_there_is_too_far(zoo):
    with open_video(zoo["gop12.mp4"].path) as video:
        for index in (96, -97):
            with pytest.raises(errors.TooShort, match=rf"frame {index} was asked for, but there are 96") as caught:
                video.frames([0, index])
            assert caught.value.have == 96 and caught.value.needed == 97


def test_wrong_arguments_are_named(zoo):
    path = zoo["gop12.mp4"].path
    with pytest.raises(ValueError, match="unknown video backend 'vlc'; choose from auto, pyav"):
        open_video(path, backend="vlc")
    with pytest.raises(ValueError, match=r'on_error is "raise" or "truncate"'):
        open_video(path, on_error="ignore")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="threads must be at least 1"):
        open_video(path, threads=0)
    with pytest.raises(errors.OpenError, match="stream 5 is not a video stream"):
        open_video(path, stream=5)
    with open_video(path) as video, pytest.raises(ValueError, match="whole numbers; got float64"):
        video.frames([0.5])  # type: ignore[list-item]
    with open_video(path) as video, pytest.raises(ValueError, match="NaN"):
        video.at([float("nan")])  # type: ignore[arg-type]
    for size in (0, -3, (3,), (0, 4), 2.5):
        with pytest.raises(ValueError, match="size is None, the short side"), open_video(path, size=size) as video:
            video.frames([0])


def test_a_call_that_takes_too_long_is_stopped(zoo):
    path = zoo["gop250.mp4"].path
    with pytest.raises(errors.DecodeTimeout, match="longer than timeout=0 s") as caught:
        open_video(path.read_bytes(), timeout=0)
    assert caught.value.limit == 0
    open_video(path).close()  # the scan is kept now
    with open_video(path, timeout=0) as video, pytest.raises(errors.DecodeTimeout):
        video.frames([200])
