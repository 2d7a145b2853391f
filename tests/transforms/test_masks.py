"""Holes: as many pixels as asked, where the key says, the same alone and in a batch."""

import pytest
import torch

from avssl.transforms import Draws
from avssl.transforms.masks import centre, grown, holes


def keys(count, epoch=0):
    return torch.stack([torch.tensor([3, epoch, number]) for number in range(count)])


@pytest.mark.parametrize(("side", "pixels"), [(32, 256), (36, 324), (227, 113**2)])
def test_a_hole_in_the_middle_is_a_square_of_a_quarter(side, pixels):
    hole = centre(side)[0, 0]
    rows = hole.any(1).nonzero().flatten()
    assert hole.sum() == pixels == len(rows) ** 2
    assert abs(rows[0].item() - (side - 1 - rows[-1].item())) <= 1
    assert torch.equal(hole, hole.T)


def test_blocks_are_several_squares_that_cover_a_quarter_at_most():
    hole = holes(Draws(keys(200)), "blocks", 32)
    covered = hole.float().mean((1, 2, 3))
    assert covered.max() <= 0.25 and covered.min() > 0.02 and len(covered.unique()) > 20
    assert hole.any(0).float().mean() > 0.99  # everywhere, in one picture or another


@pytest.mark.parametrize("side", [16, 36, 128])
def test_shapes_cover_a_quarter_of_every_picture_and_are_smooth(side):
    hole = holes(Draws(keys(40)), "shapes", side)
    assert (hole.sum((1, 2, 3)) == side * side // 4).all()
    edges = (hole[..., 1:] != hole[..., :-1]).float().mean()  # 0.375 in noise without neighbours
    assert edges < 0.15
    anywhere = holes(Draws(keys(400)), "shapes", side).float().mean(0)
    assert anywhere.min() > 0.1 and anywhere.max() < 0.5


@pytest.mark.parametrize("kind", ["centre", "blocks", "shapes"])
def test_a_hole_is_the_same_alone_and_in_a_batch_and_another_in_the_next_epoch(kind):
    whole = holes(Draws(keys(6)), kind, 32)
    assert whole.shape == (6, 1, 32, 32) and whole.dtype == torch.bool
    assert torch.equal(whole[4:5], holes(Draws(keys(6)[4:5]), kind, 32))
    assert torch.equal(whole, holes(Draws(keys(6, epoch=1)), kind, 32)) == (kind == "centre")


def test_holes_grow_by_so_many_pixels_on_every_side():
    hole = torch.zeros(1, 1, 7, 7, dtype=torch.bool)
    hole[..., 3, 3] = True
    assert grown(hole, 2).sum() == 25 and torch.equal(grown(hole, 0), hole)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("kind", ["centre", "blocks", "shapes"])
def test_holes_are_the_same_on_a_gpu_but_for_pixels_at_the_edge(kind):
    here, there = holes(Draws(keys(8)), kind, 64), holes(Draws(keys(8).cuda()), kind, 64).cpu()
    assert (here != there).float().mean() < (1e-3 if kind == "shapes" else 1e-9)
