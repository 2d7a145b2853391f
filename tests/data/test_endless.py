"""The order of draws: every item once an epoch, the same whoever draws."""

from itertools import islice

import pytest

from avssl.data import Endless


def take(count, **settings):
    return list(islice(Endless(10, seed=1, **settings), count))


def test_each_epoch_visits_every_item_once():
    draws = take(30)
    for epoch in range(3):
        assert sorted(index for e, index in draws if e == epoch) == list(range(10))


def test_epochs_and_seeds_have_orders_of_their_own():
    assert len({tuple(index for _, index in take(50)[10 * e : 10 * e + 10]) for e in range(5)}) == 5
    assert list(islice(Endless(10, seed=2), 10)) != take(10)


def test_starting_later_goes_on_where_it_stopped():
    assert take(7, start=13) == take(20)[13:]


@pytest.mark.parametrize("world", [2, 3])
def test_processes_share_the_draws(world):
    shares = [take(10, rank=rank, world=world) for rank in range(world)]
    assert [draw for row in zip(*shares, strict=True) for draw in row] == take(10 * world)


@pytest.mark.parametrize(("world", "batch", "accumulate"), [(1, 6, 2), (2, 3, 2), (3, 4, 1), (4, 1, 3), (12, 1, 1)])
def test_a_step_takes_the_same_items_however_processes_and_batches_share_them(world, batch, accumulate):
    steps, share = 5, batch * accumulate
    drawn = [take(steps * share, start=24, rank=rank, world=world) for rank in range(world)]
    for step in range(steps):
        found = [draw for one in drawn for draw in one[step * share : (step + 1) * share]]
        assert sorted(found) == sorted(take(12, start=24 + 12 * step))


def test_nothing_to_draw_from_and_a_wrong_rank_are_said():
    with pytest.raises(ValueError, match="the dataset is empty"):
        Endless(0)
    with pytest.raises(ValueError, match=r"rank must be in \[0, world\)"):
        Endless(10, rank=2, world=2)
