"""UCF101 as it is published: each quirk of its lists and names, and a tree that is not whole."""

import shutil

import pytest

from avssl.data import Videos
from avssl.data.sets.base import SetError
from avssl.data.sets.fixtures import ucf101 as fixture
from avssl.data.sets.ucf101 import CLIPS, SPLITS, read
from avssl.sampling import UniformClips


@pytest.fixture(scope="module")
def official(tmp_path_factory):
    root = tmp_path_factory.mktemp("ucf") / "data"
    fixture.write(root)
    return root


@pytest.fixture
def tree(official, tmp_path):
    """A copy of the official tree that a test may spoil."""
    return shutil.copytree(official, tmp_path / "data")


def row(listing, name):
    return next(row for row in listing.rows if name in row["path"])


def told(listing, kind):
    return [(problem.path, problem.about) for problem in listing.problems if problem.kind == kind]


def test_every_clip_is_listed_and_nothing_is_amiss_in_an_official_tree(official):
    listing = read(official)
    assert len(listing.rows) == 24 and not listing.problems and listing.media == "video"
    assert all((official / row["path"]).is_file() for row in listing.rows)


def test_lists_that_end_lines_as_on_windows_give_clean_names_and_splits(official):
    assert b"\r\n" in (official / "ucfTrainTestlist" / "trainlist01.txt").read_bytes()
    assert row(read(official), "v_Hammering_g08_c01.avi")["split"] == "train1 test2 train3"


def test_classes_keep_the_order_of_their_numbers_which_is_not_that_of_their_names(official):
    assert list(read(official).classes) == ["ApplyEyeMakeup", "HandstandPushups", "HammerThrow", "Hammering"]


def test_the_folder_tells_the_class_where_files_are_called_otherwise(official):
    odd = row(read(official), "v_HandStandPushups_g25_c02.avi")
    assert odd["label"] == "HandstandPushups" and odd["group"] == "HandstandPushups g25"
    assert odd["split"] == "train1 train2 test3"


def test_groups_of_two_classes_are_two_groups_and_no_group_is_on_both_sides(official):
    listing = read(official)
    assert len({row["group"] for row in listing.rows}) == 4 * 3
    for number in "123":
        sides = [
            {row["group"] for row in listing.rows if f"{side}{number}" in row["split"]} for side in ("train", "test")
        ]
        assert not sides[0] & sides[1]


def test_counts_stand_beside_the_published_ones(official):
    counts = {count.what: (count.found, count.published, count.tolerant) for count in read(official).counts}
    assert counts["clips"] == (24, CLIPS, False) and counts["classes"] == (4, 101, False)
    assert counts["train1 clips"] == (16, 9537, False) and counts["test3 clips"] == (8, 3696, False)
    assert {SPLITS[f"train{number}"] + SPLITS[f"test{number}"] for number in "123"} == {CLIPS}


def test_the_root_may_be_the_folder_of_classes_with_the_lists_beside_or_inside(tree):
    beside = read(tree / "UCF-101")
    assert len(beside.rows) == 24 and beside.rows[0]["path"].startswith("ApplyEyeMakeup/") and not beside.problems
    (tree / "ucfTrainTestlist").rename(tree / "UCF-101" / "ucfTrainTestlist")
    assert read(tree / "UCF-101").rows == beside.rows and not read(tree / "UCF-101").problems
    moved = (tree / "UCF-101" / "ucfTrainTestlist").rename(tree.parent / "lists")
    assert read(tree / "UCF-101", lists=moved).rows == beside.rows


def test_a_lost_clip_is_told_with_its_splits_and_a_new_one_stays_without_a_split(tree):
    folder = tree / "UCF-101" / "Hammering"
    (folder / "v_Hammering_g01_c01.avi").rename(folder / "mine.avi")
    listing = read(tree)
    assert told(listing, "missing") == [("UCF-101/Hammering/v_Hammering_g01_c01.avi", "listed in test1 train2 train3")]
    assert told(listing, "unlisted") == [("UCF-101/Hammering/mine.avi", "in no list")]
    assert told(listing, "odd") == [("UCF-101/Hammering/mine.avi", "its name tells no group")]
    assert row(listing, "mine.avi") == {
        "path": "UCF-101/Hammering/mine.avi", "split": "", "label": "Hammering", "group": ""
    }  # fmt: skip


def test_missing_empty_and_foreign_class_folders_are_told(tree):
    shutil.rmtree(tree / "UCF-101" / "Hammering")
    for clip in (tree / "UCF-101" / "HammerThrow").iterdir():
        clip.unlink()
    shutil.copytree(tree / "UCF-101" / "ApplyEyeMakeup", tree / "UCF-101" / "Foreign")
    listing = read(tree)
    assert told(listing, "odd") == [
        ("UCF-101/Foreign/", "no class of the set; left out"),
        ("UCF-101/HammerThrow/", "the class folder is empty"),
        ("UCF-101/Hammering/", "the class folder is missing"),
    ]
    assert len(listing.rows) == 12 and len(told(listing, "missing")) == 12


def test_hidden_files_and_other_files_are_no_clips(tree):
    for name in ("._v_Hammering_g01_c01.avi", "notes.txt"):
        (tree / "UCF-101" / "Hammering" / name).touch()
    assert len(read(tree).rows) == 24


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (
            lambda tree: tree / "UCF-101" / "Hammering",
            r"Hammering holds no ucfTrainTestlist/ .*Give .*UCF-101 instead",
        ),
        (lambda tree: tree.parent, r"holds no ucfTrainTestlist/ .*; it holds data/\. Give .*data instead"),
        (lambda tree: tree / "nowhere", r"nowhere does not exist; .*data holds UCF-101/, ucfTrainTestlist/"),
        (lambda tree: tree / "ucfTrainTestlist" / "classInd.txt", "classInd.txt is a file; give the folder"),
    ],
)
def test_a_wrong_root_is_answered_by_one_line_that_names_what_is_there(tree, spoil, complaint):
    with pytest.raises(SetError, match=complaint) as error:
        read(spoil(tree))
    assert "\n" not in str(error.value)


def test_an_archive_that_was_not_extracted_is_named(tree):
    shutil.rmtree(tree / "UCF-101")
    (tree / "UCF101.rar").touch()
    with pytest.raises(SetError, match=r"none of the 4 class folders, .* extract UCF101\.rar there"):
        read(tree)
    (tree / "ucfTrainTestlist").rename(tree / "gone")
    with pytest.raises(SetError, match=r"holds no ucfTrainTestlist/ .* Extract UCF101\.rar"):
        read(tree)


def test_lists_that_disagree_are_told_and_lists_that_make_no_sense_are_refused(tree):
    lists = tree / "ucfTrainTestlist"
    lines = (lists / "trainlist01.txt").read_text().splitlines()
    (lists / "trainlist01.txt").write_text("\n".join([lines[0].rpartition(" ")[0] + " 3", *lines[1:]]))
    (lists / "testlist03.txt").unlink()
    listing = read(tree)
    assert [path for path, _ in told(listing, "odd")] == ["trainlist01.txt"]
    assert told(listing, "missing") == [("testlist03.txt", "the list of test3")]
    (lists / "classInd.txt").write_text("0 ApplyEyeMakeup\r\n1 Hammering\r\n")
    with pytest.raises(SetError, match=r"classInd\.txt: numbers should go from 1 to 2"):
        read(tree)
    (lists / "classInd.txt").write_text("ApplyEyeMakeup\r\n")
    with pytest.raises(SetError, match="should be a number and a name"):
        read(tree)


def test_the_manifest_is_read_end_to_end(tree):
    from avssl.data.sets.prepare import prepare

    prepare(read, "", ["--root", str(tree), "--check", "none"])
    test = Videos(source=tree / "manifest.csv", split="test1", sampler=UniformClips(frames=2), size=(16, 16))
    assert len(test) == 8 and test.classes == sorted(fixture.CLASSES.values())
    item = test[0]
    assert item["frames"].shape == (1, 2, 3, 16, 16) and item["group"] == "ApplyEyeMakeup g01" and item["label"] == 0
