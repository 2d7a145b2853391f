import numpy as np
import pytest

from avssl.data import Videos
from avssl.data.sets import got10k
from avssl.data.sets.base import SetError
from avssl.data.sets.fixtures.got10k import HIDDEN, NAMES, write
from avssl.data.sets.prepare import prepare
from avssl.sampling import Consecutive


@pytest.fixture
def root(tmp_path):
    write(tmp_path / "GOT")
    return tmp_path / "GOT"


def test_videos_have_their_split_their_class_and_their_boxes(root):
    listing = got10k.read(root)
    assert not listing.problems and [row["split"] for row in listing.rows] == ["train", "val", "val", "test"]
    row = listing.rows[1]
    assert row == {
        "path": "val/GOT-10k_Val_000001",
        "split": "val",
        "label": "dog",
        "track": "val/GOT-10k_Val_000001/groundtruth.txt",
        "cover": "val/GOT-10k_Val_000001/cover.label",
        "frames": "4",
    }
    assert [(count.what, count.found, count.published) for count in listing.counts] == [
        ("train videos", 1, 9335),
        ("val videos", 2, 180),
        ("test videos", 1, 180),
    ]


def test_frames_without_the_thing_are_unknown_and_of_test_videos_all_but_the_first(root, tmp_path):
    prepare(got10k.read, got10k.__doc__, ["--root", str(root), "--out", str(tmp_path / "out"), "--workers", "0"])
    boxes = Videos(tmp_path / "out", Consecutive(), split="val", tracks=True)[0]["boxes"][0].numpy()
    assert np.isnan(boxes[HIDDEN]).all() and boxes[3].tolist() == [10, 6, 22, 16]
    test = Videos(tmp_path / "out", Consecutive(), split="test", tracks=True)[0]["boxes"][0].numpy()
    assert test[0].tolist() == [4, 6, 16, 16] and np.isnan(test[1:]).all()


def test_what_does_not_fit_is_told_and_a_wrong_root_refused(root):
    val = root / "val" / NAMES["val"][0]
    (val / "groundtruth.txt").write_text("1,2,3,4\n")
    (root / "train" / NAMES["train"][0] / "cover.label").write_text("8\n")
    (root / "val/list.txt").write_text(f"{val.name}\nGOT-10k_Val_000009\n")
    problems = {one.path: (one.kind, one.about) for one in got10k.read(root).problems}
    assert problems[f"val/{val.name}"] == ("unlabelled", "1 boxes for 4 frames")
    assert problems["val/GOT-10k_Val_000009"] == ("missing", "listed in val, no frames")
    assert problems["val/GOT-10k_Val_000002"] == ("unlisted", "not in val/list.txt")
    assert problems["train/GOT-10k_Train_000001"] == ("unlabelled", "1 lines in cover.label for 4 frames")
    with pytest.raises(SetError, match=r"holds no train/list.txt, val/list.txt"):
        got10k.read(root / "val")
