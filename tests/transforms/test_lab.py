"""Lab is scikit-image's, both ways, and the bins are those that the gamut gives."""

import numpy as np
import torch
from skimage.color import lab2rgb, rgb2lab

from avssl.transforms.lab import bins, derive_bins, grey_of, lab_from_rgb, rgb_from_lab


def pictures():
    rng = np.random.default_rng(0)
    dark = rng.random((1, 40, 40, 3)) * 0.02  # where sRGB and the cube root are lines
    return np.concatenate([rng.random((2, 40, 40, 3)), dark, np.zeros((1, 40, 40, 3)), np.ones((1, 40, 40, 3))])


def test_lab_is_that_of_scikit_image():
    rgb = pictures()
    ours = lab_from_rgb(torch.from_numpy(rgb).float().movedim(-1, 1)).movedim(1, -1).numpy()
    assert np.abs(ours - rgb2lab(rgb)).max() < 1e-3


def test_the_way_back_is_that_of_scikit_image_and_ends_where_it_began():
    rgb = pictures()
    lab = rgb2lab(rgb)
    ours = rgb_from_lab(torch.from_numpy(lab).float().movedim(-1, 1)).movedim(1, -1).numpy()
    assert np.abs(ours - lab2rgb(lab)).max() < 1e-3
    assert np.abs(ours - rgb).max() < 1e-3


def test_grey_has_the_lightness_and_three_equal_channels():
    lab = lab_from_rgb(torch.rand(2, 3, 8, 8))
    grey = grey_of(lab)
    assert (grey.amax(1) - grey.amin(1)).max() < 1e-3
    assert (lab_from_rgb(grey)[:, 0] - lab[:, 0]).abs().max() < 1e-2


def test_there_are_313_bins_and_the_gamut_gives_them():
    assert bins().shape == (313, 2)
    assert torch.equal(bins(), derive_bins())
