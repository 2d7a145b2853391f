"""Relative position cuts patches as asked, and its guards take out what they name."""

import math

import numpy as np
import pytest
import torch

from avssl.methods import RelativePosition
from avssl.methods.inputs import pictures_of
from avssl.nets import SmallNet
from avssl.transforms import Draws
from avssl.transforms.patches import coarsen, drop_colour, grid_patches, project_colour

SMALL = {"patch": 6, "gap": 2, "jitter": 1}


def keys(count, epoch=0):
    return torch.stack([torch.tensor([0, epoch, number]) for number in range(count)])


def batch_of(pictures, epoch=0):
    return {"frames": pictures[:, None, None], "key": keys(len(pictures), epoch)}


def numbered(count, side):
    """Return pictures whose values name their pixel: the row in red, the column in green."""
    along = torch.arange(side, dtype=torch.float32)
    picture = torch.stack([along[:, None].expand(side, side), along[None].expand(side, side), torch.zeros(side, side)])
    return picture.expand(count, -1, -1, -1)


def valleys(count, rng):
    """Return pictures that are dark in the middle and bright at the rims, before noise."""
    along = np.linspace(-1, 1, 24)
    dark = along[:, None] ** 2 + along[None] ** 2
    return torch.from_numpy((dark * 100 + rng.normal(20, 4, (count, 3, 24, 24))).clip(0, 255).astype(np.uint8))


def of_noise(count, rng):
    return torch.from_numpy(rng.integers(0, 256, (count, 3, 24, 24), dtype=np.uint8))


def learned(make, steps=60):
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    method = RelativePosition(SmallNet(dim=32, width=4), **SMALL, hidden=32)
    optimizer = torch.optim.AdamW(method.parameters(), lr=1e-2)
    for step in range(steps):
        method(batch_of(make(32, rng), epoch=step))["loss"].backward()
        optimizer.step()
        optimizer.zero_grad()
    method.eval()
    with torch.no_grad():
        return method(batch_of(make(128, np.random.default_rng(1))))["accuracy"].item()


def test_patches_lie_on_a_grid_at_a_drawn_place_each_within_its_jitter():
    patches = grid_patches(numbered(64, 32), Draws(keys(64)), patch=6, gap=3, jitter=2)
    starts = patches[:, :, :2, 0, 0]
    steps = torch.arange(6.0)
    assert torch.equal(patches[:, :, 0], (starts[:, :, 0, None, None] + steps[:, None]).expand(-1, -1, 6, 6))
    assert torch.equal(patches[:, :, 1], (starts[:, :, 1, None, None] + steps).expand(-1, -1, 6, 6))
    cells = torch.cartesian_prod(torch.arange(3), torch.arange(3)) * 9
    off = starts - cells  # the grid's corner and the jitter
    assert ((off.amax(1) - off.amin(1)) <= 4).all()
    assert off.min() >= 0 and off.max() <= 32 - 24
    assert (off.amax(1) != off.amin(1)).any() and len(off[:, 4].unique(dim=0)) > 8


def test_no_chance_without_room_and_jitter():
    patches = grid_patches(numbered(2, 22), Draws(keys(2)), patch=6, gap=2, jitter=0)
    assert patches[0, :, :2, 0, 0].tolist() == [[row, column] for row in (0, 8, 16) for column in (0, 8, 16)]


def test_projected_colours_have_no_part_along_green_and_magenta_and_grey_stays():
    patches = torch.rand(2, 9, 3, 4, 4)
    projected = project_colour(patches)
    assert (projected * torch.tensor([-1.0, 2.0, -1.0]).view(3, 1, 1)).sum(2).abs().max() < 1e-6
    grey = torch.rand(2, 9, 1, 4, 4).expand(-1, -1, 3, -1, -1)
    assert torch.allclose(project_colour(grey), grey, atol=1e-6)


def test_dropped_colours_leave_one_channel_and_a_hundredth_of_its_deviation():
    patches = torch.rand(16, 9, 3, 32, 32)
    dropped = drop_colour(patches, Draws(keys(16)))
    same = (dropped == patches).all(-1).all(-1)
    assert (same.sum(2) == 1).all()
    assert same.float().mean((0, 1)).min() > 0.2
    kept = patches[same].std((-2, -1)).view(16, 9, 1)
    noise = dropped[~same].std((-2, -1)).view(16, 9, 2)
    assert torch.allclose(noise, kept.expand(-1, -1, 2) / 100, rtol=0.15)


def test_coarse_patches_lose_their_detail_by_their_share():
    patches = torch.rand(64, 9, 3, 32, 32)
    changed = (coarsen(patches, Draws(keys(64)), chance=0.5) != patches).flatten(2).any(2)
    assert changed.float().mean().item() == pytest.approx(0.5, abs=0.06)
    assert torch.equal(coarsen(patches, Draws(keys(64)), chance=0.0), patches)
    small = torch.rand(2, 9, 3, 8, 8)
    assert torch.equal(coarsen(small, Draws(keys(2)), chance=1.0), small)


def test_a_patch_is_the_same_alone_and_in_a_batch():
    method = RelativePosition(SmallNet(dim=8, width=4), **SMALL, colour="drop", coarse=0.5)
    pictures = torch.rand(5, 3, 30, 30)
    whole = method.patches(pictures, Draws(keys(5)))
    alone = method.patches(pictures[3:4], Draws(keys(5)[3:4]))
    assert torch.allclose(whole[3:4], alone, atol=1e-6)


def test_a_head_that_cannot_decide_costs_log_eight():
    method = RelativePosition(SmallNet(dim=8, width=4), **SMALL)
    torch.nn.init.zeros_(method.head.layers[-1].weight)
    torch.nn.init.zeros_(method.head.layers[-1].bias)
    assert method(batch_of(of_noise(4, np.random.default_rng(0))))["loss"].item() == pytest.approx(math.log(8))


def test_the_loss_is_that_of_a_slow_writing():
    method = RelativePosition(SmallNet(dim=8, width=4), **SMALL).eval()
    pictures = of_noise(3, np.random.default_rng(0))
    shown, own = pictures_of(batch_of(pictures))
    patches = method.patches(shown, Draws(own))
    costs = []
    for nine in patches:
        features = [method.encoder(patch[None])[0] for patch in nine]
        for truth, cell in enumerate([0, 1, 2, 3, 5, 6, 7, 8]):
            scores = method.head(torch.stack([features[4], features[cell]])[None])[0]
            costs.append(-(scores[truth] - scores.exp().sum().log()).item())
    assert method(batch_of(pictures))["loss"].item() == pytest.approx(np.mean(costs), rel=1e-6)


def test_places_are_learned_where_pictures_have_a_shape_and_not_from_noise():
    assert learned(valleys) > 0.8
    assert learned(of_noise) == pytest.approx(0.125, abs=0.04)


def test_pictures_smaller_than_the_patches_are_refused_with_what_to_do():
    with pytest.raises(ValueError, match="need pictures of 24 x 24 px; got 20 x 24; load them larger"):
        RelativePosition(SmallNet(dim=8, width=4), **SMALL)(batch_of(torch.zeros(2, 3, 20, 24, dtype=torch.uint8)))


def test_impossible_lengths_are_refused():
    with pytest.raises(ValueError, match="coarse in"):
        RelativePosition(SmallNet(dim=8, width=4), coarse=1.5)
