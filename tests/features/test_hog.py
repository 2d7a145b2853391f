"""HOG as an encoder tells edges by their direction and their place, whatever the light."""

import numpy as np
import pytest
import torch
from skimage.feature import hog

from avssl.evaluation.baselines import reinitialised
from avssl.features.hog import Hog


def bars(horizontal, side=32):
    picture = torch.zeros(3, side, side)
    picture[:, ::8] = 1
    picture[:, 1::8] = 1
    return picture if horizontal else picture.transpose(1, 2)


@pytest.mark.parametrize("size", [(32, 32), (29, 47), (64, 48), (17, 90)])
def test_features_are_those_of_scikit_image_picture_by_picture(size, monkeypatch):
    monkeypatch.setattr("avssl.features.hog.PIXELS", 2 * size[0] * size[1])  # a few passes
    pictures = torch.randint(0, 256, (5, 3, *size), generator=torch.Generator().manual_seed(0)).float() / 255
    pictures[1] = pictures[1, :1]  # grey
    pictures[2, :, 8:] = 0.5  # edges in few blocks alone
    cell = max(2, min(size) // 8)
    expected = [
        hog(one.permute(1, 2, 0).numpy(), 9, (cell, cell), (2, 2), "L2-Hys", feature_vector=False, channel_axis=-1)
        for one in pictures
    ]
    found = Hog(size).taps(pictures, ["hog"])["hog"].permute(0, 2, 3, 1).numpy()
    np.testing.assert_allclose(found, np.stack(expected).reshape(found.shape), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("size", [(32, 32), (64, 48), (20, 30)])
def test_features_are_as_long_as_told(size):
    encoder = Hog(size)
    assert encoder(torch.rand(2, 3, *size)).shape == (2, encoder.dim)


def test_directions_are_told_apart_and_light_is_not():
    encoder = Hog((32, 32))
    across, down, darker = encoder(torch.stack([bars(True), bars(False), 0.2 + 0.5 * bars(True)]))
    assert torch.nn.functional.cosine_similarity(across, down, dim=0) < 0.6
    assert torch.nn.functional.cosine_similarity(across, darker, dim=0) > 0.99


def test_blocks_stand_where_the_edges_are():
    picture = torch.zeros(1, 3, 64, 64)
    picture[..., 40:44, 8:12] = 1
    blocks = Hog((64, 64)).taps(picture, ["hog"])["hog"][0].sum(0)
    row, column = divmod(int(blocks.argmax()), blocks.shape[1])
    assert row in (4, 5) and column in (0, 1)


def test_pictures_that_are_too_small_are_refused():
    with pytest.raises(ValueError, match="too small for HOG"):
        Hog((3, 3))


def test_there_is_nothing_to_initialise():
    encoder = Hog((32, 32))
    assert torch.equal(reinitialised(encoder, 0)(torch.ones(1, 3, 32, 32)), encoder(torch.ones(1, 3, 32, 32)))
