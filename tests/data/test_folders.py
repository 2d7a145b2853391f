"""Folders as people have them, with links, hidden names and what systems leave there: one rule for every reader."""

import os
import re

import pytest
from PIL import Image

from avssl.config import ConfigError
from avssl.data import find_recordings
from avssl.data.recordings import PICTURES
from avssl.data.sets import dcase2014, hmdb51, imagenet
from avssl.data.sets.jhmdb import frames_of
from avssl.data.sets.people import pictures_of
from avssl.inference import inpaint as inpainting
from avssl.media import open_video
from avssl.media.errors import MediaError

SYSTEMS = (".ipynb_checkpoints", "__MACOSX", "@eaDir", ".AppleDouble", "$RECYCLE.BIN")
LEFT = ("._0.jpg", ".0.jpg")


def put(folder, *names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names or ("0.jpg", "1.jpg"):
        Image.new("RGB", (32, 32), (90, 20, 20)).save(folder / name, "JPEG")
    return folder


def listed(root):
    found, classes = find_recordings(root, endings=PICTURES)
    return [(one.path.relative_to(root).as_posix(), one.label) for one in found], classes


def test_class_folders_that_are_links_are_followed(tmp_path):
    put(tmp_path / "store" / "cat"), put(tmp_path / "some" / "bird")
    (tmp_path / "some" / "cat").symlink_to(tmp_path / "store" / "cat")
    names, classes = listed(tmp_path / "some")
    assert classes == ["bird", "cat"]
    assert names == [("bird/0.jpg", 0), ("bird/1.jpg", 0), ("cat/0.jpg", 1), ("cat/1.jpg", 1)]
    (tmp_path / "linked").symlink_to(tmp_path / "some")
    assert listed(tmp_path / "linked") == (names, classes)


@pytest.mark.parametrize("hidden", SYSTEMS)
def test_what_systems_keep_in_a_folder_is_no_class(tmp_path, hidden):
    put(tmp_path / "cat"), put(tmp_path / "dog"), put(tmp_path / hidden / "cat"), put(tmp_path / "cat" / hidden)
    names, classes = listed(tmp_path)
    assert classes == ["cat", "dog"] and len(names) == 4


def test_what_systems_keep_beside_pictures_is_no_picture(tmp_path):
    put(tmp_path, "0.jpg", "1.JPG", *LEFT, "Thumbs.db", ".DS_Store")
    assert listed(tmp_path) == ([("0.jpg", -1), ("1.JPG", -1)], [])


def test_links_that_lead_round_in_circles_end(tmp_path):
    put(tmp_path / "cat"), put(tmp_path / "dog" / "deep")
    (tmp_path / "cat" / "again").symlink_to(tmp_path / "cat")
    (tmp_path / "dog" / "deep" / "up").symlink_to(tmp_path)
    (tmp_path / "all").symlink_to(tmp_path)
    names, classes = listed(tmp_path)
    assert classes == ["cat", "dog"]
    assert [name for name, _ in names if "up" not in name] == [
        *(f"cat/{i}.jpg" for i in (0, 1)), *(f"dog/deep/{i}.jpg" for i in (0, 1))
    ]  # fmt: skip


def test_many_links_to_each_other_are_listed_in_no_time(tmp_path):
    for name in range(12):
        put(tmp_path / "class" / str(name), "0.jpg")
        for other in range(12):
            (tmp_path / "class" / str(name) / f"to_{other}").symlink_to(tmp_path / "class" / str(other))
    assert len(listed(tmp_path)[0]) == 12


def test_what_two_links_lead_to_is_in_both_classes(tmp_path):
    put(tmp_path / "store")
    for name in ("a", "b"):
        (tmp_path / "root").mkdir(exist_ok=True)
        (tmp_path / "root" / name).symlink_to(tmp_path / "store")
    assert [label for _, label in listed(tmp_path / "root")[0]] == [0, 0, 1, 1]


def test_a_class_that_is_a_link_to_nowhere_does_not_vanish(tmp_path):
    put(tmp_path / "cat")
    (tmp_path / "dog").symlink_to(tmp_path / "unmounted")
    with pytest.raises(ValueError, match=r"dog is a link to .*unmounted, which is not there; bring that back"):
        listed(tmp_path)


def test_a_picture_that_is_a_link_to_nowhere_is_a_bad_one_and_does_not_vanish(tmp_path):
    put(tmp_path / "cat")
    (tmp_path / "cat" / "2.jpg").symlink_to(tmp_path / "gone.jpg")
    assert len(listed(tmp_path)[0]) == 3


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder")
def test_a_folder_that_may_not_be_listed_is_named(tmp_path):
    put(tmp_path / "cat"), put(tmp_path / "dog").chmod(0)
    with pytest.raises(ValueError, match=r"dog cannot be listed \(Permission denied\)"):
        listed(tmp_path)


def test_the_order_is_that_of_the_names(tmp_path):
    put(tmp_path / "b", "Z.jpg", "a.JPEG", "10.jpg", "9.jpg"), put(tmp_path / "B"), put(tmp_path / "a b")
    names, classes = listed(tmp_path)
    assert classes == ["B", "a b", "b"]
    assert [name for name, _ in names][-4:] == ["b/10.jpg", "b/9.jpg", "b/Z.jpg", "b/a.JPEG"]


# --- a folder of pictures as one video --------------------------------------------------------------------------------
def test_a_folder_of_frames_has_only_its_own_pictures(tmp_path):
    put(tmp_path, "1.png", "2.PNG", "._1.png", ".2.png"), put(tmp_path / "@eaDir", "1.png")
    (tmp_path / "thumbs.db").touch(), (tmp_path / "3.png").mkdir()
    with open_video(tmp_path) as video:
        assert len(video) == 2


def test_frames_whose_numbers_are_alike_come_in_the_order_of_their_names(tmp_path, monkeypatch):
    put(tmp_path, "1.png", "01.png", "001.png")
    for turn in (1, -1):
        real = os.scandir
        monkeypatch.setattr(os, "scandir", lambda path, turn=turn, real=real: Turned(real(path), turn))
        from avssl.media.pictures import pictures_in
        from avssl.media.source import Origin

        assert [path.name for path in pictures_in(Origin(tmp_path))] == ["001.png", "01.png", "1.png"]
        monkeypatch.undo()


class Turned(list):
    """What a folder holds, in the order of some file system."""

    def __init__(self, found, turn):
        super().__init__(sorted(found, key=lambda entry: entry.name)[::turn])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


def test_a_frame_that_is_a_link_to_nowhere_is_named(tmp_path):
    put(tmp_path, "1.png")
    (tmp_path / "2.png").symlink_to("gone.png")
    with pytest.raises(MediaError, match=r"2\.png.*No such file") as error, open_video(tmp_path):
        pass
    assert "\n" not in str(error.value)


# --- tools and readers of official trees ------------------------------------------------------------------------------
def test_tools_take_what_counts_in_a_folder(tmp_path):
    put(tmp_path / "deep", "b.JPG", *LEFT), put(tmp_path / "__MACOSX"), put(tmp_path / "store", "a.jpg")
    (tmp_path / "given").mkdir()
    for name in ("deep", "store"):
        (tmp_path / "given" / name).symlink_to(tmp_path / name)
    found = inpainting.pictures([tmp_path / "given", tmp_path / "store" / "a.jpg"])
    assert [path.relative_to(tmp_path).as_posix() for path in found] == [
        "given/deep/b.JPG", "given/store/a.jpg", "store/a.jpg"
    ]  # fmt: skip
    with pytest.raises(ConfigError, match=re.escape(f"files: {tmp_path / 'none'} does not exist")):
        inpainting.pictures([tmp_path / "none"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="empty holds no picture"):
        inpainting.pictures([tmp_path / "empty"])


def test_official_trees_may_be_of_links_and_hold_what_systems_leave(tmp_path):
    put(tmp_path / "store" / "n01", "a.JPEG", "._a.JPEG")
    (tmp_path / "set" / "train").mkdir(parents=True)
    (tmp_path / "set" / "train" / "n01").symlink_to(tmp_path / "store" / "n01")
    put(tmp_path / "set" / "train" / "@eaDir", "a.JPEG")
    listing = imagenet.read(tmp_path / "set")
    assert [row["path"] for row in listing.rows] == ["train/n01/a.JPEG"] and listing.classes == ["n01"]


def test_sounds_whose_ending_is_in_capitals_count_and_those_of_a_mac_do_not(tmp_path):
    for part in dcase2014.PARTS.values():
        (tmp_path / part).mkdir()
        for name in ("bus01.WAV", "._bus01.wav"):
            (tmp_path / part / name).touch()
    listing = dcase2014.read(tmp_path)
    assert [row["path"] for row in listing.rows] == [f"{part}/bus01.WAV" for part in dcase2014.PARTS.values()]
    assert not listing.problems


def test_pictures_and_frames_of_sets_are_those_that_count(tmp_path):
    put(tmp_path, "00001.png", "._00001.png", "Thumbs.db")
    (tmp_path / "00002.txt").touch()
    assert pictures_of(tmp_path) == {"00001.png", "00002.txt"}
    assert list(frames_of(tmp_path)) == [1]
    assert not hmdb51.holds_lists(tmp_path)
