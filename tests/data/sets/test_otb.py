import numpy as np
import pytest

from avssl.data import Videos
from avssl.data.sets import otb
from avssl.data.sets.base import SetError
from avssl.data.sets.fixtures.otb import CUT, FRAMES, boxes_of, write
from avssl.data.sets.prepare import prepare
from avssl.sampling import Consecutive


@pytest.fixture
def root(tmp_path):
    write(tmp_path / "OTB")
    return tmp_path / "OTB"


def edges(boxes):
    return np.concatenate([boxes[:, :2] - 1, boxes[:, :2] - 1 + boxes[:, 2:]], 1)


def test_each_target_is_a_row_with_its_splits_and_an_empty_file_is_told(root):
    listing = otb.read(root)
    rows = {row["target"]: row for row in listing.rows}
    assert set(rows) == {"Basketball", "Deer", "Jogging.1", "Jogging.2", "Human4", "Football1"}
    assert rows["Jogging.2"]["track"] == "Jogging/groundtruth_rect.2.txt" and rows["Jogging.2"]["group"] == "Jogging"
    assert rows["Human4"]["track"] == "Human4/groundtruth_rect.2.txt" and rows["Human4"]["split"] == "otb100 otb50"
    assert rows["Deer"]["split"] == "otb100 otb50 otb2013" and rows["Jogging.1"]["split"] == "otb100 otb2013"
    ((kind, path),) = [(one.kind, one.path) for one in listing.problems]
    assert (kind, path) == ("odd", "Human4/groundtruth_rect.1.txt")
    assert (listing.counts[0].what, listing.counts[0].found, listing.counts[0].published) == ("otb100 targets", 6, 100)


def test_boxes_of_all_separators_are_edges_counted_from_zero(root, tmp_path):
    prepare(otb.read, otb.__doc__, ["--root", str(root), "--out", str(tmp_path / "out"), "--workers", "0"])
    videos = Videos(tmp_path / "out", Consecutive(), tracks=True)
    for item in (videos[index] for index in range(len(videos))):
        count = CUT if "Football1" in item["path"] else FRAMES
        assert item["boxes"].shape == (1, count, 4) and item["frames"].shape[1] == count
        assert (item["boxes"][0].numpy() == edges(boxes_of(count))).all()


def test_boxes_that_begin_later_are_those_of_later_frames(root, tmp_path, monkeypatch):
    assert otb.PARTS["David"] == (300, 770)
    monkeypatch.setitem(otb.PARTS, "Deer", (2, 3))
    (root / "Deer/groundtruth_rect.txt").write_text("5,5,10,10\n7,5,10,10\n")
    prepare(otb.read, otb.__doc__, ["--root", str(root), "--out", str(tmp_path / "out"), "--workers", "0"])
    videos = Videos(tmp_path / "out", Consecutive(), split="otb2013", tracks=True)
    (item,) = [videos[index] for index in range(len(videos)) if "Deer" in videos[index]["path"]]
    assert item["index"].tolist() == [[1, 2]] and item["boxes"][0].tolist() == [[4, 4, 14, 14], [6, 4, 16, 14]]


def test_boxes_come_in_pixels_of_the_returned_frames(root, tmp_path):
    prepare(otb.read, otb.__doc__, ["--root", str(root), "--out", str(tmp_path / "out"), "--workers", "0"])
    item = Videos(tmp_path / "out", Consecutive(), split="otb50", size=(24, 64), tracks=True)[0]
    assert (item["boxes"][0].numpy() == edges(boxes_of(FRAMES)) * [1, 0.5, 1, 0.5]).all()


def test_what_does_not_fit_is_told_and_a_wrong_root_refused(root, tmp_path):
    (root / "Deer/groundtruth_rect.txt").write_text("1,2,3,4\n1,2,3,4\n")
    (root / "Basketball/groundtruth_rect.txt").write_text("1,2,3\n")
    problems = {one.path: one.about for one in otb.read(root).problems}
    assert problems["Deer/groundtruth_rect.txt"] == "2 boxes for 4 frames"
    assert problems["Basketball/groundtruth_rect.txt"].endswith("line 1: '1,2,3' should be 4 numbers")
    with pytest.raises(SetError, match=r"holds no folders with img and groundtruth_rect.txt"):
        otb.read(root / "Deer")


def test_a_recording_without_boxes_is_answered_in_one_line(root, tmp_path):
    (tmp_path / "manifest.csv").write_text(f"path\n{root / 'Deer/img'}\n")
    with pytest.raises(ValueError, match=r"img has no track; give its manifest a column track"):
        Videos(tmp_path / "manifest.csv", Consecutive(), tracks=True)[0]
