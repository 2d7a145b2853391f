"""Maps of attention are high where they should be, by hand-made cases."""

import numpy as np
import pytest
import torch
from torch import nn

from avssl.evaluation.attention.drawing import overlay
from avssl.evaluation.attention.maps import activation, occlusion, peaks, upsample
from avssl.evaluation.attention.pointing import chance_of, near_a_joint
from avssl.nets import Encoder


class Corner(Encoder):
    """Says how bright the upper left quarter is, beside a constant."""

    def __init__(self):
        super().__init__(Quarter(), 2, {}, mean=(0.0,) * 3, std=(1.0,) * 3)


class Quarter(nn.Module):
    def forward(self, images):
        seen = images[..., :8, :8].mean((1, 2, 3))
        return torch.stack([seen, torch.ones_like(seen)], 1)


def test_activation_is_the_sum_over_channels_of_powers():
    maps = torch.randn(2, 5, 3, 4)
    by_hand = sum(maps[:, channel].abs() ** 4 for channel in range(5))
    torch.testing.assert_close(activation(maps, 4), by_hand)


def test_hiding_what_the_encoder_reads_moves_its_output_and_hiding_the_rest_does_not():
    image = torch.zeros(1, 3, 16, 16)
    image[..., :8, :8] = 1
    found = occlusion(Corner(), image, side=8, step=8)
    assert found.shape == (1, 2, 2)
    assert found[0, 0, 0] > 0.05 and found[0].flatten()[1:].abs().max() < 1e-6


def test_batches_change_no_occlusion():
    images = torch.rand(2, 3, 16, 16)
    torch.testing.assert_close(occlusion(Corner(), images, 4, 4, batch=3), occlusion(Corner(), images, 4, 4))


def test_a_square_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="a square of 20 px every 4 px does not fit into pictures of 16x16"):
        occlusion(Corner(), torch.rand(1, 3, 16, 16), 20, 4)


def test_maps_are_brought_to_the_picture_between_0_and_1_in_their_place():
    maps = torch.zeros(1, 4, 4)
    maps[0, 1, 2] = 5
    large = upsample(maps, (16, 16))
    assert (large.min(), large.max()) == (0, 1)
    x, y = peaks(large)[0].tolist()
    assert (x, y) == (9.5, 5.5)  # the middle of cell (2, 1) in a picture four times as large


def test_a_flat_map_stays_flat():
    assert torch.equal(upsample(torch.full((1, 3, 3), 7.0), (6, 6)), torch.zeros(1, 6, 6))


def test_near_a_joint_counts_known_joints_alone():
    pose = np.full((1, 3, 2), np.nan)
    pose[0, :2] = [[10, 10], [10, 30]]
    assert near_a_joint(np.array([[12.0, 10.0]]), pose) == 1
    assert near_a_joint(np.array([[13.0, 10.0]]), pose) == 0
    assert near_a_joint(np.array([[12.0, 10.0]]), np.full((1, 3, 2), np.nan)) == 0


def test_chance_is_the_share_of_pixels_that_count():
    pose = np.array([[[10.0, 10.0], [10.0, 30.0]]])
    shown = np.array([[near_a_joint(np.array([[x, y]]), pose)[0] for x in range(40)] for y in range(40)])
    assert chance_of(pose, 40, 40) == pytest.approx(shown.mean())


def test_an_overlay_is_bright_where_the_map_is():
    heat = np.zeros((1, 8, 8))
    heat[0, 2, 5] = 1
    drawn = overlay(np.full((1, 3, 8, 8), 100, np.uint8), heat)
    assert drawn.shape == (1, 3, 8, 8) and drawn.dtype == np.uint8
    assert np.unravel_index(drawn[0].sum(0).argmax(), (8, 8)) == (2, 5)
