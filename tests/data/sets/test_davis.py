import numpy as np
import pytest
from PIL import Image

from avssl.data import Videos
from avssl.data.sets import davis
from avssl.data.sets.base import SetError
from avssl.data.sets.fixtures.davis import GONE, SEQUENCES, UNLISTED, masks_of, write
from avssl.data.sets.prepare import prepare
from avssl.sampling import Consecutive


@pytest.fixture
def root(tmp_path):
    write(tmp_path / "DAVIS")
    return tmp_path / "DAVIS"


def told(listing):
    return [(problem.kind, problem.path.split("/")[-1], problem.about) for problem in listing.problems]


def test_sequences_have_their_split_and_their_masks(root):
    listing = davis.read(root)
    rows = {row["path"].split("/")[-1]: row for row in listing.rows}
    assert set(rows) == {*SEQUENCES, UNLISTED} and listing.media == "frames"
    assert rows["bike-packing"] == {
        "path": "JPEGImages/480p/bike-packing",
        "split": "val",
        "masks": "Annotations/480p/bike-packing",
        "frames": "4",
    }
    counts = {count.what: (count.found, count.published) for count in listing.counts}
    assert counts["val sequences"] == (3, 30) and counts["train frames"] == (3, None)
    assert counts["test-dev sequences"] == (1, 30) and "test-challenge sequences" not in counts


def test_what_is_amiss_is_told_and_the_truth_of_test_sets_is_not_missed(root):
    (root / "Annotations/480p/bike-packing/00002.png").unlink()
    (root / "JPEGImages/480p/bear/00002.jpg").unlink()
    assert told(davis.read(root)) == [
        ("odd", "bear", "1 masks without a frame, such as 00002"),
        ("unlabelled", "bike-packing", "1 of 4 frames have no mask, such as 00002"),
        ("missing", GONE, "listed in val, no frames"),
        ("unlisted", UNLISTED, "in no list"),
    ]


def test_videos_read_the_prepared_tree_with_masks_as_they_are(root, tmp_path):
    assert (
        prepare(davis.read, davis.__doc__, ["--root", str(root), "--out", str(tmp_path / "out"), "--workers", "0"]) == 1
    )
    videos = Videos(tmp_path / "out", Consecutive(), split="val", masks=True)
    item = videos[0]
    assert item["path"].endswith("bike-packing") and item["frames"].shape == (1, 4, 3, 48, 64)
    assert (item["masks"][0].numpy() == masks_of(4, 2)).all() and 255 in item["masks"]
    (test,) = Videos(tmp_path / "out", Consecutive(), split="test-dev", masks=True)
    assert (test["masks"][0, 0].numpy() == masks_of(3, 2)[0]).all() and (test["masks"][0, 1:] == 255).all()


def test_masks_in_colours_are_refused(root, tmp_path):
    prepare(davis.read, davis.__doc__, ["--root", str(root), "--out", str(tmp_path / "out"), "--workers", "0"])
    Image.fromarray(np.zeros((48, 64, 3), np.uint8)).save(root / "Annotations/480p/bear/00001.png")
    with pytest.raises(ValueError, match=r"00001.png: a mask of mode RGB"):
        Videos(tmp_path / "out", Consecutive(), split="train", masks=True)[0]


def test_a_wrong_root_is_answered_with_what_is_needed(root, tmp_path):
    with pytest.raises(SetError, match=r"holds no JPEGImages/480p, .*it holds DAVIS/"):
        davis.read(tmp_path)
    with pytest.raises(SetError, match="holds no JPEGImages/Full-Resolution"):
        davis.read(root, resolution="Full-Resolution")
    for path in (root / "ImageSets/2017").iterdir():
        path.unlink()
    with pytest.raises(SetError, match=r"holds no train.txt, val.txt or test-dev.txt"):
        davis.read(root)
