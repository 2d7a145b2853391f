"""Rotation knows turns by what pictures show, and nothing where they show nothing."""

import math

import numpy as np
import pytest
import torch

from avssl.methods import Rotation
from avssl.methods.inputs import pictures_of
from avssl.methods.pretext.rotation import turns
from avssl.nets import SmallNet


def batch_of(pictures, epoch=0):
    """Return a batch as `Pictures` would make it of uint8 ``(N, 3, H, W)``."""
    key = torch.stack([torch.tensor([0, epoch, number]) for number in range(len(pictures))])
    return {"frames": pictures[:, None, None], "key": key}


def lit_from_above(count, rng):
    """Return pictures that are bright above and dark below, before noise."""
    light = np.linspace(200, 50, 16)[None, None, :, None] + rng.normal(0, 20, (count, 3, 16, 16))
    return torch.from_numpy(light.clip(0, 255).astype(np.uint8))


def of_noise(count, rng):
    return torch.from_numpy(rng.integers(0, 256, (count, 3, 16, 16), dtype=np.uint8))


def learned(make, steps=40):
    """Train on pictures that `make` makes, and return the accuracy on others."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    method = Rotation(SmallNet(dim=16, width=4))
    optimizer = torch.optim.AdamW(method.parameters(), lr=1e-2)
    for _ in range(steps):
        method(batch_of(make(32, rng)))["loss"].backward()
        optimizer.step()
        optimizer.zero_grad()
    method.eval()
    with torch.no_grad():
        return method(batch_of(make(256, np.random.default_rng(1))))["accuracy"].item()


def test_the_four_copies_are_those_of_numpy():
    pictures = torch.rand(3, 3, 6, 6)
    expected = [np.rot90(picture, quarter, (1, 2)) for picture in pictures.numpy() for quarter in range(4)]
    assert np.array_equal(turns(pictures), np.stack(expected))


def test_a_head_that_cannot_decide_costs_log_four():
    method = Rotation(SmallNet(dim=8, width=4))
    torch.nn.init.zeros_(method.head.weight)
    torch.nn.init.zeros_(method.head.bias)
    assert method(batch_of(of_noise(4, np.random.default_rng(0))))["loss"].item() == pytest.approx(math.log(4))


def test_the_loss_is_that_of_a_slow_writing():
    method = Rotation(SmallNet(dim=8, width=4)).eval()
    pictures = of_noise(3, np.random.default_rng(0))
    costs = []
    for picture in pictures:
        for quarter in range(4):
            scores = method.head(method.encoder((picture.float() / 255).rot90(quarter, (1, 2))[None]))[0]
            costs.append(-(scores[quarter] - scores.exp().sum().log()).item())
    assert method(batch_of(pictures))["loss"].item() == pytest.approx(np.mean(costs), rel=1e-5)


def test_turns_are_learned_where_light_comes_from_above_and_not_from_noise():
    assert learned(lit_from_above) > 0.9
    assert learned(of_noise) == pytest.approx(0.25, abs=0.06)


def test_oblong_pictures_are_refused_with_what_to_do():
    with pytest.raises(ValueError, match=r"square pictures; got 16 x 20 pixels; set size=\[16, 16\]"):
        Rotation(SmallNet(dim=8, width=4))(batch_of(torch.zeros(2, 3, 16, 20, dtype=torch.uint8)))


def test_frames_of_videos_are_pictures_with_keys_of_their_own_and_padding_is_none():
    frames = torch.arange(12, dtype=torch.uint8).view(2, 2, 3, 1, 1, 1).expand(-1, -1, -1, 3, 8, 8)
    valid = torch.ones(2, 2, 3, dtype=torch.bool)
    valid[1, 1, 2] = False
    pictures, keys = pictures_of({"frames": frames, "key": torch.tensor([[0, 1, 5], [0, 1, 6]]), "valid": valid})
    assert (pictures[:, 0, 0, 0] * 255).round().tolist() == list(range(11))
    assert keys[:3].tolist() == [[0, 1, 5, 0], [0, 1, 5, 1], [0, 1, 5, 2]]
    assert keys[-1].tolist() == [0, 1, 6, 4]


def test_what_is_no_picture_is_refused():
    with pytest.raises(ValueError, match=r"frames are pictures \(N, 3, H, W\), .*; got \(2, 8, 8, 3\)"):
        pictures_of({"frames": torch.zeros(2, 8, 8, 3), "key": torch.zeros(2, 3).long()})
