"""A border that names the item is a short-cut of contrast: it is learned in place of what pictures show."""

import math

import pytest
import torch
from torch.nn import functional as F

from avssl.methods import SimCLR
from avssl.nets import SmallNet
from avssl.transforms import Border, Draws, Flip, RandomResizedCrop

SIDE, KINDS = 24, 4
WHOLE = [Flip()]
CUT = [RandomResizedCrop(16, scale=(0.2, 0.4))]  # most windows miss the border, and both views rarely show it
CHANCE = math.log(63)  # the loss where nothing is told apart, of 32 items


def world(count, seed, border=True):
    """Return grey waves in one of four directions, each its kind, with a border of a colour of their own."""
    chance = torch.Generator().manual_seed(seed)
    kinds = torch.randint(KINDS, (count,), generator=chance)
    down, right = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    angle = kinds[:, None, None] * math.pi / KINDS
    start, strength = torch.rand(2, count, 1, 1, generator=chance)
    waves = torch.sin((angle.cos() * right + angle.sin() * down) * math.tau / 6 + start * math.tau)
    grey = 0.5 + (0.1 + 0.1 * strength) * waves + 0.05 * torch.randn(count, SIDE, SIDE, generator=chance)
    pictures = grey[:, None, None].expand(-1, 1, 3, -1, -1).clamp(0, 1)
    key = torch.stack([torch.full((count,), seed), torch.zeros(count).long(), torch.arange(count)], 1)
    shown = Border(2)(pictures, Draws(key)) if border else pictures
    return {"frames": shown[:, 0], "key": key}, kinds


@torch.no_grad()
def kinds_found(encoder):
    """Return how often neighbours by an encoder's features are of the same kind; chance 1/4."""
    encoder.eval()
    (shown, known), (asked, truth) = world(256, 1), world(256, 2)
    rows, queries = (F.normalize(encoder(batch["frames"]), dim=1) for batch in (shown, asked))
    return (known[(queries @ rows.T).topk(5).indices].mode(1).values == truth).float().mean().item()


def learned(recipe, steps=50):
    """Return loss and accuracy on held-out pictures, and the kinds found before and after."""
    torch.manual_seed(0)
    method = SimCLR(SmallNet(dim=16, width=8), [recipe, recipe], hidden=32, dim=16, temperature=0.1)
    optimizer = torch.optim.AdamW(method.parameters(), lr=1e-2)
    before = kinds_found(method.encoder)
    method.train()
    for step in range(steps):
        optimizer.zero_grad()
        method(world(32, 100 + step)[0])["loss"].backward()
        optimizer.step()
    with torch.no_grad():
        found = method.eval()(world(32, 3)[0])
    return found["loss"].item(), found["accuracy"].item(), before, kinds_found(method.encoder)


def test_a_border_that_names_the_item_is_learned_in_place_of_what_pictures_show():
    loss, accuracy, before, after = learned(WHOLE)
    assert accuracy > 0.95 and loss < CHANCE / 6
    assert after < before - 0.1


def test_views_that_cut_the_border_off_learn_what_pictures_show():
    loss, accuracy, before, after = learned(CUT)
    assert accuracy < 0.5 and loss > CHANCE / 3
    assert after > before + 0.3 and after > 0.85


def test_a_border_is_of_one_colour_an_item_and_covers_nothing_else():
    (bordered, _), (plain, _) = world(4, 0), world(4, 0, border=False)
    shown, inner = bordered["frames"], (..., slice(2, -2), slice(2, -2))
    assert shown[inner].equal(plain["frames"][inner])
    assert shown[..., 0, :].equal(shown[..., -1, :]) and shown[..., 0].equal(shown[..., :1, 0].expand(-1, -1, SIDE))
    assert len(shown[:, :, 0, 0].unique(dim=0)) == 4
    with pytest.raises(ValueError, match="width must be at least 1 pixel; got 0"):
        Border(0)
