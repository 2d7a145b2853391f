"""Tiles lie in their cells, and each guard does what it names and moves no other draw."""

import pytest
import torch

from avssl.transforms import Draws
from avssl.transforms.tiles import Tiles, normalise

PLAIN = {"tile": 6, "gap": 2, "normalised": False, "levelled": False, "grey": 0.0, "channel_jitter": 0}


def keys(count):
    return torch.stack([torch.tensor([0, 3, number]) for number in range(count)])


def cut(pictures, **changes):
    return Tiles(**(PLAIN | changes))(pictures, Draws(keys(len(pictures))))


def numbered(count, side, turned=False):
    """Return pictures whose channels all hold the row of a pixel, or its column."""
    along = torch.arange(side, dtype=torch.float32)
    one = along[None].expand(side, side) if turned else along[:, None].expand(side, side)
    return one.expand(count, 3, -1, -1)


@pytest.mark.parametrize("turned", [False, True])
def test_a_tile_lies_anywhere_in_its_cell(turned):
    tiles, grey = cut(numbered(64, 30, turned), gap=3)
    starts = tiles[..., 0, 0]
    steps = torch.arange(6.0).view(1, 6) if turned else torch.arange(6.0).view(6, 1)
    assert torch.equal(tiles, (starts[..., None, None] + steps).expand(-1, -1, -1, 6, 6))
    assert (starts == starts[:, :, :1]).all() and not grey.any()
    cell = torch.arange(9) % 3 * 9 if turned else torch.arange(9) // 3 * 9
    off = starts[:, :, 0] - cell  # where the grid begins, and where the tile lies in its cell
    assert off.min() == 0 and off.max() == 6
    assert (off.amax(1) - off.amin(1)).max() == 3
    assert set((off[:, 0] - off[:, 4]).unique().tolist()) == {-3, -2, -1, 0, 1, 2, 3}


def test_without_gap_and_room_tiles_meet():
    picture = torch.rand(2, 3, 18, 18)
    tiles, _ = cut(picture, gap=0)
    rows = [torch.cat(list(tiles[:, 3 * row : 3 * row + 3].unbind(1)), 3) for row in range(3)]
    assert torch.equal(torch.cat(rows, 2), picture)


def test_channels_move_apart_by_no_more_than_their_jitter_and_never_leave_the_cell():
    tiles, _ = cut(numbered(64, 24), gap=4, tile=4, channel_jitter=2)
    still, _ = cut(numbered(64, 24), gap=4, tile=4)
    off = tiles - still
    assert off.abs().max() == 2 and {-2, -1, 0, 1, 2} == set(off.unique().long().tolist())
    assert (off[:, :, 0] != off[:, :, 1]).any()
    cell = torch.arange(9).view(1, 9, 1, 1, 1) // 3 * 8
    assert ((tiles >= cell) & (tiles < cell + 8)).all()


def test_channels_of_grey_pictures_stay_together():
    tiles, grey = cut(torch.rand(64, 3, 24, 24), channel_jitter=2, grey=0.5)
    same = (tiles == tiles[:, :, :1]).flatten(1).all(1)
    assert torch.equal(same, grey)


def test_pictures_lose_their_colour_whole_by_their_share():
    pictures = torch.rand(400, 3, 24, 24)
    tiles, grey = cut(pictures, grey=0.3)
    assert grey.float().mean().item() == pytest.approx(0.3, abs=0.07)
    plain, _ = cut(pictures)
    assert torch.equal(tiles[grey], plain[grey][:, :, 1:2].expand(-1, -1, 3, -1, -1))
    assert torch.equal(tiles[~grey], plain[~grey])


def test_normalised_tiles_all_have_the_same_mean_and_deviation():
    pictures = torch.rand(8, 3, 24, 24) * (0.2 + 0.8 * torch.rand(8, 3, 1, 1))
    tiles, _ = cut(pictures, normalised=True)
    assert torch.allclose(tiles.mean((-2, -1)), torch.tensor(0.5), atol=1e-5)
    assert torch.allclose(tiles.std((-2, -1), correction=0), torch.tensor(0.25), atol=1e-4)


def test_normalising_takes_out_brightness_and_contrast():
    tiles = torch.rand(2, 9, 3, 6, 6) * 0.5
    assert torch.allclose(normalise(tiles), normalise(tiles * 0.7 + 0.2), atol=1e-5)


def test_levelled_tiles_have_no_slope_left():
    light = torch.linspace(0.3, 1, 24) * torch.linspace(0.5, 1, 24)[:, None]
    tiles, _ = cut(torch.rand(8, 3, 24, 24) * light, levelled=True)
    along = torch.arange(6.0) - 2.5
    slopes = torch.stack([(tiles * along).mean((-2, -1)), (tiles * along[:, None]).mean((-2, -1))])
    assert slopes.abs().max() < 1e-4


def test_a_flat_tile_becomes_middle_grey_and_its_noise_stays_small():
    assert torch.allclose(normalise(torch.full((1, 3, 4, 4), 0.8)), torch.tensor(0.5), atol=1e-4)
    assert (normalise(0.8 + torch.rand(1, 3, 4, 4) / 2550) - 0.5).abs().max() < 0.03


def test_a_tile_is_the_same_alone_and_in_a_batch():
    guards = Tiles(tile=6, gap=2, normalised=True, levelled=False, grey=0.5, channel_jitter=2)
    pictures = torch.rand(5, 3, 30, 28)
    whole, grey = guards(pictures, Draws(keys(5)))
    alone, own = guards(pictures[3:4], Draws(keys(5)[3:4]))
    assert torch.allclose(whole[3:4], alone, atol=1e-6) and torch.equal(grey[3:4], own)


def test_tiles_of_another_look_at_a_picture_lie_elsewhere():
    picture, key = torch.rand(1, 3, 30, 30), torch.tensor([[0, 0, 5]])
    again = torch.tensor([[0, 1, 5]])
    first, _ = Tiles(**PLAIN)(picture, Draws(key))
    assert torch.equal(first, Tiles(**PLAIN)(picture, Draws(key))[0])
    assert not torch.equal(first, Tiles(**PLAIN)(picture, Draws(again))[0])


def test_guards_move_no_other_draws():
    left = []
    for changes in ({}, {"grey": 1.0}, {"channel_jitter": 2}, {"normalised": True}, {"levelled": True}, {"gap": 0}):
        draws = Draws(keys(3))
        Tiles(**(PLAIN | changes))(torch.rand(3, 3, 24, 24), draws)
        left.append(draws.drawn)
    assert len(set(left)) == 1


def test_pictures_smaller_than_the_grid_are_refused_with_what_to_do():
    with pytest.raises(ValueError, match="cells of 8 px need pictures of 24 x 24 px; got 20 x 30; load them larger"):
        cut(torch.rand(1, 3, 20, 30))


@pytest.mark.parametrize("changes", [{"tile": 0}, {"gap": -1}, {"channel_jitter": -1}])
def test_lengths_that_cannot_be_are_refused(changes):
    with pytest.raises(ValueError, match="tile of at least 1, gap and channel_jitter of at least 0; got tile="):
        Tiles(**(PLAIN | changes))


def test_a_share_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match=r"chance must be in \[0, 1\]; got 1.5"):
        Tiles(**(PLAIN | {"grey": 1.5}))
