"""Anybody's pictures grey, coloured and as they were, in files; what cannot be read is told."""

import numpy as np
import pytest
import torch
from PIL import Image

from avssl import config
from avssl.config import ConfigError
from avssl.inference.colorization import colored, colorize, free, measured
from avssl.training import train
from avssl.transforms.lab import lab_from_rgb

SIZES = [(30, 24), (20, 20), (64, 90), (7, 300)]  # height and width


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    for number, size in enumerate(SIZES):
        pixels = np.random.default_rng(number).integers(90, 160, (*size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    (folder / "cut.jpg").write_bytes(b"\xff\xd8\xff\xe0no more")
    return folder


def trained(method, out, folder):
    torch.manual_seed(0)
    settings = {"name": method, "encoder": {"name": "SmallNet", "dim": 8, "width": 2}}
    data = {"name": "Pictures", "source": str(folder), "size": [20, 20], "on_bad": "skip"}
    train(
        method=config.make(settings, "avssl.methods.Method"),
        data=config.make(data, "avssl.data.Dataset"),
        optim=config.make({"name": "AdamW", "lr": 1e-3}, "avssl.training.Optim"),
        out=out,
        steps=1,
        batch_size=4,
        workers=0,
        accelerator="cpu",
        tensorboard=False,
    )
    return out


@pytest.fixture(scope="module", params=["Colorization", "HypercolumnColorization"])
def run(tmp_path_factory, folder, request):
    return trained(request.param, tmp_path_factory.mktemp(request.param), folder)


def lightness(picture):
    return lab_from_rgb(torch.from_numpy(picture.copy()).permute(2, 0, 1).float() / 255)[0]


def test_each_picture_of_any_size_is_written_grey_coloured_and_as_it_was(run, folder, capsys):
    out = colorize(files=[folder], run=run, device="cpu")
    printed = capsys.readouterr().out
    assert out == run / "colorized" and (out / "sheet.png").is_file()
    assert "4 pictures coloured, 1 left out" in printed and printed.count("left out: ") == 1 and "cut.jpg" in printed
    for number, (height, width) in enumerate(SIZES):
        grey, coloured, truth = np.split(np.asarray(Image.open(out / f"{number}.png")), 3, axis=1)
        assert np.array_equal(truth, np.asarray(Image.open(folder / f"{number}.png")))
        assert grey.shape == coloured.shape == (height, width, 3) and (np.ptp(grey, axis=2) <= 1).all()
        assert (lightness(grey) - lightness(truth)).abs().max() < 0.5


class Red:
    """Gives everything the colours of one red, whatever the size."""

    def colorize(self, pictures):
        assert pictures.shape[1:] == (3, 10, 15)
        return torch.tensor([0.8, 0.4, 0.4]).view(1, 3, 1, 1).expand_as(pictures)


def test_the_method_sees_the_size_asked_for_and_colours_come_back_at_the_picture_s():
    truth = np.tile(np.array([204, 102, 102], np.uint8), (40, 60, 1))
    (grey, drawn, same), (error, none) = colored(Red(), truth, 10, "cpu")
    assert grey.shape == drawn.shape == (40, 60, 3) and np.array_equal(same, truth)
    assert np.abs(drawn.astype(int) - truth).max() <= 1 and error < 1 and none > 30


class Yellow:
    """Gives everything the colours of the strongest yellow."""

    def colorize(self, pictures):
        return torch.tensor([1.0, 1, 0]).view(1, 3, 1, 1).expand_as(pictures)


def test_colours_that_no_screen_can_show_are_cut_off_without_a_word():
    (_, drawn, _), _ = colored(Yellow(), np.full((8, 8, 3), 5, np.uint8), None, "cpu")  # warnings would be errors
    assert (drawn[..., 2] == 0).all() and drawn.max() < 60


def test_pictures_of_one_name_do_not_write_over_each_other(run, folder, tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        Image.open(folder / "1.png").save(tmp_path / name / "same.png")
    out = colorize(files=[tmp_path / "a", tmp_path / "b"], run=run, out=tmp_path / "out", device="cpu")
    assert sorted(path.name for path in out.iterdir()) == ["same.png", "same_2.png", "sheet.png"]
    assert free("x", {"x", "x_2"}) == "x_3"


def test_what_cannot_be_coloured_is_told_in_one_line(run, folder, tmp_path):
    with pytest.raises(ConfigError, match="does not exist"):
        colorize(files=[tmp_path / "none.png"], run=run)
    with pytest.raises(ConfigError, match="give at least one"):
        colorize(files=[], run=run)
    with pytest.raises(ConfigError, match="none of 1 could be read"):
        colorize(files=[folder / "cut.jpg"], run=run, device="cpu")


def test_a_run_that_gives_no_colours_is_refused(folder, tmp_path):
    other = trained("Rotation", tmp_path / "rotation", folder)
    with pytest.raises(ConfigError, match=r"Rotation of .* gives no colours; name one that does"):
        colorize(files=[folder], run=other)


def test_pictures_without_colours_tell_no_truth():
    assert measured([(3.0, 0.01)]) == "nothing is measured: no picture came with colours"
    both = measured([(3.0, 0.0), (10.0, 20.0)])
    assert "CIE Lab 10.00; of no colour at all 20.00" in both and "left out of it: 1 that came without colours" in both
    assert "without colours" not in measured([(10.0, 20.0)])
