"""Attention over turned pictures: points go where pixels go, and maps are compared turned back."""

import numpy as np
import pytest
import torch

from avssl.evaluation import Attention
from avssl.evaluation.attention.rotations import likeness, turn_points
from avssl.methods.pretext.rotation import turns
from avssl.nets import Encoder, SmallNet
from tests.evaluation.worlds import Dots


def test_points_are_where_their_pixels_are_after_turning():
    pictures = torch.zeros(2, 3, 7, 7)
    points = np.array([[[1.0, 2.0]], [[6.0, 0.0]]])
    for picture, ((x, y),) in zip(pictures, points.astype(int), strict=True):
        picture[:, y, x] = 1
    for picture, ((x, y),) in zip(turns(pictures), turn_points(points, 7).astype(int), strict=True):
        assert picture[0, y, x] == 1


def test_maps_that_turn_with_their_picture_are_alike_and_others_are_not():
    upright = torch.rand(3, 8, 8)
    assert torch.allclose(likeness(turns(upright[:, None])[:, 0]), torch.ones(3), atol=1e-6)
    assert likeness(torch.rand(400, 8, 8)).mean().abs() < 0.05
    assert likeness(torch.ones(4, 8, 8)).tolist() == [0.0]


def test_the_likeness_is_that_of_a_slow_writing():
    maps = torch.rand(2, 8, 5, 5).numpy()
    expected = [
        [
            np.mean([np.corrcoef(np.rot90(one[4 * n + k], -k).ravel(), one[4 * n].ravel())[0, 1] for k in (1, 2, 3)])
            for n in range(2)
        ]
        for one in maps
    ]
    assert np.allclose(likeness(torch.from_numpy(maps)), expected, atol=1e-6)


class Pointwise(Encoder):
    """Sees each pixel alone, so that its map turns with the picture."""

    def __init__(self):
        super().__init__(torch.nn.Sequential(torch.nn.Conv2d(3, 4, 1), torch.nn.Flatten(2)), 4, {"map": "0"})


def test_an_encoder_that_sees_pixels_alone_looks_at_the_same_things_in_all_turns():
    scores = Attention(Dots(3), turned=True, initialisations=1, quiet=True)(Pointwise())
    assert scores.numbers["trained/map/alike"] == pytest.approx(1.0, abs=1e-5)
    items = scores.tables["items"]
    assert [row["turn"] for row in items[:5]] == [0, 90, 180, 270, 0]
    assert {row["maps alike in all turns"] for row in scores.table if row["row"] == "trained"} == {"1.00"}


def test_each_layer_has_a_power_of_its_own_and_every_turn_is_drawn():
    scores = Attention(
        Dots(3), layers=["conv1", "conv2"], power=[1, 4.0], turned=True, initialisations=1, num_shown=2, quiet=True
    )(SmallNet(width=4))
    assert set(scores.pictures) == {"conv1", "conv2"}
    once = Attention(Dots(3), layers=["conv1"], initialisations=1, num_shown=2, quiet=True)(SmallNet(width=4))
    assert scores.pictures["conv1"].height > 3 * once.pictures["conv1"].height


def test_powers_that_are_not_one_a_layer_are_refused():
    with pytest.raises(
        ValueError, match=r"a list of powers has one for each of layers; got \[1, 2\] for layers=\['conv1'\]"
    ):
        Attention(Dots(2), layers=["conv1"], power=[1, 2])


def test_oblong_pictures_cannot_be_turned():
    with pytest.raises(ValueError, match="rotation needs square pictures"):
        Attention(Dots(2), turned=True, crop=(16, 20), quiet=True)(SmallNet(width=4))
