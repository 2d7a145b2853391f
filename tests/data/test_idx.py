"""Pictures in the official four files of MNIST's kind are items like others; bad files are told in one line."""

import gzip
import importlib.util
import io
import pickle
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from avssl import config
from avssl.data import Dataset, IdxPictures, Relabelled, collate, write_labels
from avssl.data.sets import debian
from avssl.data.sets.debian import Package, PackageError, files_of

PREPARE = Path(__file__).parents[2] / "datasets" / "fashion_mnist" / "prepare.py"


def idx(array: np.ndarray) -> bytes:
    """Write an array of bytes in the official form, by hand."""
    head = bytes((0, 0, 8, array.ndim)) + b"".join(side.to_bytes(4, "big") for side in array.shape)
    return head + array.tobytes()


def pictures(total: int) -> np.ndarray:
    return np.random.default_rng(total).integers(0, 256, (total, 7, 9), dtype=np.uint8)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A set of 40 and 12 pictures in the official layout."""
    monkeypatch.setenv("AVSSL_CACHE", str(tmp_path / "cache"))
    root = tmp_path / "tiny"
    root.mkdir()
    for part, total in (("train", 40), ("t10k", 12)):
        (root / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(pictures(total))))
        labels = np.arange(total, dtype=np.uint8) % 3
        (root / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(labels)))
    return root


def test_an_item_is_a_picture_of_three_equal_channels_with_its_label(folder):
    data = IdxPictures(folder, "test")
    item = data[5, 4]
    assert len(data) == 12 and item["label"] == 1 and data.classes == ["0", "1", "2"]
    assert item["frames"].shape == (1, 1, 3, 7, 9) and item["frames"].dtype == torch.uint8
    assert (item["frames"][0, 0].numpy() == pictures(12)[4]).all()
    assert item["path"] == "tiny/t10k/00004" and item["key"].tolist() == [0, 5, 4] and item["valid"].all()


def test_val_is_the_end_of_training_and_nothing_is_on_two_sides(folder):
    train, val, both = (IdxPictures(folder, split) for split in ("train", "val", "trainval"))
    paths = [[data[i]["path"] for i in range(len(data))] for data in (train, val, both)]
    assert paths[0] + paths[1] == paths[2] and len(paths[2]) == 40
    assert not set(paths[2]) & {IdxPictures(folder, "test")[i]["path"] for i in range(12)}


def test_a_choice_of_some_is_the_same_every_time_and_another_with_another_seed(folder):
    chosen = [IdxPictures(folder, "trainval", count=10, seed=seed).places.tolist() for seed in (0, 0, 1)]
    assert chosen[0] == chosen[1] != chosen[2] and len(set(chosen[0])) == 10
    data = IdxPictures(folder, "trainval", count=10)
    assert [data[i]["label"] for i in range(10)] == [place % 3 for place in data.places]


def test_labels_of_other_pictures_are_refused_though_they_are_as_many(folder, tmp_path):
    chosen = [IdxPictures(folder, "trainval", count=10, seed=seed) for seed in (0, 1)]
    write_labels(tmp_path / "labels.npz", chosen[0], np.arange(10))
    assert Relabelled(IdxPictures(folder, "trainval", count=10, size=5), tmp_path / "labels.npz")[3]["label"] == 3
    with pytest.raises(ValueError, match="10 other items"):
        Relabelled(chosen[1], tmp_path / "labels.npz")


@pytest.mark.parametrize(("size", "shape"), [(None, (7, 9)), (14, (14, 18)), ([8, 8], (8, 8))])
def test_sizes_are_those_of_pictures(folder, size, shape):
    assert IdxPictures(folder, size=size)[0]["frames"].shape[-2:] == shape


def test_plain_files_and_names_with_a_dot_are_read_too(folder):
    packed = folder / "train-images-idx3-ubyte.gz"
    (folder / "train-images.idx3-ubyte").write_bytes(gzip.decompress(packed.read_bytes()))
    before = IdxPictures(folder)[3]["frames"]
    packed.unlink()
    assert torch.equal(IdxPictures(folder)[3]["frames"], before)


def test_items_pickle_small_and_are_alike_in_other_processes(folder):
    data = IdxPictures(folder, "train")
    assert len(pickle.dumps(data)) < 4000
    ahead = DataLoader(data, batch_size=4, num_workers=1, collate_fn=collate)
    for batch, other in zip(DataLoader(data, batch_size=4, collate_fn=collate), ahead, strict=True):
        assert torch.equal(batch["frames"], other["frames"]) and torch.equal(batch["label"], other["label"])


def test_a_config_names_it(folder):
    (folder / "classes.txt").write_text("shirt\nbag\nshoe\n")
    data = config.make({"name": "IdxPictures", "source": str(folder), "split": "test", "count": 5}, Dataset, "data")
    assert data.classes == ["shirt", "bag", "shoe"] and len(data) == 5


def test_a_changed_file_has_another_fingerprint(folder):
    before = IdxPictures(folder).fingerprint(0)
    assert IdxPictures(folder).fingerprint(1) != before == IdxPictures(folder).fingerprint(0)
    path = folder / "train-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(idx(255 - pictures(40))))
    assert IdxPictures(folder).fingerprint(0) != before
    assert (IdxPictures(folder)[0]["frames"][0, 0].numpy() == 255 - pictures(40)[0]).all()


BAD = {
    "cut": (lambda plain, packed: packed[: len(packed) // 2], "is cut short or damaged"),
    "not packed": (lambda plain, packed: plain, "is cut short or damaged"),
    "too short": (lambda plain, packed: gzip.compress(plain[:-7]), r"cut short.*40 x 7 x 9 bytes.*fetch it again"),
    "labels": (lambda plain, packed: gzip.compress(idx(np.zeros(40, np.uint8))), "must begin with 00000803"),
    "floats": (lambda plain, packed: gzip.compress(b"\0\0\x0d\3" + plain[4:]), "begins with 00000d03"),
    "empty": (lambda plain, packed: b"", "begins with nothing|cut short"),
    "no pictures": (lambda plain, packed: gzip.compress(idx(np.zeros((0, 7, 9), np.uint8))), "is empty"),
    "fewer": (lambda plain, packed: gzip.compress(idx(pictures(39))), "39 pictures but 40 labels"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_is_one_clear_line_that_names_it(folder, kind):
    spoil, told = BAD[kind]
    path = folder / "train-images-idx3-ubyte.gz"
    path.write_bytes(spoil(gzip.decompress(path.read_bytes()), path.read_bytes()))
    with pytest.raises(ValueError, match=told) as caught:
        IdxPictures(folder)
    assert str(folder) in str(caught.value) and "\n" not in str(caught.value)
    assert len(IdxPictures(folder, "test")) == 12  # the other part is as it was


def test_what_is_missing_or_wrong_is_told(folder, tmp_path):
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(ValueError, match=r"tiny lacks t10k-labels-idx1-ubyte\.gz"):
        IdxPictures(folder, "test")
    with pytest.raises(ValueError, match="is no folder; give the one"):
        IdxPictures(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"make it with: python datasets/fashion_mnist/prepare\.py"):
        IdxPictures("cache:fashion_mnist")
    with pytest.raises(ValueError, match="count is from 1 to the 20 pictures of train"):
        IdxPictures(folder, count=21)
    with pytest.raises(ValueError, match="size is None"):
        IdxPictures(folder, size=0)
    with pytest.raises(ValueError, match="2 classes are named, but labels go up to 2"):
        IdxPictures(folder, classes=["a", "b"])


def deb(path: Path, files: dict[str, bytes], ending: str = "xz") -> Path:
    """Write a Debian package of some files by hand: an ar archive with a tar inside."""
    data = io.BytesIO()
    pack = {"xz": tarfile.TarFile.xzopen, "gz": tarfile.TarFile.gzopen, "bz2": tarfile.TarFile.bz2open}[ending]
    with pack("", "w", data) as archive:
        for name, content in files.items():
            about = tarfile.TarInfo(f"./usr/share/{name}")
            about.size = len(content)
            archive.addfile(about, io.BytesIO(content))
    parts = {"debian-binary": b"2.0\n", "control.tar.xz": b"odd", f"data.tar.{ending}": data.getvalue()}
    entries = [
        f"{name:16}{0:<12}{0:<6}{0:<6}{'100644':8}{len(content):<10}`\n".encode() + content + b"\n" * (len(content) % 2)
        for name, content in parts.items()
    ]
    path.write_bytes(b"!<arch>\n" + b"".join(entries))
    return path


def pinned(path: Path) -> Package:
    sha256 = debian.hashlib.sha256(path.read_bytes()).hexdigest()
    return Package(name="toys", version="1", pool=f"pool/{path.name}", sha256=sha256, megabytes=1, licence="MIT")


@pytest.mark.parametrize("ending", ["xz", "gz"])
def test_a_package_gives_its_files_without_dpkg(tmp_path, ending):
    path = deb(tmp_path / "toys_1_all.deb", {"a.txt": b"one", "b.txt": b"two"}, ending)
    with files_of(debian.fetch(pinned(path), tmp_path, tmp_path)) as archive:
        found = {}
        for member in archive:
            file = archive.extractfile(member)
            assert file is not None
            found[Path(member.name).name] = file.read()
    assert found == {"a.txt": b"one", "b.txt": b"two"}


def test_other_bytes_than_the_pinned_are_refused(tmp_path):
    path = deb(tmp_path / "toys_1_all.deb", {"a.txt": b"one"})
    package = pinned(path)
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(PackageError, match="not the pinned"):
        debian.fetch(package, tmp_path, tmp_path)
    with pytest.raises(PackageError, match=r"holds no toys_1_all\.deb"):
        debian.fetch(package, tmp_path, tmp_path / "elsewhere")
    (tmp_path / "text.deb").write_text("hello")
    with pytest.raises(PackageError, match="no Debian package"), files_of(tmp_path / "text.deb"):
        pass
    with pytest.raises(PackageError, match="packed as"), files_of(deb(tmp_path / "odd.deb", {}, "bz2")):
        pass


def test_where_apt_and_the_snapshots_fail_both_reasons_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr(debian.shutil, "which", lambda name: None)
    monkeypatch.setattr(debian, "SNAPSHOT", "http://127.0.0.1:9/debian")  # nobody listens there
    package = pinned(deb(tmp_path / "toys_1_all.deb", {}))
    (tmp_path / "toys_1_all.deb").unlink()
    with pytest.raises(PackageError, match=r"there is no apt-get; http.*is out of reach"):
        debian.fetch(package, tmp_path)


def test_the_recipe_of_fashion_mnist_gathers_once_and_verifies(tmp_path, monkeypatch, capsys):
    spec = importlib.util.spec_from_file_location("fashion_mnist_prepare", PREPARE)
    assert spec is not None and spec.loader is not None
    recipe = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, recipe)
    spec.loader.exec_module(recipe)
    assert len(recipe.FILES) == 4 and len(recipe.CLASSES) == 10
    contents = {name: gzip.compress(idx(pictures(3)), mtime=0) for name in recipe.FILES}
    path = deb(tmp_path / "toys_1_all.deb", contents | {"readme": b"x"})
    monkeypatch.setattr(recipe, "PACKAGE", pinned(path))
    root = tmp_path / "root"
    assert recipe.main(["--root", str(root), "--debs", str(tmp_path)]) == 1
    assert "not the pinned" in capsys.readouterr().err and not list(root.iterdir())
    hashes = {name: debian.hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    monkeypatch.setattr(recipe, "FILES", hashes)
    assert recipe.main(["--root", str(root), "--debs", str(tmp_path)]) == 0
    path.unlink()
    assert recipe.main(["--root", str(root), "--debs", str(tmp_path)]) == 0  # not asked for again
    assert {name: (root / name).read_bytes() for name in contents} == contents
    assert (root / "classes.txt").read_text().split("\n")[9] == "Ankle boot"
