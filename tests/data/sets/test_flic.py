import shutil

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from avssl.data import Persons
from avssl.data.joints import JOINTS, name_by_observer, other_sides
from avssl.data.sets.base import SetError
from avssl.data.sets.fixtures import flic as tree
from avssl.data.sets.flic import read
from avssl.data.sets.prepare import prepare


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("flic")
    tree.write(root / "FLIC")
    tree.write_full(root / "FLIC-full")
    return root


@pytest.fixture
def own(root, tmp_path):
    """Return a copy of a tree that a test may break."""
    return lambda name: shutil.copytree(root / name, tmp_path / name)


def counts(listing):
    return {count.what: (count.found, count.published) for count in listing.counts}


def told(listing, kind):
    return {problem.path.removeprefix("images/"): problem.about for problem in listing.problems if problem.kind == kind}


def test_the_eleven_labelled_joints_come_from_pixel_one_to_pixel_nought(root):
    rows = read(root / "FLIC").rows
    assert [row["path"] for row in rows] == [f"images/{tree.name(example)}" for example in range(6)]
    for example, row in enumerate(rows):
        np.testing.assert_allclose(row["points"], tree.person(example))
        assert all(row["visible"]) and row["skeleton"] == "flic" and row["group"] == tree.FILMS[example % 2]


def test_the_flags_split_and_the_counts_stand_beside_the_published(root):
    listing = read(root / "FLIC")
    assert [row["split"] for row in listing.rows] == ["train", "train", "train", "test", "train", "test"]
    assert counts(listing) == {"examples": (6, 5003), "train people": (4, 3987), "test people": (2, 1016)}
    assert not listing.problems and listing.name == "FLIC"


def test_the_reference_is_right_shoulder_to_left_hip_before_anybody_changes_names(root):
    shoulder, hip = JOINTS["flic"].index("right shoulder"), JOINTS["flic"].index("left hip")
    row = read(root / "FLIC").rows[tree.BEHIND]
    points = np.array(row["points"])
    assert row["reference"] == pytest.approx(np.linalg.norm(points[shoulder] - points[hip]))
    assert name_by_observer(points, JOINTS["flic"]) == other_sides(JOINTS["flic"])
    assert name_by_observer(np.array(read(root / "FLIC").rows[0]["points"]), JOINTS["flic"]) == list(range(11))


def test_the_torso_box_is_moved_like_points(root):
    points = tree.person(0)[:8]
    np.testing.assert_allclose(read(root / "FLIC").rows[0]["box"], [*points.min(0), *points.max(0)])


def test_flic_plus_counts_from_one(root):
    listing = read(root / "FLIC-full")
    plus = {row["path"] for row in listing.rows if "plus" in row["split"].split()}
    assert plus == {f"images/{tree.name(example)}" for example in tree.PLUS}
    assert counts(listing) == {
        "examples": (8, 20928),
        "plus people": (3, 17380),
        "rest people": (4, 3548),
    }
    assert listing.name == "FLIC-full" and [row["bad"] for row in listing.rows].index(True) == 6


def test_joints_that_nobody_labelled_are_nan_and_told(root):
    listing = read(root / "FLIC-full")
    row = listing.rows[6]
    wrists = [JOINTS["flic"].index(f"{side} wrist") for side in ("left", "right")]
    assert (
        np.flatnonzero(~np.array(row["visible"])).tolist() == wrists and np.isnan(np.array(row["points"])[wrists]).all()
    )
    assert told(listing, "unlabelled") == {
        tree.name(6): "2 of 11 joints are missing",
        tree.name(7): "all joints are missing",
    }


def test_without_the_index_of_flic_plus_its_words_are_not_there(own):
    root = own("FLIC-full")
    (root / "tr_plus_indices.mat").unlink()
    listing = read(root)
    assert {row["split"] for row in listing.rows} == {"train", "test", ""} and set(counts(listing)) == {"examples"}


def test_pictures_without_annotation_and_annotations_without_picture_are_told(own):
    root = own("FLIC")
    (root / "images" / tree.name(1)).rename(root / "images" / "other.jpg")
    listing = read(root)
    assert told(listing, "missing") == {tree.name(1): "picture of example 2"}
    assert told(listing, "unlisted") == {"other.jpg": "no annotation"}
    assert len(listing.rows) == 5 and counts(listing)["train people"] == (3, 3987)


def test_a_wrong_root_is_answered_with_what_is_needed(root, own, tmp_path):
    with pytest.raises(SetError, match=r"holds no examples\.mat; it holds FLIC/, FLIC-full/. Give .*FLIC instead"):
        read(root)
    broken = own("FLIC")
    shutil.rmtree(broken / "images")
    with pytest.raises(SetError, match="images is missing; extract"):
        read(broken)
    (broken / "images").mkdir()
    with pytest.raises(SetError, match="images is empty"):
        read(broken)


def test_a_broken_or_foreign_file_is_named(own):
    root = own("FLIC-full")
    whole = (root / "examples.mat").read_bytes()
    (root / "examples.mat").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SetError, match=r"examples\.mat cannot be read as a MATLAB file .* copied whole"):
        read(root)
    savemat(root / "examples.mat", {"joints": np.zeros((3, 14))})
    with pytest.raises(SetError, match=r"has no examples, but joints; is it the official file"):
        read(root)
    savemat(root / "examples.mat", {"examples": {"coords": np.zeros((2, 11))}})
    with pytest.raises(SetError, match=r"coords should be 2 x 29, got \(2, 11\)"):
        read(root)
    (root / "examples.mat").write_bytes(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + bytes(64))
    with pytest.raises(SetError, match=r"MATLAB 7\.3"):
        read(root)
    (root / "examples.mat").write_bytes(whole)
    savemat(root / "tr_plus_indices.mat", {"tr_plus_indices": np.array([[1], [20928]])})
    with pytest.raises(SetError, match="names example 20928 of 8"):
        read(root)


def test_the_fixture_has_the_fields_of_the_official_file(root):
    names = loadmat(root / "FLIC-full" / "examples.mat")["examples"].dtype.names
    assert names == (
        "poselet_hit_idx", "moviename", "coords", "filepath", "imgdims", "currframe", "torsobox", "istrain", "istest",
        "isbad", "isunchecked",
    )  # fmt: skip


def test_prepared_people_can_be_cut_out_by_their_torso(own, capsys):
    root = own("FLIC-full")
    assert prepare(read, None, ["--root", str(root), "--workers", "0"]) == 1  # there are fewer than published
    assert "FLIC-full" in capsys.readouterr().out
    people = Persons(root, split="plus", size=(128, 128), skeleton="flic7", naming="observer")
    assert len(people) == len(tree.PLUS) and people.skeleton == "flic7"
    for place, example in enumerate(tree.PLUS):
        item = people[place]
        left, _, right, _ = item["box"].tolist()
        torso = tree.person(example)[[3, 6]]
        length = np.linalg.norm(torso[0] - torso[1]) * 128 / (right - left)
        assert item["reference"].item() == pytest.approx(length) and item["visible"].all()
        left_wrist, right_wrist = item["keypoints"][0, 0, [0, 6], 0].tolist()
        assert left_wrist > right_wrist  # also of who is seen from behind
        assert item["group"] == tree.FILMS[example % 2]
