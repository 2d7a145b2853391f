"""HOG as an encoder tells edges by their direction and their place, whatever the light."""

import pytest
import torch

from avssl.evaluation.baselines import reinitialised
from avssl.features.hog import Hog


def bars(horizontal, side=32):
    picture = torch.zeros(3, side, side)
    picture[:, ::8] = 1
    picture[:, 1::8] = 1
    return picture if horizontal else picture.transpose(1, 2)


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
