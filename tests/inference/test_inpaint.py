"""Anybody's pictures, with a hole, filled and as they were, in files; what cannot be read is told."""

import re

import numpy as np
import pytest
import torch
from PIL import Image

from avssl import config
from avssl.config import ConfigError
from avssl.inference.inpaint import inpaint
from avssl.media.pictures import read_picture
from avssl.training import train

FILLS = {"name": "ContextEncoder", "size": 16, "overlap": 1, "width": 2, "views": [{"name": "Crop", "size": 16}]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(4):
        pixels = np.random.default_rng(number).integers(0, 256, (30, 24, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    (folder / "cut.jpg").write_bytes(b"\xff\xd8\xff\xe0no more")
    return folder


def trained(method, out, folder):
    torch.manual_seed(0)
    method = {"encoder": {"name": "SmallNet", "dim": 8, "width": 2}} | method
    data = {"name": "Pictures", "source": str(folder), "size": [20, 20], "on_bad": "skip"}
    optim = config.make({"name": "AdamW", "lr": 1e-3}, "avssl.training.Optim")
    train(
        method=config.make(method, "avssl.methods.Method"),
        data=config.make(data, "avssl.data.Dataset"),
        optim=optim,
        adversary=optim if method["name"] == "ContextEncoder" else None,
        out=out,
        steps=1,
        batch_size=4,
        workers=0,
        accelerator="cpu",
        tensorboard=False,
    )
    return out


@pytest.fixture(scope="module")
def run(tmp_path_factory, folder):
    return trained(FILLS, tmp_path_factory.mktemp("run"), folder)


def test_each_picture_is_written_with_its_hole_filled_and_as_it_was(run, folder, capsys):
    out = inpaint(files=[folder], run=run, device="cpu")
    printed = capsys.readouterr().out
    assert out == run / "inpainted" and (out / "sheet.png").is_file()
    assert "4 pictures filled, 1 left out" in printed and printed.count("left out: ") == 1 and "cut.jpg" in printed
    assert re.search(r"in the holes \d\.\d{4}, of the mean colour seen \d\.\d{4} \(values", printed)
    hole, filled, truth = np.split(np.asarray(Image.open(out / "2.png")), 3, axis=1)
    assert np.array_equal(truth, read_picture(folder / "2.png", (20, 20))[2:18, 2:18])
    inside = (hole != truth).any(2)
    assert 0.2 < inside.mean() <= 0.25
    assert np.array_equal(filled[~inside], truth[~inside]) and not np.array_equal(filled[inside], truth[inside])


def test_the_seed_moves_the_holes(run, folder, tmp_path):
    for seed in (0, 0, 1):
        inpaint(files=[folder / "0.png"], run=run, out=tmp_path / str(seed), seed=seed, device="cpu")
    first, other = (np.asarray(Image.open(tmp_path / name / "0.png")) for name in "01")
    assert np.array_equal(first, np.asarray(Image.open(tmp_path / "0" / "0.png"))) and not np.array_equal(first, other)


def test_what_cannot_be_filled_is_told_in_one_line(run, folder, tmp_path):
    with pytest.raises(ConfigError, match="does not exist"):
        inpaint(files=[tmp_path / "none.png"], run=run)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="holds no picture"):
        inpaint(files=[tmp_path / "empty"], run=run)
    with pytest.raises(ConfigError, match="give at least one"):
        inpaint(files=[], run=run)
    with pytest.raises(ConfigError, match="none of 1 could be read"):
        inpaint(files=[folder / "cut.jpg"], run=run, device="cpu")
    other = trained({"name": "Rotation"}, tmp_path / "rotation", folder)
    with pytest.raises(ConfigError, match=r"Rotation of .* fills no holes"):
        inpaint(files=[folder], run=other)
