"""Pictures are items like frames of videos, whatever their format."""

import numpy as np
import pytest
import torch
from PIL import Image

from avssl.data import Pictures
from avssl.media.errors import MediaError


@pytest.fixture
def tree(tmp_path):
    for name, color in (("cat/a.png", (255, 0, 0)), ("cat/b.png", (0, 255, 0)), ("dog/c.png", (0, 0, 255))):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (20, 12), color).save(tmp_path / name)
    return tmp_path


def test_a_tree_gives_one_frame_an_item_with_its_class(tree):
    data = Pictures(tree)
    item = data[7, 2]
    assert item["frames"].shape == (1, 1, 3, 12, 20) and item["frames"].dtype == torch.uint8
    assert item["frames"][0, 0, :, 5, 5].tolist() == [0, 0, 255]
    assert data.classes == ["cat", "dog"] and item["label"] == 1 and item["path"].endswith("c.png")
    assert item["valid"].all() and item["key"].tolist() == [0, 7, 2]


@pytest.mark.parametrize(("size", "shape"), [(None, (12, 20)), (6, (6, 10)), ([8, 8], (8, 8))])
def test_sizes_are_those_of_videos(tree, size, shape):
    assert Pictures(tree, size=size)[0]["frames"].shape[-2:] == shape


@pytest.mark.parametrize("mode", ["L", "P", "CMYK", "RGBA", "I;16", "1", "LA"])
def test_every_mode_becomes_rgb(tmp_path, mode):
    grey = np.full((6, 6), 128, np.uint16) * 257
    image = Image.fromarray(grey) if mode == "I;16" else Image.new("RGB", (6, 6), (128, 128, 128)).convert(mode)
    image.save(tmp_path / ("a.jpg" if mode == "CMYK" else "a.png"))
    frames = Pictures(tmp_path)[0]["frames"]
    assert frames.shape == (1, 1, 3, 6, 6)
    assert mode == "1" or (frames.float().mean() - 128).abs() < 4


def test_a_broken_picture_raises_or_is_told(tree):
    (tree / "cat" / "b.png").write_bytes((tree / "cat" / "b.png").read_bytes()[:50])
    with pytest.raises(MediaError, match=r"b\.png.*cannot be read"):
        Pictures(tree)[1]
    failure = Pictures(tree, on_bad="skip")[1]["failure"]
    assert failure["path"].endswith("b.png") and "cannot be read" in failure["error"]


def test_a_manifest_may_give_several_labels(tree):
    (tree / "list.csv").write_text("path,labels\ncat/a.png,cat | ?dog\ndog/c.png,dog\n")
    item = Pictures(tree / "list.csv")[0]
    assert item["labels"][0] == 1 and item["labels"][1].isnan()


def test_a_changed_file_has_another_fingerprint(tree):
    data = Pictures(tree)
    before = data.fingerprint(0)
    assert Pictures(tree).fingerprint(0) == before
    Image.new("RGB", (40, 30)).save(tree / "cat" / "a.png")
    assert data.fingerprint(0) != before and str(tree / "cat" / "a.png") in before


@pytest.mark.parametrize("row", ["cat/a.png,dog,x", "cat/a.png,cat,y"])
def test_what_a_manifest_says_anew_of_the_same_file_has_another_fingerprint(tree, row):
    prints = []
    for line in ("cat/a.png,cat,x", row):
        (tree / "list.csv").write_text(f"path,label,group\n{line}\ndog/c.png,dog,z\ncat/b.png,cat,z\n")
        prints.append(Pictures(tree / "list.csv").fingerprint(0))
    assert prints[0] != prints[1]


def test_a_seed_changes_what_methods_draw_for_a_picture_and_not_the_picture(tmp_path):
    Image.new("RGB", (4, 4), (10, 20, 30)).save(tmp_path / "one.png")
    first, second = (Pictures(tmp_path, seed=seed)[3, 0] for seed in (0, 1))
    assert first["key"].tolist() == [0, 3, 0] and second["key"].tolist() == [1, 3, 0]
    assert torch.equal(first["frames"], second["frames"])
