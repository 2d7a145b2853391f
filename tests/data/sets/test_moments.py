"""Moments in Time as it is published: categories from 0, tables without a header, blanks written as +."""

import shutil

import pytest

from avssl.data import Videos
from avssl.data.sets.base import SetError
from avssl.data.sets.fixtures import moments as fixture
from avssl.data.sets.moments import read
from avssl.data.sets.prepare import prepare
from avssl.sampling import UniformClips


@pytest.fixture(scope="module")
def official(tmp_path_factory):
    root = tmp_path_factory.mktemp("moments") / "data"
    fixture.write(root)
    return root


@pytest.fixture
def tree(official, tmp_path):
    """A copy of the official tree that a test may spoil."""
    return shutil.copytree(official, tmp_path / "data")


def told(listing, kind):
    return [(problem.path, problem.about) for problem in listing.problems if problem.kind == kind]


def test_a_plus_in_a_class_is_a_blank_and_classes_keep_the_order_of_their_numbers(official):
    listing = read(official)
    assert not listing.problems and list(listing.classes) == ["clapping", "playing music", "adult female speaking"]
    assert {row["label"] for row in listing.rows} == set(listing.classes)


def test_a_table_without_a_header_gives_the_votes_also_of_names_with_commas(official):
    rows = {row["path"]: row for row in read(official).rows}
    assert rows["validation/clapping/vine-a,b_1.mp4"]["yes"] == "3"
    first = rows["training/clapping/yt-5of6ffo6-Bw_12.mp4"]
    assert (first["split"], first["yes"], first["no"], first["group"]) == ("train", "4", "1", "yt-5of6ffo6-Bw")


def test_the_number_of_classes_tells_the_edition(official, tree):
    counts = {count.what: (count.found, count.published) for count in read(official).counts}
    assert counts == {"train videos": (4, 727305), "val videos": (3, 30500), "classes": (3, 305)}
    more = [*fixture.CLASSES, *(f"action{number}" for number in range(336))]
    (tree / "moments_categories.txt").write_text("".join(f"{name},{number}\n" for number, name in enumerate(more)))
    assert [count.published for count in read(tree).counts] == [802264, 33900, 339]


def test_lost_new_and_mislabelled_videos_are_told(tree):
    (tree / "training" / "clapping" / "yt-5of6ffo6-Bw_12.mp4").rename(tree / "training" / "clapping" / "new_1.mp4")
    table = tree / "validationSet.csv"
    table.write_text(table.read_text().replace("meta-7_1.mp4,adult+female+speaking", "meta-7_1.mp4,clapping") + "x,y\n")
    listing = read(tree)
    assert told(listing, "missing") == [("training/clapping/yt-5of6ffo6-Bw_12.mp4", "listed")]
    assert told(listing, "unlisted") == [("training/clapping/new_1.mp4", "in no table")]
    assert told(listing, "odd") == [
        ("validationSet.csv", "'x,y' should be file, label and two numbers"),
        ("validation/adult+female+speaking/meta-7_1.mp4", "listed as 'clapping'; the folder counts"),
    ]
    assert next(row for row in listing.rows if "new_1" in row["path"])["split"] == ""


def test_a_split_that_is_not_there_is_told_in_one_line(tree):
    shutil.rmtree(tree / "training")
    listing = read(tree)
    assert told(listing, "missing") == [("training/", "no such folder, so none of 4 listed videos")]
    assert len(listing.rows) == 3


def test_a_wrong_root_or_wrong_categories_are_answered_in_one_line(tree):
    with pytest.raises(SetError, match=r"holds no moments_categories\.txt; it holds data/\. Give .*data instead"):
        read(tree.parent)
    with pytest.raises(SetError, match=r"holds no moments_categories\.txt; .* Give .*data instead"):
        read(tree / "training")
    (tree / "moments_categories.txt").write_text("clapping,1\nplaying+music,2\n")
    with pytest.raises(SetError, match="should be a name and a number, such as 'clapping,0', from 0 without a gap"):
        read(tree)


def test_the_manifest_is_read_end_to_end(tree):
    prepare(read, "", ["--root", str(tree), "--check", "none"])
    held_out = Videos(source=tree, split="val", sampler=UniformClips(frames=2), size=(16, 16))
    assert len(held_out) == 3 and held_out.classes == ["adult female speaking", "clapping", "playing music"]
    items = [held_out[index] for index in range(3)]
    assert [(item["label"], item["group"]) for item in items] == [(1, "vine-a,b"), (2, "giphy-xyz"), (0, "meta-7")]
