"""The recipe of the colour sets: what is kept, on which side, and that sides share no thing; no network."""

import csv
import hashlib
import importlib.util
import io
import sys
import tarfile
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from PIL import Image

from avssl.data import Pictures
from avssl.data.sets.fixtures.media import write_video
from avssl.media.pictures import read_picture

PREPARE = Path(__file__).parents[2] / "datasets" / "colour" / "prepare.py"


@pytest.fixture
def recipe(monkeypatch, tmp_path):
    monkeypatch.setenv("AVSSL_CACHE", str(tmp_path / "cache"))
    spec = importlib.util.spec_from_file_location("colour_prepare", PREPARE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


def png(size=(300, 400), alpha=False, seed=0):
    """A noisy colour picture as the bytes of a PNG; its right half transparent on demand."""
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 4), dtype=np.uint8)
    pixels[..., 3] = 255
    pixels[:, size[1] // 2 :, 3] = 0 if alpha else 255
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def write_deb(folder, package, files):
    """Write a package by hand, and return it pinned to what was written."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:xz") as archive:
        for name, content in files.items():
            about = tarfile.TarInfo(f"./usr/share/{name}")
            about.size = len(content)
            archive.addfile(about, io.BytesIO(content))
    content = data.getvalue()
    header = f"{'data.tar.xz':16}{0:<12}{0:<6}{0:<6}{'100644':8}{len(content):<10}`\n".encode()
    path = folder / Path(package.pool).name
    path.write_bytes(b"!<arch>\n" + header + content)
    return replace(package, sha256=hashlib.sha256(path.read_bytes()).hexdigest())


def rows_of(root):
    with (root / "manifest.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_stamps_lie_on_grey_with_the_folder_as_label_and_takes_of_a_thing_together(recipe, tmp_path, monkeypatch):
    stamps = "tuxpaint/stamps"
    names = [f"food/fruit/{name}.png" for name in ("apple_green", "apple_red", "pear", "plum1", "plum2", "fig")]
    files = {f"{stamps}/{name}": png((300, 400), alpha=True, seed=seed) for seed, name in enumerate(names)}
    others = ("food/fruit/cartoon/apple.png", "food/fruit/pear_mirror.png", "symbols/a.png", "food/fruit/fig.svg")
    files |= {f"{stamps}/{name}": png((8, 8)) for name in others}
    monkeypatch.setattr(recipe, "STAMPS", write_deb(tmp_path, recipe.STAMPS, files))
    root = tmp_path / "root"
    assert recipe.main(["--root", str(root), "--only", "stamps", "--debs", str(tmp_path)]) == 0
    rows = rows_of(root / "stamps")
    assert sorted(row["path"] for row in rows) == sorted(f"fruit/{Path(name).name}" for name in names)
    assert {row["label"] for row in rows} == {"fruit"} and all(row["licence"] and row["source"] for row in rows)
    sides = {row["group"]: set() for row in rows}
    for row in rows:
        sides[row["group"]].add(row["split"])
    assert set(sides) == {"fruit/apple", "fruit/pear", "fruit/plum", "fruit/fig"}
    assert all(len(side) == 1 for side in sides.values()) and {"train", "test"} == set.union(*sides.values())
    item = Pictures(root / "stamps", split="train", size=(64, 64), fit="contain", ground=(128, 128, 128))[0]
    assert (item["frames"][0, 0, :, :, 34:] == 128).all() and item["frames"][0, 0, :, 10:50, :30].float().std() > 10
    assert read_picture(root / "stamps" / rows[0]["path"]).shape == (192, 256, 3)
    whole = rows_of(root)
    assert len(whole) == 6 and not any(row["label"] for row in whole)
    assert len(Pictures(root, split="test")) == sum(row["split"] == "test" for row in rows)


def test_wallpapers_become_tiles_without_the_plain_and_the_pale(recipe, tmp_path, monkeypatch):
    grey = np.random.default_rng(0).integers(0, 256, (64, 128), dtype=np.uint8)
    pale, plain = io.BytesIO(), io.BytesIO()
    Image.fromarray(grey).convert("RGB").save(pale, "PNG")
    Image.new("RGB", (128, 64), (200, 30, 30)).save(plain, "PNG")
    blotches = np.random.default_rng(1).integers(0, 256, (2, 4, 3), dtype=np.uint8).repeat(32, 0).repeat(32, 1)
    blotches[:32] //= 2  # each tile has more than one shade
    gradient = (blotches * np.linspace(0.3, 1, 64)[:, None, None]).astype(np.uint8)
    rich = io.BytesIO()
    Image.fromarray(gradient).save(rich, "PNG")
    files = {"pale.png": pale, "plain.png": plain, "rich.png": rich, "rich_5640x3172.png": rich}
    package = write_deb(tmp_path, recipe.WALLPAPERS[0], {f"backgrounds/x/{n}": f.getvalue() for n, f in files.items()})
    monkeypatch.setattr(recipe, "WALLPAPERS", (package,))
    root = tmp_path / "root"
    assert recipe.main(["--root", str(root), "--only", "wallpapers", "--debs", str(tmp_path)]) == 0
    rows = rows_of(root / "wallpapers")
    assert rows and {row["group"] for row in rows} == {f"{package.name}/rich"}
    assert {read_picture(root / "wallpapers" / row["path"]).shape for row in rows} == {(256, 256, 3)}


def test_frames_of_the_two_sides_are_apart_in_time(recipe, tmp_path, capsys):
    root = tmp_path / "root"
    assert recipe.main(["--root", str(root), "--only", "frames"]) == 1
    assert "datasets/samples/prepare.py" in capsys.readouterr().err and not (root / "frames").exists()
    samples = tmp_path / "cache" / "samples"
    for name in ("one", "two"):
        write_video(samples / f"{name}.mp4", frames=50, seed=name)
    (samples / "manifest.csv").write_text(
        "path,split,label,start,end,licence,source\n"
        "one.mp4,train,x,0,1,MIT,p\none.mp4,train,x,1,2,MIT,p\ntwo.mp4,train,x,,,MIT,p\n"
    )
    assert recipe.main(["--root", str(root), "--only", "frames"]) == 0
    rows = rows_of(root / "frames")
    count = {(name, side): 0 for name in ("one", "two") for side in ("train", "test")}
    for row in rows:
        count[row["label"], row["split"]] += 1
    assert count == {("one", "train"): 14, ("one", "test"): 6, ("two", "train"): 14, ("two", "test"): 6}
    data = Pictures(root / "frames", split="test")
    assert data.classes == ["one", "two"] and data[0]["frames"].shape == (1, 1, 3, 128, 171)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("animals/mammals/cow.png", "mammals"),
        ("household/tools/saw.png", "household"),
        ("vehicles/auto/sedan.png", "vehicles"),
        ("vehicles/ship/cartoon/tugboat.png", None),
        ("town/houses/one.png", None),
        ("animals/mammals/cow.svg", None),
    ],
)
def test_a_stamp_has_the_class_of_its_folder(recipe, path, found):
    assert recipe.class_of(PurePosixPath(path)) == found


@pytest.mark.parametrize(
    ("name", "group"),
    [("apple_green.png", "apple"), ("flower10.png", "flower"), ("01_Sun.png", "sun"), ("123.png", "123")],
)
def test_a_group_is_the_first_word_of_a_name(recipe, name, group):
    assert recipe.group_of(PurePosixPath(name)) == group
