import shutil

import numpy as np
import pytest
from scipy.io import savemat

from avssl.data import Videos
from avssl.data.sets.base import SetError
from avssl.data.sets.fixtures import jhmdb as tree
from avssl.data.sets.jhmdb import export, read, write_keypoints
from avssl.data.sets.prepare import prepare
from avssl.sampling import Consecutive

FOUR, THREE, FIVE, ONE, UNLABELLED, GONE = (f"{name}/{clip}" for name, clip in tree.CLIPS)


@pytest.fixture(scope="module")
def trees(tmp_path_factory):
    root = tmp_path_factory.mktemp("jhmdb")
    tree.write(root / "JHMDB")
    return root


@pytest.fixture
def root(trees, tmp_path):
    """Return a copy of the tree that a test may break."""
    return shutil.copytree(trees / "JHMDB", tmp_path / "JHMDB")


def stored(root, clip):
    with np.load(root / "keypoints" / f"{clip}.npz") as file:
        return file["keypoints"], file["visible"]


def test_clips_have_class_film_and_the_sides_of_three_splits(trees):
    listing = read(trees / "JHMDB")
    rows = {row["path"].removeprefix("Rename_Images/"): row for row in listing.rows}
    assert set(rows) == {FOUR, THREE, FIVE, ONE, UNLABELLED}
    assert rows[FOUR]["split"] == "train1 test2 train3" and rows[ONE]["split"] == "train1 test2 test3"
    assert rows[FIVE]["group"] == rows[ONE]["group"] == "Goalkeeper_(1)" != rows[FOUR]["group"]
    assert listing.classes == ["brush_hair", "catch"] and listing.media == "frames"
    found = {count.what: (count.found, count.published) for count in listing.counts}
    assert found["clips"] == (5, 928) and found["train1 clips"] == (3, 660) and found["test1 clips"] == (2, 268)


def test_what_is_amiss_is_told(root):
    shutil.copytree(root / "Rename_Images" / ONE, root / "Rename_Images" / "catch" / "Other_catch_f_cm_np1_ri_med_0")
    told = [(problem.kind, problem.path.split("/")[-1][:9], problem.about) for problem in read(root).problems]
    assert told == [
        ("unlisted", "Other_cat", "in no split"),
        ("unlabelled", "Other_cat", "no joint_positions.mat"),
        ("unlabelled", "Unlabelle", "no joint_positions.mat"),
        ("missing", "Gone_catc", "listed, no frames"),
    ]


def test_key_points_are_written_for_the_frames_that_there_are(root):
    problems = write_keypoints(root, root / "keypoints")
    points, visible = stored(root, FOUR)
    assert points.shape == (4, 15, 2) and points.dtype == np.float32 and visible.shape == (4, 15)
    for frame in range(4):
        np.testing.assert_allclose(points[frame], tree.joints(FOUR.split("/")[1], frame), rtol=1e-6)
    assert stored(root, THREE)[0].shape == (3, 15, 2) and stored(root, ONE)[0].shape == (1, 15, 2)
    points, visible = stored(root, FIVE)
    assert np.isnan(points[4]).all() and not visible[4].any() and np.isfinite(points[:4]).all()
    assert sorted((problem.kind, problem.about) for problem in problems) == [
        ("odd", "5 frames, joints for 4"),
        ("short", "3 frames, joints for 5"),
    ]


def test_joints_outside_of_the_picture_keep_their_place_and_are_not_visible(root):
    write_keypoints(root, root / "keypoints")
    points, visible = stored(root, FIVE)
    outside = points[..., 0] > tree.SIZE[0] - 0.5
    assert outside[3].any() and not visible[outside].any() and visible[0].any()


def test_a_frame_that_is_missing_in_the_middle_shifts_no_joints(root):
    (root / "Rename_Images" / FOUR / "00002.png").unlink()
    write_keypoints(root, root / "keypoints")
    points, _ = stored(root, FOUR)
    for place, frame in enumerate((0, 2, 3)):
        np.testing.assert_allclose(points[place], tree.joints(FOUR.split("/")[1], frame), rtol=1e-6)


def test_a_tree_that_is_extracted_further_gets_its_joints_the_next_time(root, trees):
    late = root / "Rename_Images" / FOUR
    for frame in ("00003.png", "00004.png"):
        (late / frame).unlink()
    assert "2 frames, joints for 4" in [problem.about for problem in write_keypoints(root, root / "keypoints")]
    assert stored(root, FOUR)[0].shape == (2, 15, 2)
    shutil.copytree(trees / "JHMDB" / "Rename_Images" / FOUR, late, dirs_exist_ok=True)
    assert len(write_keypoints(root, root / "keypoints")) == 2 and stored(root, FOUR)[0].shape == (4, 15, 2)


def test_videos_read_the_prepared_clips_with_their_joints(root, tmp_path, capsys):
    out = tmp_path / "out"
    command = ["--root", str(root), "--out", str(out), "--keypoints", str(out / "joints"), "--workers", "0"]
    assert prepare(export, None, command) == 1  # there are fewer than published
    assert "3 frames, joints for 5" in capsys.readouterr().out and not (root / "keypoints").exists()
    videos = Videos(out, Consecutive(), split="test1", size=(120, 160))
    item = videos[0]
    assert item["frames"].shape == (1, 3, 3, 120, 160) and item["keypoints"].shape == (1, 3, 15, 2)
    truth = (tree.joints(THREE.split("/")[1], 2) + 0.5) * 2 - 0.5  # twice as large
    np.testing.assert_allclose(item["keypoints"][0, 2].numpy(), truth, rtol=1e-5)
    assert videos.classes == ["brush_hair", "catch"] and item["label"] == 0


def test_a_folder_that_cannot_be_written_to_is_named(root, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SetError, match=r"cannot be written to .*; name another folder for keypoints"):
        export(root, tmp_path / "file" / "joints")


def test_a_folder_of_key_points_elsewhere_is_named_in_full(root, tmp_path):
    row = read(root, tmp_path / "elsewhere").rows[0]
    assert row["keypoints"] == str(tmp_path / "elsewhere" / f"{FOUR}.npz")


def test_joints_that_cannot_be_read_are_told_and_the_rest_is_written(root):
    savemat(root / "joint_positions" / FOUR / "joint_positions.mat", {"pos_img": np.zeros((2, 13, 4))})
    (root / "Rename_Images" / ONE / "00001.png").write_bytes(b"nothing")
    told = [problem.about for problem in write_keypoints(root, root / "keypoints") if problem.kind == "undecodable"]
    assert len(told) == 2 and "should be 2 x 15 x frames, got 2 x 13 x 4" in told[0] and "is no picture" in told[1]
    assert len(list((root / "keypoints").rglob("*.npz"))) == 2


def test_a_wrong_root_is_answered_with_what_is_needed(root, tmp_path):
    with pytest.raises(SetError, match=r"holds no Rename_Images, joint_positions, splits; it holds JHMDB/. Give"):
        read(tmp_path)
    for path in (root / "splits").iterdir():
        path.unlink()
    with pytest.raises(SetError, match=r"holds no lists like brush_hair_test_split1\.txt"):
        read(root)
