"""Blur and solarisation beside torchvision's functions, one item at a time."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.transforms.v2 import functional as tv

from avssl.transforms import Draws, GaussianBlur, Solarize
from avssl.transforms.resampling import blur_weights, resample


@pytest.mark.parametrize("kernel", [1, 3, 5, 13, 23])
def test_each_item_is_blurred_as_torchvision_blurs_it(noise, kernel):
    frames, sigma = noise(6, 2), torch.tensor([0.1, 0.4, 0.9, 1.3, 2.0, 5.0])
    blurred = resample(frames, blur_weights(sigma, kernel, 24), blur_weights(sigma, kernel, 32))
    for item in range(6):
        expected = tv.gaussian_blur(frames[item], [kernel, kernel], [float(sigma[item])] * 2)
        torch.testing.assert_close(blurred[item], expected, atol=2e-6, rtol=0)


@settings(max_examples=40, deadline=None)
@given(side=st.integers(1, 20), reach=st.integers(0, 19), sigma=st.floats(0.05, 10))
def test_weights_are_shares_of_the_pixels_around(side, reach, sigma):
    if reach >= side:
        return
    weights = blur_weights(torch.tensor([sigma]), 2 * reach + 1, side)[0]
    torch.testing.assert_close(weights.sum(1), torch.ones(side))
    assert (weights >= 0).all()
    torch.testing.assert_close(weights, weights.flip(0, 1))  # the same from both ends


def test_a_point_spreads_as_the_gaussian_does(keys):
    point = torch.zeros(1, 1, 3, 15, 15)
    point[..., 7, 7] = 1
    spread = GaussianBlur(1.0, sigma=(1.0, 1.0), kernel=5)(point, Draws(keys(1)))[0, 0, 0]
    bell = torch.exp(-torch.tensor([4.0, 1, 0, 1, 4]) / 2)
    torch.testing.assert_close(spread[7, 5:10], bell * bell[2] / bell.sum() ** 2)
    assert spread[7, 4] == 0


def test_some_tuples_are_blurred_by_strengths_of_their_own(keys, noise):
    frames = noise(1, 2).expand(200, -1, -1, -1, -1)
    blurred = GaussianBlur(0.5)(frames, Draws(keys(200)))
    changed = (blurred != frames).flatten(1).any(1)
    assert 70 < changed.sum() < 130
    rough = (blurred[..., 1:] - blurred[..., :-1]).abs().mean((1, 2, 3, 4))[changed]
    assert len(rough.unique()) > 60  # the least strengths change nothing to speak of
    alike = GaussianBlur(1.0, kernel=9)(frames[:, :1].expand(-1, 2, -1, -1, -1), Draws(keys(200)))
    assert torch.equal(alike[:, 0], alike[:, 1])
    own = GaussianBlur(1.0, kernel=9, scope="frame")(frames[:, :1].expand(-1, 2, -1, -1, -1), Draws(keys(200)))
    assert (own[:, 0] != own[:, 1]).flatten(1).any(1).all()


@pytest.mark.parametrize(("side", "kernel"), [(224, 23), (96, 9), (128, 13), (32, 3), (28, 3), (8, 1)])
def test_the_kernel_is_a_tenth_of_the_side_made_odd_as_in_simclr(keys, side, kernel):
    picture = torch.rand(1, 1, 3, side, side, generator=torch.Generator().manual_seed(0))
    usual = GaussianBlur(1.0, sigma=(2.0, 2.0))(picture, Draws(keys(1)))
    assert torch.equal(usual, GaussianBlur(1.0, sigma=(2.0, 2.0), kernel=kernel)(picture, Draws(keys(1))))
    assert kernel == side // 10 // 2 * 2 + 1


def test_a_kernel_larger_than_the_frames_says_what_to_do(keys, noise):
    with pytest.raises(ValueError, match="over 49 pixels needs frames of more than 24; got 24 x 32; set a smaller"):
        GaussianBlur(kernel=49)(noise(2), Draws(keys(2)))


def test_values_are_full_under_autocast(keys, noise):
    plain = GaussianBlur(1.0, kernel=5)(noise(4), Draws(keys(4)))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(GaussianBlur(1.0, kernel=5)(noise(4), Draws(keys(4))), plain)


def test_bright_values_are_inverted_as_torchvision_does(keys, noise):
    levels = torch.arange(256.0).repeat(9).view(1, 1, 3, 24, 32) / 255  # the thresholds themselves among them
    frames = torch.cat([noise(9), levels])
    for threshold in (0.0, 0.5, 128 / 255, 1.0):
        solarized = Solarize(1.0, threshold)(frames, Draws(keys(10)))
        assert torch.equal(solarized, tv.solarize(frames, threshold))
    some = (Solarize(0.3)(noise(200, 1, 2, 2), Draws(keys(200))) != noise(200, 1, 2, 2)).flatten(1).any(1).sum()
    assert 35 < some < 85


def test_evaluation_changes_nothing(keys, noise):
    assert torch.equal(GaussianBlur(1.0)(noise(3), Draws(keys(3)), train=False), noise(3))
    assert torch.equal(Solarize(1.0)(noise(3), Draws(keys(3)), train=False), noise(3))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GaussianBlur(sigma=(0.0, 1.0)), "sigma must be two standard deviations that rise above 0"),
        (lambda: GaussianBlur(sigma=(2.0, 1.0)), "sigma must be"),
        (lambda: GaussianBlur(kernel=4), "kernel must be an odd number"),
        (lambda: GaussianBlur(1.5), "chance"),
        (lambda: Solarize(threshold=128), r"threshold must be in \[0, 1\]"),
    ],
)
def test_settings_out_of_range_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
