"""The queue against a deque, the bank against the numbers it had."""

from collections import deque

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from avssl.nets import Bank, Queue


@settings(max_examples=60, deadline=None)
@given(size=st.integers(1, 9), counts=st.lists(st.integers(0, 14), max_size=8))
def test_a_queue_is_a_deque_for_batches_of_any_size(size, counts):
    queue, slow, number = Queue(size, 2), deque(maxlen=size), 0
    for count in counts:
        items = torch.arange(number, number + count)
        queue.enqueue(torch.stack([items, -items], 1).float(), items)
        slow.extend(items.tolist())
        number += count
        rows, found = queue.contents()
        assert found.tolist() == list(slow) and int(queue.filled) == len(slow)
        assert rows.tolist() == [[float(item), -float(item)] for item in slow]
        assert sorted(queue.items[queue.items >= 0].tolist()) == sorted(slow)


def test_places_not_filled_and_older_vectors_of_the_item_do_not_count():
    queue = Queue(5, 2)
    assert not queue.counts(torch.tensor([0, 1])).any()
    queue.enqueue(torch.rand(3, 2), torch.tensor([4, 7, 4]))
    assert queue.counts(torch.tensor([4, 0])).tolist() == [[False, True, False, False, False], [True] * 3 + [False] * 2]


def test_a_queue_goes_on_from_its_state():
    one, other = Queue(5, 2), Queue(5, 2)
    one.enqueue(torch.rand(4, 2), torch.arange(4))
    other.load_state_dict(one.state_dict())
    for queue in (one, other):
        queue.enqueue(torch.ones(3, 2), torch.arange(3))
    assert all(torch.equal(value, other.state_dict()[name]) for name, value in one.state_dict().items())


def test_what_the_queue_takes_has_no_gradient_and_contents_are_copies():
    queue = Queue(3, 2)
    queue.enqueue(torch.rand(2, 2, requires_grad=True).half(), torch.arange(2))
    rows, _ = queue.contents()
    rows.zero_()
    assert not queue.rows.requires_grad and queue.rows.dtype == torch.float32 and queue.rows.abs().sum() > 0


def test_the_bank_has_the_numbers_of_earlier_versions():
    bank = Bank(9, 4, 0.3)
    assert bank.rows[0].tolist() == pytest.approx([-0.667300999, -0.683019996, -0.148521423, -0.257166028], rel=1e-6)
    for seed in range(3):
        chance = torch.Generator().manual_seed(seed)
        bank.update(torch.randint(9, (7,), generator=chance), torch.randn(7, 4, generator=chance))
    sums = bank.rows.sum(0).tolist()
    assert sums == pytest.approx([-2.448690176, -0.862204432, -1.346897483, 0.046083599], abs=1e-6)
    before = bank.rows.clone()
    bank.update(torch.zeros(0, dtype=torch.int64), torch.zeros(0, 4))
    assert torch.equal(bank.rows, before)


def test_banks_of_one_generator_start_with_different_vectors():
    chance = torch.Generator().manual_seed(0)
    first, second = Bank(9, 4, seed=chance), Bank(9, 4, seed=chance)
    assert torch.equal(first.rows, Bank(9, 4, seed=0).rows) and not torch.equal(first.rows, second.rows)
    start = [-0.283987463, -0.483005643, 0.66984421, -0.487201482]  # that of the bank of sounds, in earlier versions
    assert second.rows[0].tolist() == pytest.approx(start, rel=1e-6)


def test_the_bank_moves_to_the_mean_of_an_items_rows_and_to_length_one():
    bank = Bank(4, 3, 0.25)
    start, rows = bank.rows.clone(), torch.randn(3, 3)
    bank.update(torch.tensor([2, 0, 2]), rows)
    for item, mean in ((0, rows[1]), (2, (rows[0] + rows[2]) / 2)):
        torch.testing.assert_close(bank.rows[item], F.normalize(0.25 * start[item] + 0.75 * mean, dim=0))
    assert torch.equal(bank.rows[[1, 3]], start[[1, 3]])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Queue(0, 2), "size and dim of at least 1; got 0 and 2"),
        (lambda: Queue(3, 2).enqueue(torch.rand(2, 3), torch.arange(2)), r"rows \(N, 2\).*got \(2, 3\) and \(2,\)"),
        (lambda: Queue(3, 2).enqueue(torch.rand(2, 2), torch.arange(3)), r"got \(2, 2\) and \(3,\)"),
        (lambda: Bank(1, 2), "items > 1"),
        (lambda: Bank(3, 2, 1.0), r"momentum in \[0, 1\); got 3, 2 and 1.0"),
        (lambda: Bank(3, 2).check(torch.tensor([1, 3])), "item number 3 and the bank 3 entries; set items to"),
        (lambda: Bank(3, 2, things="recordings").check(torch.tensor([-1])), "recording number -1"),
        (lambda: Bank(3, 2).update(torch.arange(2), torch.rand(2, 3)), r"got \(2,\) and \(2, 3\)"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(call, message):
    with pytest.raises(ValueError, match=message):
        call()
