"""Files known to be bad are not tried again, until they change; what chance or a drive did is not held against them."""

import os

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from avssl.data import FewLabels, Pictures, Videos, known_bad
from avssl.data.batches import collate
from avssl.data.sets.given import check_data
from avssl.media.errors import DecodeError, OpenError, ReadError
from avssl.sampling import OrderedFrames, WithSound
from tests.data.sets.spoiling import spoil_packet
from tests.media.filming import film_grey


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("AVSSL_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path):
    source = tmp_path / "source"
    for number, name in enumerate(["a/0", "a/1", "b/2", "b/3"]):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8, 3), number * 50, np.uint8)).save(source / f"{name}.png")
    (source / "b" / "2.png").write_bytes((source / "b" / "3.png").read_bytes()[:50])
    return source


@pytest.fixture
def opened(monkeypatch):
    """The names of the pictures that are opened."""
    names = []
    read = Pictures.__getitem__.__globals__["read_picture"]
    monkeypatch.setitem(
        Pictures.__getitem__.__globals__,
        "read_picture",
        lambda path, *more: names.append(path.name) or read(path, *more),
    )
    return names


def test_a_run_does_not_open_what_an_earlier_one_could_not_read(folder, opened):
    first = [Pictures(folder, on_bad="skip")[index] for index in range(4)]
    opened.clear()
    again = [Pictures(folder, on_bad="skip")[index] for index in range(4)]
    assert opened == ["0.png", "1.png", "3.png"]
    assert again[2]["failure"]["error"].startswith(first[2]["failure"]["error"])
    assert "known to be bad, so not tried again" in again[2]["failure"]["error"]


def test_a_changed_file_is_tried_again(folder):
    assert "failure" in Pictures(folder, on_bad="skip")[2]
    (folder / "b" / "2.png").write_bytes((folder / "b" / "3.png").read_bytes())
    assert "failure" not in Pictures(folder, on_bad="skip")[2]


def test_a_changed_time_alone_is_a_change(folder, opened):
    Pictures(folder, on_bad="skip")[2]
    os.utime(folder / "b" / "2.png", ns=(0, 10**18))
    opened.clear()
    assert "failure" in Pictures(folder, on_bad="skip")[2] and opened == ["2.png"]


def test_what_a_check_finds_is_known_and_what_it_finds_good_is_forgotten(folder, tmp_path, opened):
    check_data(source=str(folder), out=tmp_path / "out", workers=0)
    opened.clear()
    assert "known to be bad" in Pictures(folder, on_bad="skip")[2]["failure"]["error"] and opened == []
    known_bad.remember(folder / "b" / "3.png", "picture", "thought so")
    check_data(source=str(folder), out=tmp_path / "out", workers=0)
    assert "failure" not in Pictures(folder, on_bad="skip")[3]


def test_damage_that_only_some_draws_meet_is_known_from_a_check_alone(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    film_grey(source / "a.mp4", np.arange(40 * 64 * 64, dtype=np.uint32).reshape(40, 64, 64).astype(np.uint8))
    spoil_packet(source / "a.mp4", 30)
    videos = Videos(source, OrderedFrames(count=2, gaps=(35, 35)), on_bad="skip")
    assert "failure" in videos[0]
    assert Videos(source, OrderedFrames(count=2, gaps=(35, 35)), on_bad="skip").bad.known == {}
    check_data(source=str(source), out=tmp_path / "out", workers=0)
    assert list(Videos(source, OrderedFrames(), on_bad="skip").bad.known) == [0]


def test_a_film_without_sound_is_bad_for_those_who_ask_sound_alone(tmp_path):
    film_grey(tmp_path / "a.mp4", np.zeros((9, 16, 16), np.uint8))
    sampler = WithSound(seconds=0.1, sampler=OrderedFrames())
    check_data(source=str(tmp_path / "a.mp4"), out=tmp_path / "out", sound=True, workers=0)
    known = Videos(tmp_path / "a.mp4", sampler, sound_rate=8000, on_bad="skip").bad.known
    assert "no sound track; known to be bad" in known[0]["failure"]["error"]
    assert "failure" not in Videos(tmp_path / "a.mp4", OrderedFrames(), on_bad="skip")[0]


def test_what_a_drive_or_a_right_did_is_not_held_against_a_file(folder, monkeypatch):
    def unreachable(path, *_):
        raise OpenError("cannot be opened", source=str(path)) from PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setitem(Pictures.__getitem__.__globals__, "read_picture", unreachable)
        assert "failure" in Pictures(folder, on_bad="skip")[0]
    assert Pictures(folder, on_bad="skip").bad.known == {}
    assert known_bad.may_pass(ReadError("the bytes did not come"))
    picture = DecodeError("truncated")
    picture.__cause__ = OSError("image file is truncated")  # Pillow's word, without a number
    assert not known_bad.may_pass(picture)


def test_a_picture_that_is_only_too_small_for_one_setting_is_not_known(folder):
    assert "failure" in Pictures(folder, on_bad="skip", least=64)[0]
    assert "failure" not in Pictures(folder, on_bad="skip")[0]


def test_errors_are_raised_though_they_are_known(folder):
    Pictures(folder, on_bad="skip")[2]
    with pytest.raises(ValueError, match=r"2\.png"):
        Pictures(folder)[2]


def test_draws_are_the_same_for_all_workers_whether_a_file_is_known_or_not(folder):
    def drawn(workers):
        loader = DataLoader(Pictures(folder, on_bad="skip"), 2, num_workers=workers, collate_fn=collate)
        return [(batch["path"], batch["key"].tolist(), len(batch["failures"])) for batch in loader]

    unknown = drawn(0)
    assert drawn(0) == drawn(2) == unknown and unknown[1][2] == 1


def test_one_line_says_how_many_and_how_to_try_again(folder, tmp_path):
    assert known_bad.format_known("data", Pictures(folder)) == []
    Pictures(folder, on_bad="skip")[2]
    (line,) = known_bad.format_known("data", FewLabels(Pictures(folder, on_bad="skip"), share=1.0))
    assert (
        line.startswith("data: 1 known bad file left out untried, such as ")
        and "2.png" in line
        and "not tried" not in line
    )
    assert line.endswith(f"delete {tmp_path / 'cache' / 'bad'} to try again") and "\n" not in line
    assert known_bad.format_known("data", torch.nn.Identity()) == []


def test_a_list_that_cannot_be_written_is_a_warning(folder, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("avssl.data.known_bad.whole", full)
    with pytest.warns(UserWarning, match="set AVSSL_CACHE to a folder with room"):
        assert "failure" in Pictures(folder, on_bad="skip")[2]
