"""VOC's reader on a tiny official tree with all its quirks."""

import math
import shutil

import pytest

from avssl.data import Pictures
from avssl.data.boxes import read_boxes
from avssl.data.scenes import Scenes
from avssl.data.sets import voc
from avssl.data.sets.base import SetError
from avssl.data.sets.fixtures.voc import write
from avssl.data.sets.manifests import write_manifest
from avssl.data.sets.prepare import prepare


@pytest.fixture
def root(tmp_path):
    write(tmp_path)
    return tmp_path


def rows_of(listing):
    return {row["path"].rpartition("/")[2].removesuffix(".jpg"): row for row in listing.rows}


def told(listing):
    return {(problem.kind, problem.path.rpartition("/")[2]) for problem in listing.problems}


def test_pictures_know_their_splits_of_both_years(root):
    rows = rows_of(voc.read(root))
    assert rows["000012"]["path"] == "VOCdevkit/VOC2007/JPEGImages/000012.jpg"
    assert rows["000012"]["split"].split() == [
        "train2007", "trainval2007", "segtrain2007", "segtrainval2007", "trainval0712",
    ]  # fmt: skip
    assert rows["000001"]["split"] == "test2007"
    assert "trainval0712" in rows["2008_000008"]["split"].split()


def test_one_year_alone_has_no_joined_split(root):
    rows = rows_of(voc.read(root, years=[2007]))
    assert set(rows) == {"000012", "000005", "000007", "000001", "000002"}
    assert not any("0712" in row["split"] for row in rows.values())


def test_boxes_become_edges_and_a_box_of_one_pixel_is_one_wide(root):
    rows = rows_of(voc.read(root))
    whole, pixel = read_boxes(rows["000012"]["boxes"])
    assert whole.edges == (-0.5, -0.5, 59.5, 39.5)
    assert pixel.edges == (3.5, 4.5, 4.5, 5.5)


def test_coordinates_with_decimals_and_missing_flags_are_read(root):
    (plane,) = read_boxes(rows_of(voc.read(root))["2007_000032"]["boxes"])
    assert plane.edges == pytest.approx((44.2, 0.5, 59.5, 20.0), abs=1e-3) and not plane.ignored


def test_difficult_objects_are_to_be_ignored_and_so_is_a_class_that_is_always_difficult(root):
    rows = rows_of(voc.read(root))
    assert [box.ignored for box in read_boxes(rows["000005"]["boxes"])] == [True, False]
    assert rows["000005"]["labels"] == "chair"  # one of them is not difficult
    assert rows["000007"]["labels"] == "?dog"
    assert rows["000001"]["labels"] == "dog | person"


def test_a_persons_parts_are_no_objects_and_do_not_give_it_their_box(root):
    horse, person = read_boxes(rows_of(voc.read(root))["2008_000008"]["boxes"])
    assert (horse.name, person.name) == ("horse", "person")
    assert person.edges == (8.5, 0.5, 29.5, 29.5)


def test_what_is_missing_is_told_but_not_what_nobody_was_given(root):
    listing = voc.read(root)
    assert told(listing) == {("unlabelled", "000002.xml")}
    assert rows_of(listing)["2008_000006"]["boxes"] == ""
    (root / "VOCdevkit/VOC2007/JPEGImages/000005.jpg").unlink()
    (root / "VOCdevkit/VOC2007/SegmentationClass/000012.png").unlink()
    (root / "VOCdevkit/VOC2007/ImageSets/Main/dog_val.txt").unlink()
    listing = voc.read(root)
    assert told(listing) >= {("missing", "000005.jpg"), ("missing", "000012.png"), ("missing", "dog_val.txt")}
    assert "000005" not in rows_of(listing)


def test_an_annotation_that_makes_no_sense_is_told_and_the_rest_is_kept(root):
    path = root / "VOCdevkit/VOC2007/Annotations/000001.xml"
    path.write_text(path.read_text().replace("<xmax>20</xmax>", "<xmax>1</xmax>"))
    listing = voc.read(root)
    assert ("odd", "000001.xml") in told(listing)
    assert [box.name for box in read_boxes(rows_of(listing)["000001"]["boxes"])] == ["person"]
    path.write_text("<annotation><object>")
    assert ("unlabelled", "000001.xml") in told(voc.read(root))


def test_counts_stand_beside_the_published_ones(root):
    counts = {count.what: (count.found, count.published) for count in voc.read(root).counts}
    assert counts["trainval2007 pictures"] == (3, 5011) and counts["test2007 pictures"] == (2, 4952)
    assert counts["trainval2012 pictures"] == (2, 11540)
    assert counts["segtrain2012 pictures"] == (1, 1464)
    assert counts["trainval2007 objects that are not difficult"] == (3, 12608)


def test_the_devkit_itself_may_be_the_root(root):
    row = voc.read(root / "VOCdevkit").rows[0]
    assert row["path"].startswith("VOC2007/JPEGImages/")


def test_a_tree_that_is_none_is_told_in_one_line(root, tmp_path):
    with pytest.raises(SetError, match="nothing does not exist"):
        voc.read(tmp_path / "nothing")
    with pytest.raises(SetError, match=r"VOC2007 holds no VOCdevkit, .*Give .*/VOCdevkit instead"):
        voc.read(root / "VOCdevkit" / "VOC2007")
    shutil.rmtree(root / "VOCdevkit/VOC2012")
    with pytest.raises(SetError, match="has no folder VOC2012; extract VOCtrainval"):
        voc.read(root, years=[2007, 2012])
    shutil.rmtree(root / "VOCdevkit/VOC2007/JPEGImages")
    with pytest.raises(SetError, match="has no folder JPEGImages; the archive was not extracted whole"):
        voc.read(root)


def test_the_command_writes_a_manifest_for_scenes_and_for_pictures(root, tmp_path, capsys):
    out = tmp_path / "elsewhere"
    assert prepare(voc.read, voc.__doc__, ["--root", str(root), "--out", str(out), "--workers", "0"]) == 1
    assert "test2007 pictures" in capsys.readouterr().out  # fewer than published
    assert len(Scenes(out, split="trainval0712")) == 5
    pictures = Pictures(out / "manifest.csv", split="val2007")
    dog = pictures.classes.index("dog")
    assert [math.isnan(pictures[index]["labels"][dog]) for index in range(2)] == [False, True]


def test_masks_are_the_numbers_behind_the_palette(root):
    write_manifest(voc.read(root).rows, root, root)
    scenes = Scenes(root, split="segtrain2012")
    item = scenes[0]
    assert sorted(set(item["mask"].flatten().tolist())) == [0, 1, 255]
    assert scenes.classes == sorted({"car", "person", "chair", "dog", "aeroplane", "horse"})
    assert [scenes.classes[kind] for kind in item["kinds"]] == ["aeroplane"]
