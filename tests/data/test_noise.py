"""Noise is the same law everywhere: its spread and reach are those asked for, and every draw is another."""

import pytest
import torch

from avssl.data import Noise


def pixels(**settings):
    return Noise(count=1, size=(256, 256), **settings)[0]["frames"][0, 0, 0].float() / 255 - 0.5


@pytest.mark.parametrize("reach", [0.0, 2.0])
def test_the_spread_is_the_contrast_whatever_the_blur(reach):
    noise = pixels(contrast=0.1, reach=reach)
    assert noise.std().item() == pytest.approx(0.1, rel=0.05) and abs(noise.mean().item()) < 0.01
    assert noise[:4].std().item() == pytest.approx(0.1, rel=0.25)  # the rim as the middle


def test_neighbours_agree_as_a_gaussian_of_that_reach_says():
    noise = pixels(contrast=0.1, reach=2.0)
    for far in (2, 4, 6):
        agreement = (noise[:, far:] * noise[:, :-far]).mean() / noise.square().mean()
        assert agreement.item() == pytest.approx(torch.exp(torch.tensor(-(far**2) / 16)).item(), abs=0.05)


def test_epochs_and_items_are_other_draws_and_the_same_key_is_the_same():
    data = Noise(count=2, size=(8, 8))
    first = data[0, 0]["frames"]
    assert torch.equal(first, data[0, 0]["frames"]) and first.shape == (1, 1, 3, 8, 8)
    assert not torch.equal(first, data[1, 0]["frames"]) and not torch.equal(first, data[0, 1]["frames"])
