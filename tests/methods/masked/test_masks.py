"""Which tokens are hidden: exact counts, tubes, frames, running cells, blocks, and the ways to make counts equal."""

import pytest
import torch

from avssl.transforms import BlockMask, Draws
from avssl.transforms.token_masks import cut_to_shortest, running_cells, token_mask

KEY = torch.tensor([[0, 1, index] for index in range(6)])


def as_bool(found, grid):
    tokens = grid[0] * grid[1] * grid[2]
    return torch.zeros(len(found), tokens, dtype=torch.bool).scatter(1, found, True).unflatten(1, grid)


@pytest.mark.parametrize("mask", ["tube", "random", "frame"])
@pytest.mark.parametrize("grid", [(2, 2, 2), (4, 3, 5), (8, 14, 14)])
@pytest.mark.parametrize("ratio", [0.5, 0.75, 0.9])
def test_visible_and_hidden_tokens_are_all_tokens_once_and_counts_are_exact(mask, grid, ratio):
    units = {"tube": grid[1] * grid[2], "random": grid[0] * grid[1] * grid[2], "frame": grid[0]}[mask]
    tokens, away = grid[0] * grid[1] * grid[2], int(units * ratio + 1e-6)
    if not 0 < away < units:
        with pytest.raises(ValueError, match="leaves nothing"):
            token_mask(Draws(KEY), grid, mask, ratio)
        return
    found = token_mask(Draws(KEY), grid, mask, ratio)
    assert torch.cat(found, 1).sort(1).values.equal(torch.arange(tokens).expand(len(KEY), -1))
    assert found.hidden.shape[1] == away * (tokens // units)
    assert all(part.equal(part.sort(1).values) for part in found)


def test_tubes_are_alike_at_all_times_and_frames_at_all_places():
    tube = as_bool(token_mask(Draws(KEY), (4, 3, 3), "tube", 0.6).hidden, (4, 3, 3))
    assert (tube == tube[:, :1]).all() and not (tube[0] == tube[1]).all()
    frame = as_bool(token_mask(Draws(KEY), (4, 3, 3), "frame", 0.5).hidden, (4, 3, 3)).flatten(2)
    assert (frame.all(2) | ~frame.any(2)).all() and frame.any(2).sum() == 2 * len(KEY)


@pytest.mark.parametrize("make", [lambda draws: token_mask(draws, (4, 4, 4), "tube", 0.75), BlockMask(visible=0.3)])
def test_a_clip_has_the_mask_of_its_key_whatever_batch_it_is_in(make):
    call = (lambda draws: make(draws, (4, 4, 4))) if isinstance(make, BlockMask) else make
    both, alone = call(Draws(KEY)), call(Draws(KEY[3:4]))
    assert all(many[3:4].equal(one) for many, one in zip(both, alone, strict=True))


def test_running_cells_take_half_of_each_cell_and_every_place_in_turn():
    found = as_bool(running_cells(Draws(KEY), (4, 4, 6), 0.5), (4, 4, 6))
    cells = found.unflatten(2, (2, 2)).unflatten(4, (3, 2)).sum((3, 5))
    assert (cells == 2).all() and (found.sum(1) == 2).all()  # of four times each place is taken at two


@pytest.mark.parametrize(("share", "grid"), [(0.3, (2, 4, 4)), (0.5, (2, 3, 4))])
def test_cells_that_do_not_fill_the_grid_are_refused(share, grid):
    with pytest.raises(ValueError, match="running cells of two by two"):
        running_cells(Draws(KEY), grid, share)


def test_blocks_cover_what_a_loop_over_their_sides_covers():
    cover = BlockMask(blocks=1, share=0.25, aspect=(1, 1)).cover(Draws(KEY), 8, 8)
    for one in cover:
        rows, columns = one.any(1).nonzero()[:, 0], one.any(0).nonzero()[:, 0]
        assert one.sum() == 16 and len(rows) == len(columns) == 4  # 0.25 of 64 places: 4 x 4
        assert one[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()


def test_exactly_so_many_places_are_visible_and_they_lie_under_the_fewest_blocks():
    mask = BlockMask(blocks=4, share=0.2, visible=0.25)
    found, cover = mask(Draws(KEY), (2, 6, 6)), mask.cover(Draws(KEY), 6, 6).flatten(1)
    assert found.visible.shape[1] == 2 * 9
    visible = found.visible[:, :9]
    hidden = torch.ones(len(KEY), 36, dtype=torch.bool).scatter(1, visible, False)
    for row in range(len(KEY)):
        assert cover[row][visible[row]].max() <= cover[row][hidden[row]].min()


def test_a_prefix_keeps_the_first_tokens_and_chance_any():
    chosen = torch.tensor([[1, 1, 0, 1, 1, 1], [0, 1, 0, 1, 0, 1]]).bool()
    assert cut_to_shortest(chosen, Draws(KEY[:2]), False).tolist() == [[0, 1, 3], [1, 3, 5]]
    drawn = torch.cat([cut_to_shortest(chosen, Draws(KEY[:2] + 10 * shift), True) for shift in range(40)])
    assert set(drawn[::2].flatten().tolist()) == {0, 1, 3, 4, 5} and set(drawn[1::2].flatten().tolist()) == {1, 3, 5}


@pytest.mark.parametrize("equal", ["prefix", "random"])
def test_blocks_over_everything_leave_one_place(equal):
    found = BlockMask(blocks=40, share=0.9, equal=equal)(Draws(KEY), (3, 2, 2))
    assert found.visible.shape == (6, 3) and found.hidden.shape == (6, 9)


def test_impossible_blocks_are_refused_in_one_line():
    for wrong in ({"share": 1.0}, {"blocks": 0}, {"visible": 0.0}, {"aspect": (2, 1)}, {"equal": "most"}):
        with pytest.raises(ValueError, match="needs"):
            BlockMask(**wrong)
    with pytest.raises(ValueError, match="at least two places"):
        BlockMask()(Draws(KEY), (4, 1, 1))
