"""NYU Depth v2's reader and export on a tiny file in the official form."""

import gzip
import pickle

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from avssl.data.scenes import Scenes
from avssl.data.sets import nyuv2
from avssl.data.sets.base import SetError
from avssl.data.sets.fixtures.nyuv2 import SIZE, TILT, wall, write
from avssl.data.sets.given_normals import PACKED, Given
from avssl.data.sets.prepare import prepare
from avssl.metrics.normals import angles

pytest.importorskip("h5py")
SLANTED = np.array([TILT, 0, -1]) / np.hypot(TILT, 1)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    root = tmp_path_factory.mktemp("nyu")
    write(root)
    nyuv2.export(root, progress=False)
    return root


@pytest.fixture
def root(tmp_path):
    write(tmp_path / "nyu")
    return tmp_path / "nyu"


def test_rows_know_split_scene_and_room_with_numbers_from_one(exported):
    listing = nyuv2.read(exported)
    assert [row["split"] for row in listing.rows] == ["train", "test", "train"]
    assert [row["group"] for row in listing.rows] == ["kitchen_0004", "kitchen_0004", "office_0012"]
    assert [row["label"] for row in listing.rows] == ["kitchen", "kitchen", "office"]
    assert listing.rows[0]["path"] == "exported/pictures/0001.png" and listing.classes == ["kitchen", "office"]
    assert [(count.found, count.published) for count in listing.counts] == [(2, 795), (1, 654)]
    assert {row["truth"] for row in listing.rows} == {nyuv2.PLANES} and not listing.problems


def test_pictures_and_depths_are_turned_upright(exported):
    with Image.open(exported / "exported/pictures/0001.png") as image:
        assert image.size == SIZE[::-1]
    with Image.open(exported / "exported/depths/0002.png") as image:
        assert np.abs(np.asarray(image) / 1000 - wall(1)).max() <= 0.0005001


def test_normals_of_walls_are_those_of_their_planes_inside_the_evaluated_part_alone(exported):
    for index, true in ((0, [0, 0, -1.0]), (1, SLANTED)):
        normals = np.load(exported / f"exported/normals/{index + 1:04d}.npz")["normals"].astype(float)
        known = (normals != 0).any(-1)
        assert not known[:45].any() and not known[:, :41].any()
        assert not known[50:54, 60:64].any() and known[45:50, 41:60].all()  # depth was not measured in the hole
        assert angles(normals[known], np.broadcast_to(true, (known.sum(), 3))).max() < 0.1


def test_an_export_goes_on_where_it_stopped(root, monkeypatch):
    made = []
    plain = nyuv2._export_one

    def counted(file, index, *rest):
        made.append(index)
        if len(made) == 2:
            raise KeyboardInterrupt
        plain(file, index, *rest)

    monkeypatch.setattr(nyuv2, "_export_one", counted)
    with pytest.raises(KeyboardInterrupt):
        nyuv2.export(root, progress=False)
    assert {problem.kind for problem in nyuv2.read(root).problems} == {"missing"}
    nyuv2.export(root, progress=False)
    assert made == [0, 1, 1, 2] and not nyuv2.read(root).problems


def test_the_command_exports_and_writes_a_manifest_for_scenes(root, tmp_path, capsys):
    folder, out = tmp_path / "pictures of it", tmp_path / "out"
    options = ["--root", str(root), "--exported", str(folder), "--out", str(out), "--workers", "0"]
    assert prepare(nyuv2.prepared, nyuv2.__doc__, options) == 1
    assert "train pictures" in capsys.readouterr().out  # fewer than published
    assert sorted(path.name for path in root.iterdir()) == ["nyu_depth_v2_labeled.mat", "splits.mat"]
    item = Scenes(out, "test")[0]
    assert item["frames"].shape[-2:] == SIZE and item["normals"].shape == (3, *SIZE)


def packed(folder, normals, valid):
    content = {"all_normals": normals, "all_valid_depth_masks": valid, "all_filenames": ["000001"] * len(normals)}
    with gzip.open(folder / PACKED, "wb") as file:
        pickle.dump(content, file)


def test_given_normals_of_every_form_say_the_same(tmp_path):
    normals = np.zeros((4, 5, 3))
    normals[..., 2] = -1
    normals[0, :, :] = [0.6, 0.0, -0.8]
    valid = np.ones((4, 5), bool)
    valid[3] = False
    expected = np.where(valid[..., None], normals, 0)
    for name in ("mat", "npz", "png", "npy", "pklz"):
        folder = tmp_path / name
        folder.mkdir()
        if name == "mat":
            parts = dict(zip(("nx", "ny", "nz"), np.moveaxis(normals, -1, 0), strict=True))
            savemat(folder / "nm_000001.mat", parts | {"depthValid": valid.astype(np.uint8)})
        elif name == "npz":
            np.savez(folder / "1.npz", normals=2 * normals, valid=valid)
        elif name == "npy":
            np.save(folder / "1.npy", expected)
        elif name == "png":
            coded = np.round((normals + 1) * 127.5).astype(np.uint8) * valid[..., None]
            Image.fromarray(coded).save(folder / "0001.png")
        else:
            packed(folder, normals[None], valid[None])
        found = Given(folder)(0, (4, 5))
        assert np.abs(found - expected).max() < (0.01 if name == "png" else 1e-6), name
    assert Given(tmp_path / "pklz").name == PACKED


def test_normals_of_two_origins_are_not_mixed(root, tmp_path):
    folder = tmp_path / "fouhey"
    folder.mkdir()
    for number in (1, 2, 3):
        np.savez(folder / f"nm_{number:06d}.npz", normals=np.broadcast_to([0, 0, -1.0], (*SIZE, 3)))
    nyuv2.export(root, folder, progress=False)
    assert nyuv2.read(root).rows[0]["truth"] == "fouhey"
    with pytest.raises(SetError, match="holds normals from fouhey, not from planes fitted to depth; delete"):
        nyuv2.export(root, progress=False)


def test_a_pickle_that_wants_to_run_code_is_refused(tmp_path):
    class Runs:
        def __reduce__(self):
            return print, ("gotcha",)

    with gzip.open(tmp_path / PACKED, "wb") as file:
        pickle.dump({"all_normals": Runs()}, file)
    with pytest.raises(SetError, match=r"it asks for builtins\.print, which is no array"):
        Given(tmp_path)


def spoil_splits(root):
    savemat(root / "splits.mat", {"trainNdxs": [[1], [9]], "testNdxs": [[2]]})


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda root: (root / "nyu_depth_v2_labeled.mat").unlink(), "download the labelled part"),
        (lambda root: (root / "nyu_depth_v2_labeled.mat").write_bytes(b"short"), "was it downloaded whole"),
        (lambda root: (root / "splits.mat").unlink(), r"there is no .*splits\.mat"),
        (spoil_splits, "train names picture 9 of 3"),
        (lambda root: None, r"there is no .*exported/truth\.txt; write it with: python datasets/nyuv2/prepare\.py"),
    ],
)
def test_a_tree_that_is_none_is_told_in_one_line(root, spoil, complaint):
    spoil(root)
    with pytest.raises(SetError, match=complaint) as caught:
        nyuv2.read(root)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "complaint"),
    [("readme.txt", "holds no normals"), ("nm_000009.npz", "but none for picture 1")],
)
def test_normals_that_are_not_there_are_told(tmp_path, name, complaint):
    np.savez(tmp_path / name, normals=np.zeros((4, 5, 3)))
    (tmp_path / f"{name}.npz").replace(tmp_path / name) if not name.endswith("npz") else None
    with pytest.raises(SetError, match=complaint):
        Given(tmp_path)(0, (4, 5))


def test_normals_of_another_size_are_told(tmp_path):
    np.savez(tmp_path / "1.npz", normals=np.zeros((4, 5, 3)))
    with pytest.raises(SetError, match=r"normals are \(4, 5, 3\), the picture is \(60, 80, 3\)"):
        Given(tmp_path)(0, SIZE)
