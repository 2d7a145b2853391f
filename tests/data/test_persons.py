import numpy as np
import pyarrow as pa
import pytest
import torch
from PIL import Image
from pyarrow import parquet

from avssl.data import DataError, Persons, collate
from avssl.data.cropping import around, cut, fitted, to_crop, to_picture
from avssl.data.joints import JOINTS, other_sides
from avssl.media.errors import MediaError

WIDTH, HEIGHT = 150, 100
POINTS = np.array([[40 + 5 * (place % 4), 20 + 15 * (place // 4)] for place in range(16)], float)  # apart from another


def paint(path, points, size=(WIDTH, HEIGHT)):
    """Write a black picture with a soft white dot at each point; its weight lies at the point exactly."""
    x, y = np.arange(size[0]), np.arange(size[1])[:, None]
    grey = np.zeros((size[1], size[0]))
    for at in points[np.isfinite(points).all(-1)]:
        grey = np.maximum(grey, 255 * np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / (2 * 1.3**2)))
    Image.fromarray(grey.round().astype(np.uint8)).convert("RGB").save(path)


def person(path="a.png", skeleton="mpii", points=POINTS, **more):
    return {
        "path": path,
        "split": "trainval val",
        "skeleton": skeleton,
        "points": np.asarray(points).tolist(),
        "visible": np.isfinite(np.asarray(points)).all(-1).tolist(),
        "centre": [47.0, 40.0],
        "scale": 0.3,
        "box": None,
        "reference": 12.0,
        "group": "film",
    } | more


@pytest.fixture
def manifest(tmp_path):
    def write(*rows):
        parquet.write_table(pa.Table.from_pylist(list(rows)), tmp_path / "manifest.parquet")
        return tmp_path

    return write


def found(frame, near, radius=6):
    """Return the place of the dot that is closest to ``near`` in a frame ``(3, H, W)``."""
    x, y = (round(float(value)) for value in near)
    left, top = max(0, x - radius), max(0, y - radius)
    window = frame[0, top : y + radius + 1, left : x + radius + 1].double()
    weight = window / window.sum()
    rows, columns = torch.meshgrid(torch.arange(len(window)), torch.arange(window.shape[1]), indexing="ij")
    return np.array([left + (weight * columns).sum(), top + (weight * rows).sum()])


@pytest.mark.parametrize(
    ("crop", "size", "context"),
    [("scale", (96, 96), None), ("box", (64, 128), 1.3), ("joints", (120, 80), None), ("whole", (90, 90), None),
     ("person", (75, 77), 2.13), ("scale", (192, 160), 1.7)],
)  # fmt: skip
def test_a_dot_at_each_joint_is_found_at_its_key_point(manifest, tmp_path, crop, size, context):
    for place, at in enumerate(POINTS + np.array([0.3, -0.4])):  # one picture a joint: no dot disturbs another
        paint(tmp_path / f"{place}.png", at[None])
    box = [20.0, 10.0, 90.0, 80.0]
    rows = [person(f"{place}.png", points=POINTS + np.array([0.3, -0.4]), box=box) for place in range(16)]
    people = Persons(manifest(*rows), size=size, crop=crop, context=context)
    for place in range(16):
        item = people[place]
        assert item["frames"].shape == (1, 1, 3, *size) and item["frames"].dtype == torch.uint8
        at = item["keypoints"][0, 0, place].numpy()
        np.testing.assert_allclose(found(item["frames"][0, 0], at), at, atol=0.1)


def test_a_constant_shift_or_scale_would_be_noticed(manifest, tmp_path):
    paint(tmp_path / "a.png", POINTS[:1])
    item = Persons(manifest(person()), size=(96, 96))[0]
    at = item["keypoints"][0, 0, 0].numpy() + np.array([0.5, 0])
    assert np.abs(found(item["frames"][0, 0], at) - at).max() > 0.3


def test_the_crop_by_scale_is_that_of_the_published_reader(manifest, tmp_path):
    paint(tmp_path / "a.png", POINTS)
    left, top, right, bottom = Persons(manifest(person()), size=(256, 256))[0]["box"].tolist()
    assert (right - left, bottom - top) == pytest.approx((75, 75))  # 200 * 0.3 * 1.25
    assert ((left + right) / 2, (top + bottom) / 2) == pytest.approx((47, 40 + 15 * 0.3))


def test_what_lies_beyond_the_picture_is_black_and_joints_there_keep_their_places(manifest, tmp_path):
    Image.new("RGB", (WIDTH, HEIGHT), "white").save(tmp_path / "a.png")
    points = POINTS.copy()
    points[0] = (-7.0, 5.0)
    item = Persons(manifest(person(points=points, centre=[0.0, 0.0])), size=(64, 64))[0]
    left, top, right, _ = item["box"].numpy()
    x, y = (round(-value * 64 / (right - left)) for value in (left, top))
    frame = item["frames"][0, 0, 0]
    assert not frame[: y - 2].any() and not frame[:, : x - 2].any() and (frame[y + 2 :, x + 2 :] == 255).all()
    assert item["keypoints"][0, 0, 0, 0] < x and item["visible"][0, 0, 0]


def test_an_absent_joint_is_nan_and_unseen(manifest, tmp_path):
    paint(tmp_path / "a.png", POINTS)
    points = POINTS.copy()
    points[3] = np.nan
    item = Persons(manifest(person(points=points, reference=None)))[0]
    assert item["keypoints"][0, 0, 3].isnan().all() and not item["visible"][0, 0, 3]
    assert item["keypoints"].isfinite().all(-1).sum() == 15 and item["reference"].isnan().all()


def test_shares_of_the_reference_are_the_same_in_the_crop_and_in_the_picture(manifest, tmp_path):
    paint(tmp_path / "a.png", POINTS)
    rng = np.random.default_rng(0)
    for size in ((256, 256), (256, 192), (64, 100)):
        item = Persons(manifest(person()), size=size)[0]
        truth = item["keypoints"][0, 0].double().numpy()
        guess = truth + rng.normal(0, 9, truth.shape)
        box = item["box"].numpy()
        back = to_picture(guess, box, size)
        np.testing.assert_allclose(to_picture(truth, box, size), POINTS, atol=1e-4)
        share = np.linalg.norm(guess - truth, axis=-1) / item["reference"].item()
        np.testing.assert_allclose(np.linalg.norm(back - POINTS, axis=-1) / 12.0, share, rtol=1e-4)


def test_predictions_of_many_people_go_back_at_once():
    rng = np.random.default_rng(1)
    boxes = np.stack([around(rng.uniform(0, 50, 2), 30 + place, (64, 48)) for place in range(5)])
    points = rng.uniform(0, 60, (5, 16, 2))
    crops = np.stack([to_crop(each, box, (64, 48)) for each, box in zip(points, boxes, strict=True)])
    np.testing.assert_allclose(to_picture(crops, boxes, (64, 48)), points)


def test_boxes_get_the_proportions_of_the_crop():
    for size in ((64, 64), (64, 48), (30, 90)):
        for box in (around(np.array([3.0, 4.0]), 20, size), fitted(np.array([1.0, 2.0, 30.0, 9.0]), size, 1.2)):
            assert (box[2] - box[0]) / (box[3] - box[1]) == pytest.approx(size[1] / size[0])
    assert fitted(np.array([1.0, 2.0, 30.0, 9.0]), (64, 64), 1).tolist() == pytest.approx([1.0, -9.0, 30.0, 20.0])


def test_a_crop_without_resize_is_the_picture_itself():
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    same = cut(pixels, np.array([4.5, 2.5, 14.5, 10.5]), (8, 10))
    np.testing.assert_array_equal(same, pixels[3:11, 5:15])


def test_shrinking_averages_instead_of_picking_pixels():
    stripes = np.zeros((40, 40, 3), np.uint8)
    stripes[:, ::2] = 255
    grey = cut(stripes, np.array([7.5, 7.5, 31.5, 31.5]), (6, 6))
    assert grey.min() > 110 and grey.max() < 145


def test_the_observer_swaps_people_seen_from_behind_and_not_their_reference(manifest, tmp_path):
    joints, points = JOINTS["flic"], np.zeros((11, 2))
    for place, name in enumerate(joints):
        points[place] = (50 + (-10 if name.startswith("left") else 10) + place % 3, 20 + 5 * place)
    paint(tmp_path / "a.png", points)
    source = manifest(person(skeleton="flic", points=points, scale=None, centre=None, box=[30, 20, 70, 60]))
    own, observer = (Persons(source, naming=naming)[0] for naming in ("person", "observer"))
    assert torch.equal(observer["keypoints"], own["keypoints"][:, :, other_sides(joints)])
    assert torch.equal(own["frames"], observer["frames"]) and own["reference"] == observer["reference"]


def test_seven_joints_of_flic_by_name(manifest, tmp_path):
    paint(tmp_path / "a.png", POINTS)
    source = manifest(person(skeleton="flic", points=POINTS[:11], scale=None, box=[30.0, 20.0, 70.0, 60.0]))
    eleven, seven = Persons(source), Persons(source, skeleton="flic7")
    assert (eleven.skeleton, seven.skeleton) == ("flic", "flic7")
    head = eleven[0]["keypoints"][0, 0, 8:11].mean(0)
    torch.testing.assert_close(seven[0]["keypoints"][0, 0, 3], head)
    with pytest.raises(ValueError, match="there is no right ankle to make 'right ankle' of"):
        Persons(source, skeleton="mpii")


def test_splits_are_words_and_an_unknown_one_is_answered(manifest, tmp_path):
    source = manifest(person(), person(split="trainval train"), person(split="test"))
    assert [len(Persons(source, split=word)) for word in ("trainval", "val", "test")] == [2, 1, 1]
    with pytest.raises(ValueError, match="nobody is in split 'valid'; there is 'test', 'train', 'trainval', 'val'"):
        Persons(source, split="valid")


def test_people_who_cannot_be_cut_out_are_told_or_skipped(manifest, tmp_path):
    paint(tmp_path / "a.png", POINTS)
    source = manifest(person(scale=None), person("gone.png"), person(points=np.full((16, 2), np.nan)))
    with pytest.raises(DataError, match="without box cannot be cut out with crop='person'"):
        _ = Persons(source)[0]
    with pytest.raises(MediaError, match="no such picture"):
        _ = Persons(source)[1]
    with pytest.raises(DataError, match="without two joints cannot be cut out with crop='joints'"):
        _ = Persons(source, crop="joints")[2]
    assert "gone.png" in Persons(source, on_bad="skip")[1]["failure"]["path"]
    with pytest.raises(DataError, match="is the annotation right"):
        _ = Persons(manifest(person(scale=1e3)))[0]


def test_what_is_no_manifest_of_people_is_refused(manifest, tmp_path):
    with pytest.raises(ValueError, match="no manifest of people in Parquet"):
        Persons(tmp_path)
    with pytest.raises(ValueError, match="needs columns path, skeleton, points and visible; got path"):
        Persons(manifest({"path": "a.png"}))
    with pytest.raises(ValueError, match=r"a\.png has points \(11, 2\), 'mpii' has 16 joints"):
        Persons(manifest(person(points=POINTS[:11])))
    with pytest.raises(ValueError, match="mixes people of flic and mpii"):
        Persons(manifest(person(), person(skeleton="flic", points=POINTS[:11])))
    with pytest.raises(ValueError, match="height and width"):
        Persons(manifest(person()), size=(64,))
    with pytest.raises(ValueError, match="context must be above 0"):
        Persons(manifest(person()), context=0)


def test_people_of_one_picture_have_fingerprints_and_items_of_their_own(manifest, tmp_path):
    paint(tmp_path / "a.png", POINTS)
    people = Persons(manifest(person(), person(centre=[60.0, 40.0])))
    assert people.fingerprint(0) == Persons(tmp_path).fingerprint(0) != people.fingerprint(1)
    people[0]["visible"][:] = False
    assert people[0]["visible"].all()  # an item is the caller's own
    batch = collate([people[0], people[1, 1]])
    assert batch["keypoints"].shape == (2, 1, 1, 16, 2) and batch["box"].shape == (2, 4)
    assert not torch.equal(batch["frames"][0], batch["frames"][1]) and batch["key"][1].tolist() == [0, 1, 1]
