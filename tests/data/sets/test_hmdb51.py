"""HMDB51 as it is published: zeros, blanks, odd names, archives in archives."""

import shutil

import pytest

from avssl.data import Videos
from avssl.data.sets.base import SetError
from avssl.data.sets.fixtures import hmdb51 as fixture
from avssl.data.sets.hmdb51 import CLIPS, SPLITS, read, source_of
from avssl.data.sets.prepare import prepare
from avssl.sampling import UniformClips


@pytest.fixture(scope="module")
def official(tmp_path_factory):
    root = tmp_path_factory.mktemp("hmdb") / "data"
    fixture.write(root)
    return root


@pytest.fixture
def tree(official, tmp_path):
    """A copy of the official tree that a test may spoil."""
    return shutil.copytree(official, tmp_path / "data")


def told(listing, kind):
    return [(problem.path, problem.about) for problem in listing.problems if problem.kind == kind]


def test_every_clip_is_listed_once_with_classes_in_the_order_of_their_names(official):
    listing = read(official)
    assert len({row["path"] for row in listing.rows}) == len(listing.rows) == 9 and not listing.problems
    assert list(listing.classes) == ["brush_hair", "catch", "climb_stairs"]


def test_a_zero_leaves_a_clip_out_of_a_split_but_not_out_of_the_set(official):
    splits = {row["path"]: row["split"] for row in read(official).rows}
    assert splits["catch/RATRACE_catch_u_nm_np1_fr_med_7.avi"] == ""
    assert splits["climb_stairs/RATRACE_climb_stairs_f_cm_np1_ba_med_12.avi"] == "train2"
    assert splits["brush_hair/April_09_brush_hair_u_nm_np1_ba_goo_0.avi"] == "train1 test2 train3"


def test_names_with_odd_signs_and_lines_that_end_with_a_blank_are_found(official):
    assert (official / "testTrainMulti_7030_splits" / "catch_test_split1.txt").read_text().startswith("Goal")
    names = " ".join(row["path"] for row in read(official).rows)
    assert all(sign in names for sign in "#()[]!;&~@+-")


@pytest.mark.parametrize(
    ("file", "name", "source"),
    [
        ("April_09_brush_hair_u_nm_np1_ba_goo_0.avi", "brush_hair", "April_09"),
        ("climb_the_stairs_climb_climb_f_cm_np1_ri_bad_10.avi", "climb", "climb_the_stairs_climb"),
        ("Rad___;-)&Co._kick_ball_f_cm_np1_ri_bad_1.avi", "kick_ball", "Rad___;-)&Co."),
        ("mine.avi", "kick", ""),
    ],
)
def test_the_group_is_the_film_that_a_clip_was_cut_from(file, name, source):
    assert source_of(file, name) == source


def test_one_film_is_one_group_in_every_class(official):
    films = [row["path"].split("/")[0] for row in read(official).rows if row["group"] == "RATRACE"]
    assert films == ["brush_hair", "catch", "climb_stairs"]


def test_counts_stand_beside_the_published_ones(official):
    counts = {count.what: (count.found, count.published) for count in read(official).counts}
    assert counts["clips"] == (9, 6766) and counts["classes"] == (3, 51) and counts["train1 clips"] == (4, 3570)
    assert CLIPS == 6766 and SPLITS["train2"] == 51 * 70 and SPLITS["test2"] == 51 * 30


def test_a_class_that_is_still_packed_is_named(tree):
    shutil.rmtree(tree / "catch")
    (tree / "catch.rar").touch()
    listing = read(tree)
    assert told(listing, "odd") == [("catch/", "the class folder is missing; catch.rar is still packed")]
    assert len(told(listing, "missing")) == 3 and ("train1" in told(listing, "missing")[0][1])


def test_where_all_classes_are_still_packed_one_line_says_so(tree):
    for name in fixture.CLIPS:
        shutil.rmtree(tree / name)
        (tree / f"{name}.rar").touch()
    complaint = r"none of the 3 class folders, such as brush_hair/; extract brush_hair.rar, catch.rar, climb_stairs.rar"
    with pytest.raises(SetError, match=complaint):
        read(tree)
    for name in fixture.CLIPS:
        (tree / f"{name}.rar").unlink()
    (tree / "hmdb51_org.rar").touch()
    with pytest.raises(SetError, match=r"extract hmdb51_org\.rar there"):
        read(tree)


def test_a_line_that_makes_no_sense_and_a_lost_list_are_told(tree):
    lists = tree / "testTrainMulti_7030_splits"
    with open(lists / "catch_test_split1.txt", "a") as file:
        file.write("clip.avi 7 \n\n")
    (lists / "brush_hair_test_split2.txt").unlink()
    listing = read(tree)
    assert told(listing, "odd") == [("catch_test_split1.txt", "'clip.avi 7' should end in 0, 1 or 2")]
    assert told(listing, "missing") == [("brush_hair_test_split2.txt", "the list of a split")]


def test_without_the_lists_one_line_says_what_is_needed(tree):
    shutil.rmtree(tree / "testTrainMulti_7030_splits")
    with pytest.raises(SetError, match=r"no testTrainMulti_7030_splits/ with brush_hair_test_split1\.txt and so on"):
        read(tree)


def test_the_manifest_is_read_end_to_end(tree):
    prepare(read, "", ["--root", str(tree), "--check", "none"])
    train = Videos(source=tree, split="train1", sampler=UniformClips(frames=2), size=(16, 16))
    assert len(train) == 4 and train.classes == ["brush_hair", "catch", "climb_stairs"]
    items = [train[index] for index in range(4)]
    assert [item["label"] for item in items] == [0, 0, 1, 2] and items[0]["group"] == "April_09"
    everything = Videos(source=tree, sampler=UniformClips(frames=2), size=(16, 16))
    assert len(everything) == 9 and all(everything[index]["frames"].shape == (1, 2, 3, 16, 16) for index in range(9))
