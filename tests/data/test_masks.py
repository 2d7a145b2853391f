"""Masks come with the frames that they are of, from folders of PNGs and from arrays."""

import csv

import numpy as np
import pytest
import torch
from PIL import Image

from avssl.data import DataError, Videos
from avssl.sampling import Consecutive, frames

HEIGHT, WIDTH, FRAMES = 24, 32, 3


def painted(number):
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[4 : 8 + number, 6:20] = 1
    mask[12:20, number : 10 + number] = 2
    mask[0] = 255
    return mask


@pytest.fixture
def root(tmp_path):
    for folder in ("film", "masks"):
        (tmp_path / folder).mkdir()
    for number in range(FRAMES):
        rng = np.random.default_rng(number)
        Image.fromarray(rng.integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)).save(tmp_path / f"film/{number:05d}.png")
        mask = Image.fromarray(painted(number), "L").convert("P")
        mask.putdata(painted(number).ravel().tolist())
        mask.save(tmp_path / f"masks/{number:05d}.png")
    manifest(tmp_path, "masks")
    return tmp_path


def manifest(root, masks):
    with open(root / "manifest.csv", "w", newline="") as file:
        csv.writer(file).writerows([["path", "masks"], ["film", masks]])


def test_masks_come_with_their_frames_and_only_where_they_are_asked_for(root):
    item = Videos(root, Consecutive(stride=frames(2)), masks=True)[0]
    assert item["masks"].shape == (1, 2, HEIGHT, WIDTH) and item["masks"].dtype == torch.uint8
    assert (item["masks"][0].numpy() == np.stack([painted(0), painted(2)])).all()
    assert "masks" not in Videos(root, Consecutive())[0]


def test_masks_follow_the_size_without_mixing_numbers(root):
    item = Videos(root, Consecutive(), size=(12, 48), masks=True)[0]
    assert item["masks"].shape == (1, 3, 12, 48) and set(item["masks"].unique().tolist()) == {0, 1, 2}


@pytest.mark.parametrize("name", ["masks", "parts"])
def test_an_archive_of_arrays_holds_the_same(root, name):
    np.savez(root / "all.npz", **{name: np.stack([painted(number) for number in range(FRAMES)])})
    manifest(root, "all.npz")
    assert (Videos(root, Consecutive(), masks=True)[0]["masks"][0, 1].numpy() == painted(1)).all()


def test_where_the_first_frame_alone_is_painted_the_others_are_void(root):
    for number in (1, 2):
        (root / f"masks/{number:05d}.png").unlink()
    found = Videos(root, Consecutive(), masks=True)[0]["masks"][0].numpy()
    assert (found[0] == painted(0)).all() and (found[1:] == 255).all()


def test_what_is_missing_or_does_not_fit_is_told_in_one_line(root):
    (root / "masks/00001.png").unlink()
    with pytest.raises(DataError, match=r"masks of 2 of the 3 frames of .*film \(none of 00001\)"):
        Videos(root, Consecutive(), masks=True)[0]
    Image.fromarray(painted(1)[:20]).save(root / "masks/00001.png")
    with pytest.raises(DataError, match="the mask is 32x20, its picture 32x24"):
        Videos(root, Consecutive(), masks=True)[0]
    Image.new("RGB", (WIDTH, HEIGHT)).save(root / "masks/00001.png")
    with pytest.raises(DataError, match="a mask of mode RGB"):
        Videos(root, Consecutive(), masks=True)[0]
    np.savez(root / "all.npz", masks=np.zeros((2, HEIGHT, WIDTH), np.uint8))
    manifest(root, "all.npz")
    with pytest.raises(DataError, match=r"masks should be uint8 \(3, 24, 32\); got uint8 \(2, 24, 32\)"):
        Videos(root, Consecutive(), masks=True)[0]
    manifest(root, "nowhere")
    with pytest.raises(DataError, match=r"nowhere does not exist; the masks of .*film should lie there"):
        Videos(root, Consecutive(), masks=True)[0]
    manifest(root, "")
    with pytest.raises(DataError, match="has no masks; give its manifest a column masks"):
        Videos(root, Consecutive(), masks=True)[0]


def test_masks_that_change_change_the_fingerprint(root):
    videos = Videos(root, Consecutive(), masks=True)
    before = videos.fingerprint(0)
    np.savez(root / "all.npz", masks=np.zeros((3, HEIGHT, WIDTH), np.uint8))
    manifest(root, "all.npz")
    assert Videos(root, Consecutive(), masks=True).fingerprint(0) != before
