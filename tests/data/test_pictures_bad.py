"""Pictures that are not as they should be: one clear line each or rightly converted, and a run goes on and counts."""

import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from avssl import config
from avssl.data import Pictures
from avssl.media.errors import MediaError
from avssl.training import TrainingError, train
from avssl.training.journal import read

SIDE = 40
BAD = {
    "cut.jpg": "the picture cannot be read",
    "cut.png": "the picture cannot be read",
    "empty.png": "not a picture of a kind that is read here",
    "text.jpg": "not a picture of a kind that is read here",
    "head.png": "the picture cannot be read",
    "float.tif": "floating point grey values have no known white",
}


def scene() -> np.ndarray:
    """Red above blue with grain, uint8 ``(40, 40, 3)``."""
    picture = np.random.default_rng(0).integers(0, 30, (SIDE, SIDE, 3), dtype=np.uint8)
    picture[: SIDE // 2, :, 0] += 200
    picture[SIDE // 2 :, :, 2] += 200
    return picture


@pytest.fixture(scope="module")
def zoo(tmp_path_factory):
    """Six good pictures of odd kinds, and six bad ones."""
    folder = tmp_path_factory.mktemp("zoo")
    image = Image.fromarray(scene())
    image.save(folder / "plain.png")
    image.save(folder / "whole.jpg", quality=95)
    image.convert("CMYK").save(folder / "cmyk.jpg", quality=95)
    image.convert("L").save(folder / "grey.png")
    Image.fromarray(scene()[..., 0].astype(np.uint16) * 257).save(folder / "deep.png")
    ghost = image.convert("RGBA")
    ghost.putalpha(Image.fromarray(np.repeat(np.array([[255], [0]], np.uint8), SIDE // 2, 0).repeat(SIDE, 1)))
    ghost.save(folder / "ghost.png")
    exif = Image.Exif()
    exif[0x0112] = 3  # turn by 180 degrees to display
    image.save(folder / "turned.jpg", exif=exif, quality=95)
    image.save(folder / "moving.gif", save_all=True, append_images=[Image.new("RGB", (SIDE, SIDE))], duration=50)
    for name in ("cut.jpg", "cut.png"):
        whole = (folder / {"cut.jpg": "whole.jpg", "cut.png": "plain.png"}[name]).read_bytes()
        (folder / name).write_bytes(whole[: len(whole) // 2])
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.jpg").write_text("<html>not found</html>")
    (folder / "head.png").write_bytes((folder / "plain.png").read_bytes()[:33])
    Image.fromarray(scene()[..., 0].astype(np.float32) / 255).save(folder / "float.tif")
    return folder


def look(zoo, name, **options) -> torch.Tensor:
    """Return one picture of the zoo, float ``(3, H, W)``."""
    data = Pictures(zoo, **options)
    number = [recording.path.name for recording in data.recordings].index(name)
    return data[number]["frames"][0, 0].float()


@pytest.mark.parametrize("name", ["whole.jpg", "cmyk.jpg", "moving.gif"])
def test_whatever_the_file_the_colours_are_those_of_the_picture(zoo, name):
    seen, true = look(zoo, name), torch.from_numpy(scene()).permute(2, 0, 1).float()
    assert (seen.mean((1, 2)) - true.mean((1, 2))).abs().max() < 8
    assert (seen[:, :15].mean((1, 2)) - true[:, :15].mean((1, 2))).abs().max() < 12  # not upside down, first frame


def test_sixteen_bits_are_scaled_and_not_cut_off(zoo):
    seen = look(zoo, "deep.png")
    assert (seen == torch.from_numpy(scene()[..., 0]).float()).all() and (seen[0] == seen[2]).all()


def test_grey_becomes_three_equal_channels(zoo):
    seen = look(zoo, "grey.png")
    assert (seen[0] == seen[1]).all() and (seen[1] == seen[2]).all() and seen.std() > 5


def test_a_camera_that_was_upside_down_is_righted(zoo):
    seen = look(zoo, "turned.jpg")
    assert seen[2, :15].mean() > 150 > 50 > seen[0, :15].mean()  # blue above red now


@pytest.mark.parametrize("ground", [(0, 0, 0), (128, 128, 128), (250, 10, 20)])
def test_what_is_transparent_shows_the_ground(zoo, ground):
    seen = look(zoo, "ghost.png", ground=list(ground))
    assert seen[:, SIDE // 2 :].flatten(1).unique(dim=1).squeeze().tolist() == list(ground)
    assert seen[0, :15].mean() > 150


def wide(tmp_path):
    """A picture of three squares side by side: red, green, blue."""
    picture = np.zeros((20, 60, 3), np.uint8)
    for channel in range(3):
        picture[:, channel * 20 : channel * 20 + 20, channel] = 200
    Image.fromarray(picture).save(tmp_path / "wide.png")
    return tmp_path


def test_a_wide_picture_is_stretched_covered_or_contained(tmp_path):
    folder = wide(tmp_path)
    stretched = look(folder, "wide.png", size=[20, 20])
    assert [int(stretched[:, 10, x].argmax()) for x in (2, 10, 17)] == [0, 1, 2]
    covered = look(folder, "wide.png", size=[20, 20], fit="cover")
    assert (covered[1] == 200).all() and not covered[0].any() and not covered[2].any()
    contained = look(folder, "wide.png", size=[30, 30], fit="contain", ground=[9, 9, 9])
    assert (contained[:, :10] == 9).all() and (contained[:, 20:] == 9).all()
    assert [int(contained[:, 15, x].argmax()) for x in (3, 15, 26)] == [0, 1, 2]
    tall = look(folder, "wide.png", size=[40, 10], fit="cover")
    assert tall.shape == (3, 40, 10) and (tall[1] == 200).all()


@pytest.mark.parametrize("size", [[17, 23], [40, 10], [7, 64], [1, 1]])
@pytest.mark.parametrize("fit", ["stretch", "cover", "contain"])
def test_every_shape_comes_to_the_size_asked_for(zoo, tmp_path, size, fit):
    assert look(zoo, "plain.png", size=size, fit=fit).shape == (3, *size)
    assert look(wide(tmp_path), "wide.png", size=size, fit=fit).shape == (3, *size)


@pytest.mark.parametrize("name", BAD)
def test_a_bad_picture_is_one_line_that_names_it_or_left_out(zoo, name):
    data = Pictures(zoo)
    number = [recording.path.name for recording in data.recordings].index(name)
    with pytest.raises(MediaError, match=BAD[name]) as caught:
        data[number]
    assert name in str(caught.value) and "\n" not in str(caught.value)
    assert Pictures(zoo, on_bad="skip")[number]["failure"]["path"].endswith(name)


def test_a_picture_below_the_least_is_a_bad_one(zoo):
    with pytest.raises(MediaError, match=r"plain\.png.*is 40x40, and the shorter side must have 41 px"):
        look(zoo, "plain.png", least=41, size=[64, 64])
    assert look(zoo, "plain.png", least=40).shape == (3, SIDE, SIDE)


def test_sources_without_pictures_and_settings_that_cannot_be_are_refused(zoo, tmp_path):
    with pytest.raises(ValueError, match="holds no picture; known endings"):
        Pictures(tmp_path)
    with pytest.raises(ValueError, match="does not exist"):
        Pictures(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"python datasets/colour/prepare\.py"):
        Pictures("cache:colour/nowhere")
    with pytest.raises(ValueError, match=r"fit=cover needs a fixed size, \[height, width\]; got size=32"):
        Pictures(zoo, size=32, fit="cover")
    with pytest.raises(ValueError, match="from 0 to 255"):
        Pictures(zoo, ground=(0, 0, 256))


def step(data, out, patch=9, **settings):
    """Take training steps of relative position, as a config does."""
    torch.manual_seed(0)
    encoder = {"name": "SmallNet", "dim": 8, "width": 4}
    method = {"name": "RelativePosition", "encoder": encoder, "patch": patch, "gap": 3, "jitter": 1}
    train(
        data=config.make({"name": "Pictures"} | data, "avssl.data.Dataset"),
        method=config.make(method, "avssl.methods.Method"),
        optim=config.make({"name": "AdamW", "lr": 1e-3}, "avssl.training.Optim"),
        out=out,
        **{"steps": 3, "batch_size": 14, "workers": 0, "accelerator": "cpu", "log_every": 1} | settings,
    )


def test_a_run_over_the_zoo_goes_on_and_tells_each_bad_picture_once(zoo, tmp_path, capsys):
    step({"source": str(zoo), "size": [36, 36], "on_bad": "skip"}, tmp_path)
    failures = read(tmp_path / "failures.jsonl")
    assert {failure["path"].rsplit("/", 1)[1] for failure in failures} == set(BAD)
    assert "6 recordings could not be read and were left out" in capsys.readouterr().out
    assert all(np.isfinite(record.get("loss", 0)) for record in read(tmp_path / "log.jsonl"))


@pytest.mark.parametrize("workers", [0, 1])
def test_a_run_stops_at_a_bad_picture_in_one_line_by_default(zoo, tmp_path, workers):
    with pytest.raises(TrainingError, match=r"\.(jpg|png|tif).*; on_bad=skip on the data leaves such") as caught:
        step({"source": str(zoo), "size": [36, 36]}, tmp_path, workers=workers)
    assert "\n" not in str(caught.value)


def test_a_run_on_nothing_but_bad_pictures_says_so(zoo, tmp_path):
    for name in BAD:
        (tmp_path / "bad").mkdir(exist_ok=True)
        shutil.copy(zoo / name, tmp_path / "bad" / name)
    with pytest.raises(TrainingError, match="could be read"):
        step({"source": str(tmp_path / "bad"), "on_bad": "skip"}, tmp_path / "run", batch_size=6)


def test_pictures_smaller_than_the_patches_are_told_with_what_to_do(zoo, tmp_path):
    with pytest.raises(ValueError, match="need pictures of 104 x 104 px; got 36 x 36; load them larger") as caught:
        step({"source": str(zoo), "size": [36, 36], "on_bad": "skip"}, tmp_path, patch=32)
    assert "\n" not in str(caught.value)
