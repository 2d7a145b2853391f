"""Shuffled batches: their way back over processes, and statistics of each group of its own."""

import torch
from every import make  # noqa: F401  (the folder's path)
from torch import nn
from two_processes import in_two_processes

from avssl.methods.shuffling import Shuffle, apply_in_groups

ROWS = torch.randn(8, 3, generator=torch.Generator().manual_seed(0))
KEY = torch.tensor([[0, 4, index] for index in range(8)])
SHARES = slice(0, 3), slice(3, 8)  # different numbers of rows in two processes


def work(rank):
    rows, key = ROWS[SHARES[rank]], KEY[SHARES[rank]]
    shuffle = Shuffle(key)
    share = shuffle.shuffle(rows)
    return share, shuffle.unshuffle(share), apply_in_groups(nn.BatchNorm1d(3), rows, key, groups=4)


def test_over_two_processes_each_gets_a_share_and_its_own_rows_come_back(tmp_path):
    found = in_two_processes(work, tmp_path)
    whole = Shuffle(KEY).shuffle(ROWS)
    torch.testing.assert_close(torch.cat([share for share, _, _ in found]), whole, rtol=0, atol=0)
    assert [len(share) for share, _, _ in found] == [4, 4]
    normalised = apply_in_groups(nn.BatchNorm1d(3), ROWS, KEY, groups=4)
    for (_, back, groups), own in zip(found, SHARES, strict=True):
        assert back.equal(ROWS[own])
        torch.testing.assert_close(groups, normalised[own])


def test_groups_are_normalised_by_themselves_and_rows_come_back_in_order():
    order = Shuffle(KEY).order.tolist()
    wanted = torch.empty_like(ROWS)
    for group in (order[:4], order[4:]):
        part = ROWS[group]
        wanted[group] = (part - part.mean(0)) / (part.var(0, correction=0) + 1e-5).sqrt()
    torch.testing.assert_close(apply_in_groups(nn.BatchNorm1d(3), ROWS, KEY, groups=2), wanted)
    assert sorted(order) == list(range(8)) and order != list(range(8))


def test_orders_differ_with_the_key_and_follow_the_items_not_their_places():
    mirrored = Shuffle(KEY.flip(0)).shuffle(ROWS.flip(0))
    assert mirrored.equal(Shuffle(KEY).shuffle(ROWS))
    later = KEY + torch.tensor([0, 1, 0])
    assert not Shuffle(later).order.equal(Shuffle(KEY).order)


def test_a_group_has_at_least_two_rows():
    for count in (1, 2, 3, 5):
        sizes = []
        apply_in_groups(lambda part, sizes=sizes: sizes.append(len(part)) or part, ROWS[:count], KEY[:count], groups=8)
        assert sum(sizes) == count and min(sizes) >= min(2, count)
