import json
import shutil

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from avssl.data import Persons
from avssl.data.sets.base import SetError
from avssl.data.sets.fixtures import mpii as tree
from avssl.data.sets.mpii import read
from avssl.data.sets.prepare import prepare
from avssl.files import FileError


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("mpii")
    tree.write(root / "MPII")
    tree.write_baseline(root / "MPII-baseline")
    tree.write_hourglass(root / "MPII-hourglass")
    return root


@pytest.fixture
def own(root, tmp_path):
    """Return a copy of a tree that a test may break."""
    return lambda name: shutil.copytree(root / name, tmp_path / name)


def people(listing):
    """Return the rows by picture and person."""
    return {(row["path"].removeprefix("images/"), row["person"]): row for row in listing.rows}


def told(listing, kind):
    found = [problem for problem in listing.problems if problem.kind == kind]
    return [f"{problem.path}: {problem.about}" for problem in found]


def words(listing):
    return {key: row["split"] for key, row in people(listing).items()}


def test_joints_come_by_their_ids_from_pixel_one_to_pixel_nought(root):
    for (name, number), row in people(read(root / "MPII")).items():
        np.testing.assert_allclose(row["points"], tree.joints(name, number), err_msg=f"{name} {number}")


def test_hidden_joints_keep_their_place_and_characters_are_flags_too(root):
    rows = people(read(root / "MPII"))
    for name, number in (("000001.jpg", 0), ("000001.jpg", 1), ("000002.jpg", 0)):
        assert rows[name, number]["visible"] == tree.picture_of(number).tolist()
        assert np.isfinite(rows[name, number]["points"]).all()
    assert rows["000001.jpg", 0]["visible"][tree.NECK]  # its is_visible is empty


def test_absent_joints_are_nan_and_places_outside_of_the_picture_stay(root):
    rows = people(read(root / "MPII"))
    assert np.isnan(rows["000002.jpg", 1]["points"][tree.RIGHT_ANKLE]).all()
    assert not rows["000002.jpg", 1]["visible"][tree.RIGHT_ANKLE]
    assert rows["000002.jpg", 0]["points"][tree.LEFT_WRIST] == [-9, 12]


def test_the_reference_is_the_size_of_the_head_whichever_corner_comes_first(root):
    rows = people(read(root / "MPII"))
    for key in (("000001.jpg", 0), ("000004.jpg", 0)):
        x1, y1, x2, y2 = tree.head(*key)
        assert rows[key]["reference"] == pytest.approx(0.6 * np.hypot(x2 - x1, y2 - y1))
        np.testing.assert_array_equal(rows[key]["head"], np.array(tree.head(*key)) - 1)
    assert rows["000003.jpg", 0]["reference"] == rows["000003.jpg", 0]["head"] == ""


def test_place_scale_video_and_activity(root):
    rows = people(read(root / "MPII"))
    row = rows["000002.jpg", 0]
    assert (row["centre"], row["scale"], row["group"]) == ([40.5, 30.25], 0.3, "-9ceBDmeczs")
    assert (row["activity"], row["category"]) == ("skiing, downhill", "winter activities")
    assert rows["000007.jpg", 0]["activity"] == ""


def test_nobody_in_a_picture_of_a_validation_person_is_trained_on(root):
    assert words(read(root / "MPII")) == {
        ("000001.jpg", 0): "trainval",
        ("000001.jpg", 1): "trainval val",
        ("000002.jpg", 0): "trainval val",
        ("000002.jpg", 1): "trainval",
        ("000003.jpg", 0): "trainval train",
        ("000003.jpg", 1): "trainval train",
        ("000004.jpg", 0): "trainval train",
        ("000007.jpg", 0): "test",
    }


def test_counts_stand_beside_the_published(root):
    counts = {count.what: (count.found, count.published) for count in read(root / "MPII").counts}
    assert counts == {
        "pictures": (8, 24987),
        "train people": (3, 22246),
        "val people": (2, 2958),
        "test people": (1, 11731),
    }


def test_whatever_is_amiss_is_told(root):
    listing = read(root / "MPII")
    assert told(listing, "missing") == ["images/000008.jpg: annotated, not there"]
    assert told(listing, "unlisted") == ["images/unlisted.jpg: no annotation"]
    assert told(listing, "unlabelled") == [
        "images/000003.jpg: person 1: no head box",
        "images/000003.jpg: person 2: no place or no scale",
        "images/000003.jpg: person 3: no joints",
        "images/000006.jpg: person 1: no joints, no head box",
        "images/000007.jpg: person 2: no place or no scale",
    ]


def test_the_copies_tell_the_official_file_who_the_validation_people_are(root, own):
    official, known = own("MPII"), words(read(root / "MPII"))
    (official / "annot" / "detections.mat").unlink()
    lacking = read(official)
    assert set(words(lacking).values()) == {"trainval", "test"}
    assert told(lacking, "missing")[1].startswith("annot/detections.mat: train and val cannot be told apart")
    shutil.copy(root / "MPII-baseline" / "annot" / "valid.json", official / "annot")
    assert words(read(official)) == known
    (official / "annot" / "valid.json").unlink()
    shutil.copy(root / "MPII-hourglass" / "annot" / "mpii_annotations.json", official)
    assert words(read(official)) == known


@pytest.mark.parametrize("name", ["MPII-baseline", "MPII-hourglass"])
def test_a_copy_gives_the_same_people_as_the_official_file(root, own, name):
    official = {row["path"]: row for row in read(root / "MPII").rows if "val" in row["split"].split()}
    copy = own(name)
    if name == "MPII-hourglass":
        savemat(copy / "annot" / "detections_our_format.mat", tree.heads(tree.VALIDATION))
    listing = read(copy)
    same = ("points", "centre", "scale", "split", "reference", "head")
    for row in listing.rows:
        if "val" in row["split"].split():
            for column in same:
                np.testing.assert_array_equal(row[column], official[row["path"]][column])
    found = {count.what: count.found for count in listing.counts}
    assert found == {"train people": 2, "val people": 2} | ({"test people": 1} if name == "MPII-baseline" else {})
    assert told(listing, "unlabelled") == [
        "annot: 3 people without a head box, which only the official file has for everybody"
    ]


def test_only_the_copy_that_knows_hidden_joints_says_so(root):
    rows = people(read(root / "MPII-hourglass"))
    assert rows["000001.jpg", 1]["visible"] == tree.picture_of(1).tolist()
    baseline = next(row for row in read(root / "MPII-baseline").rows if row["path"] == "images/000001.jpg")
    assert all(baseline["visible"])


def test_head_boxes_of_other_people_are_refused(own):
    root = own("MPII-baseline")
    savemat(root / "annot" / "gt_valid.mat", tree.heads(tree.VALIDATION[::-1]))
    listing = read(root)
    assert told(listing, "odd") == ["annot/gt_valid.mat: not the people of the copies, or in another order"]
    assert not any(row["reference"] for row in listing.rows)
    savemat(root / "annot" / "gt_valid.mat", tree.heads(tree.VALIDATION[:1]))
    assert "head boxes of 1 people, the copies have 2" in told(read(root), "odd")[0]


def test_one_trainval_file_alone_is_read_as_such(own):
    root = own("MPII-baseline")
    (root / "annot" / "train.json").rename(root / "annot" / "trainval.json")
    (root / "annot" / "valid.json").unlink()
    (root / "annot" / "test.json").unlink()
    assert {row["split"] for row in read(root).rows} == {"trainval"}


def test_wrong_and_broken_files_are_named(root, own, tmp_path):
    with pytest.raises(
        SetError, match=r"holds no folder images; it holds MPII/, MPII-baseline/, MPII-hourglass/. Give .*MPII instead"
    ):
        read(root)
    copy = own("MPII-baseline")
    (copy / "annot" / "valid.json").write_text('[{"image": ')
    with pytest.raises(FileError, match=r"valid\.json is no JSON .* copied whole"):
        read(copy)
    (copy / "annot" / "valid.json").write_text(json.dumps({"annotations": []}))
    with pytest.raises(SetError, match="no list of people with image, center, scale"):
        read(copy)
    for path in (copy / "annot").glob("*.json"):
        path.unlink()
    with pytest.raises(SetError, match=r"holds neither mpii_human_pose_v1_u12_1\.mat nor"):
        read(copy)
    official = own("MPII")
    (official / "annot" / "detections.mat").unlink()
    (official / "annot" / "valid.json").write_text(json.dumps([{"image": "000001.jpg", "center": [1, 1], "scale": 1}]))
    with pytest.raises(SetError, match=r"names 000001\.jpg at \[1, 1\], whom the official file does not have"):
        read(official)


def test_the_fixture_has_the_form_of_the_official_file(root):
    release = loadmat(root / "MPII" / "annot" / "mpii_human_pose_v1_u12_1.mat")["RELEASE"][0, 0]
    assert release.dtype.names == ("annolist", "img_train", "version", "single_person", "act", "video_list")
    annolist = release["annolist"][0]
    assert annolist["image"][0][0, 0]["name"].tolist() == ["000001.jpg"]
    rect = annolist["annorect"][0][0, 0]
    assert rect["x1"].dtype == np.uint8 and rect["objpos"][0, 0]["x"].shape == (1, 1)
    points = [annolist["annorect"][0][0, number]["annopoints"][0, 0]["point"][0, 0] for number in range(2)]
    assert points[0].dtype.names == ("id", "x", "y", "is_visible")
    assert [point["is_visible"].dtype.kind for point in points] == ["u", "U"]
    assert "annopoints" not in annolist["annorect"][5].dtype.names and not annolist["annorect"][4].size


@pytest.mark.parametrize("elsewhere", [False, True])
def test_prepared_people_are_cut_out_with_their_joints(own, tmp_path, capsys, elsewhere):
    root = own("MPII")
    out = ["--out", str(tmp_path / "out")] if elsewhere else []
    assert prepare(read, None, ["--root", str(root), "--workers", "0", *out]) == 1  # there are fewer than published
    assert "person 1: no head box" in capsys.readouterr().out
    source = tmp_path / "out" if elsewhere else root
    people = Persons(source, split="val", size=(256, 256))
    assert len(people) == 2 and people.skeleton == "mpii"
    for place, key in enumerate(tree.VALIDATION):
        item = people[place]
        frame, points = item["frames"][0, 0].float().mean(0), item["keypoints"][0, 0]
        inside = ((points > 3) & (points < 252)).all(-1).numpy() & np.isfinite(tree.joints(*key)).all(-1)
        spots = frame[tuple(points[inside].round().long().T.flip(0))]
        assert spots.mean() > frame.mean() + 60  # each joint is painted
        assert item["visible"][0, 0].tolist() == tree.picture_of(key[1]).tolist()
        step = item["reference"].item() / (0.6 * np.hypot(*np.diff(np.reshape(tree.head(*key), (2, 2)), axis=0)[0]))
        assert step == pytest.approx(256 / (200 * 1.25 * tree.PEOPLE[key[0]][key[1]][1] / 200))
    assert Persons(source, split="test")[0]["keypoints"].isnan().all()
