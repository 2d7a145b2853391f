import pytest

from avssl.data import Videos
from avssl.data.sets import vip
from avssl.data.sets.base import SetError
from avssl.data.sets.fixtures.vip import VIDEOS, classes_of, write
from avssl.data.sets.prepare import prepare
from avssl.sampling import Consecutive


@pytest.fixture
def root(tmp_path):
    write(tmp_path / "VIP")
    return tmp_path / "VIP"


def test_videos_have_their_split_and_the_folder_of_class_numbers(root):
    listing = vip.read(root)
    rows = {row["path"].split("/")[-1]: row for row in listing.rows}
    assert set(rows) == set(VIDEOS) and rows["videos3"]["masks"] == "Annotations/Category_ids/videos3"
    assert rows["videos10"]["split"] == "val" and rows["videos7"]["masks"] == "" and not listing.problems
    counts = {count.what: (count.found, count.published) for count in listing.counts}
    assert counts == {"train videos": (1, 304), "val videos": (2, 50), "test videos": (1, 50)}


def test_videos_read_the_prepared_tree_with_classes_as_they_are(root, tmp_path):
    assert prepare(vip.read, vip.__doc__, ["--root", str(root), "--out", str(tmp_path / "out"), "--workers", "0"]) == 1
    item = Videos(tmp_path / "out", Consecutive(), split="val", masks=True)[0]
    assert item["path"].endswith("videos10") and item["frames"].shape == (1, 3, 3, 60, 40)
    assert all((item["masks"][0, time].numpy() == classes_of(time)).all() for time in range(3))


def test_a_video_without_its_masks_is_told_and_a_wrong_root_refused(root, tmp_path):
    (root / "Annotations/Category_ids/videos3/000000000026.png").unlink()
    (problem,) = vip.read(root).problems
    assert problem.kind == "unlabelled" and problem.about == "1 of 2 frames have no mask, such as 000000000026"
    with pytest.raises(SetError, match="holds no Images, Annotations/Category_ids, lists"):
        vip.read(tmp_path)
    for path in (root / "lists").iterdir():
        path.unlink()
    with pytest.raises(SetError, match=r"holds no val_videos.txt; it holds nothing"):
        vip.read(root)
