"""Folders as data sets lie in them: what is listed, in which order, and what is said of a wrong one."""

import pytest

from avssl.data.sets.base import SetError
from avssl.data.sets.trees import check_folder, check_root
from avssl.files import names_in

VIDEOS = frozenset({".mp4", ".avi"})


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def test_media_are_listed_in_order_as_deep_as_asked_for(tmp_path):
    touch(tmp_path, "b/2.MP4", "b/1.avi", "a.mp4", "b/c/3.mp4", "b/notes.txt", "._a.mp4", ".hidden/4.mp4")
    assert list(names_in(tmp_path, VIDEOS, depth=0)) == ["a.mp4"]
    assert list(names_in(tmp_path, VIDEOS, 1)) == ["a.mp4", "b/1.avi", "b/2.MP4"]
    assert list(names_in(tmp_path, VIDEOS, 2)) == ["a.mp4", "b/1.avi", "b/2.MP4", "b/c/3.mp4"]


def test_links_to_files_are_followed_and_links_to_nothing_are_listed_to_be_complained_of(tmp_path):
    touch(tmp_path, "store/a.mp4")
    (tmp_path / "class").mkdir()
    (tmp_path / "class" / "a.mp4").symlink_to(tmp_path / "store" / "a.mp4")
    (tmp_path / "class" / "b.mp4").symlink_to(tmp_path / "store" / "gone.mp4")
    assert list(names_in(tmp_path / "class", VIDEOS)) == ["a.mp4", "b.mp4"]


def test_a_folder_that_is_not_there_is_answered_with_what_is_nearest(tmp_path):
    touch(tmp_path, "UCF-101/x", "other.txt")
    with pytest.raises(SetError, match=r"UCF101/videos does not exist; .* holds UCF-101/, other\.txt"):
        check_folder(tmp_path / "UCF101" / "videos")
    with pytest.raises(SetError, match="is an archive; extract it"):
        check_folder(touch(tmp_path, "a.tar.gz") / "a.tar.gz")


def test_a_wrong_root_names_the_right_one_above_or_below_it(tmp_path):
    def fits(folder):
        return (folder / "list.txt").is_file()

    touch(tmp_path, "set/list.txt", "set/train/a.mp4")
    for wrong in (tmp_path, tmp_path / "set" / "train"):
        with pytest.raises(SetError, match=r"holds no list.txt; it holds .*\. Give .*/set instead"):
            check_root(wrong, fits, "list.txt")
    assert check_root(tmp_path / "set", fits, "list.txt") == tmp_path / "set"


def test_an_empty_root_is_said_to_hold_nothing(tmp_path):
    with pytest.raises(SetError, match=r"it holds nothing$"):
        check_root(tmp_path, lambda folder: False, "list.txt")
