"""Contrasts against slow writings, closed forms, and what must not change them."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from avssl.losses import accuracy, contrast, halfway, info_nce, nt_xent, similarities, symmetric_contrast


def rows(count, dim=5, seed=0, dtype=torch.float64):
    return torch.randn(count, dim, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def mask(count, share, seed):
    chance = torch.rand(count, count, generator=torch.Generator().manual_seed(seed)) < share
    return chance | chance.T | torch.eye(count, dtype=torch.bool)


def slow_contrast(logits, positive, counts):
    """Return the mean over rows of the mean over positives of minus the log of their share, by loops."""
    losses = []
    for row, values in enumerate(logits.tolist()):
        counted = [place for place in range(len(values)) if counts[row, place]]
        true = [place for place in counted if positive[row, place]]
        if true:
            total = sum(math.exp(values[place]) for place in counted)
            losses.append(sum(-math.log(math.exp(values[place]) / total) for place in true) / len(true))
    return sum(losses) / len(losses)


def slow_cosine(one, other):
    dot = sum(a * b for a, b in zip(one.tolist(), other.tolist(), strict=True))
    return dot / math.sqrt(sum(a * a for a in one.tolist()) * sum(b * b for b in other.tolist()))


def slow_nt_xent(first, second, temperature):
    views, total = [*first, *second], 0.0
    for anchor in range(len(views)):
        twin = (anchor + len(first)) % len(views)
        likes = {
            k: math.exp(slow_cosine(views[anchor], views[k]) / temperature) for k in range(len(views)) if k != anchor
        }
        total -= math.log(likes[twin] / sum(likes.values()))
    return total / len(views)


def test_a_contrast_with_several_positives_equals_a_slow_writing():
    logits, positive, counts = rows(7, 7), mask(7, 0.2, 1), mask(7, 0.5, 2)
    positive[3] = False  # this row has none and is left out
    found = contrast(logits, positive, counts)
    assert found.item() == pytest.approx(slow_contrast(logits, positive & counts, counts))


def test_rows_without_a_positive_leave_zero_and_no_gradient():
    logits = rows(3, 3).requires_grad_()
    loss = contrast(logits, torch.zeros(3, 3, dtype=torch.bool))
    loss.backward()
    assert loss.item() == 0 and torch.equal(logits.grad, torch.zeros(3, 3, dtype=torch.float64))
    assert accuracy(logits, torch.zeros(3, 3, dtype=torch.bool)).item() == 0


def test_what_does_not_count_gets_no_gradient_and_no_chance_to_be_nearest():
    logits, counts = rows(4, 4), ~torch.eye(4, dtype=torch.bool).flip(0)
    logits[~counts] = 100.0
    logits.requires_grad_()
    positive = torch.eye(4, dtype=torch.bool)
    contrast(logits, positive, counts).backward()
    assert torch.equal(logits.grad[~counts], torch.zeros(4, dtype=torch.float64))
    slow = sum(
        bool(row.masked_fill(~kept, -1e9).argmax() == i)
        for i, (row, kept) in enumerate(zip(logits, counts, strict=True))
    )
    assert accuracy(logits, positive, counts).item() == pytest.approx(slow / 4)


def slow_halfway(similar, positive, counts, present):
    true, false = [], []
    for row in range(len(similar)):
        for column in range(len(similar)):
            if counts[row, column] and present[row] and present[column]:
                (true if positive[row, column] else false).append(similar[row, column].item())
    return (sum(true) / len(true) + sum(false) / len(false)) / 2


@pytest.mark.parametrize(
    ("seed", "loss", "right", "level"),
    [
        (0, 1.98795199, 4 / 14, 0.160002589),
        (1, 2.42168975, 3 / 14, -0.0825618804),
        (2, 2.20508695, 3 / 14, -0.0390148573),
    ],
)
def test_the_symmetric_contrast_has_the_numbers_of_earlier_versions(seed, loss, right, level):
    logits, positive, counts = rows(8, 8, seed, torch.float32), mask(8, 0.1, seed), mask(8, 0.6, seed + 9)
    positive &= counts
    present = torch.arange(8) != 2
    found = symmetric_contrast(logits, positive, counts, present)
    assert [value.item() for value in found] == pytest.approx([loss, right], abs=1e-6)
    left = [table[present][:, present] for table in (logits, positive, counts)]
    slow = [slow_contrast(*ways) for ways in (left, [table.T for table in left])]
    assert found[0].item() == pytest.approx(sum(slow) / 2, abs=1e-6)
    found = halfway(logits, positive, counts, present, torch.tensor(0.3)).item()
    assert found == pytest.approx(level, abs=1e-7)
    assert found == pytest.approx(slow_halfway(logits, positive, counts, present), abs=1e-6)


def test_where_no_item_is_present_a_symmetric_contrast_is_zero_and_the_level_stays():
    logits, every = rows(4, 4), torch.ones(4, 4, dtype=torch.bool)
    none, level = torch.zeros(4, dtype=torch.bool), torch.tensor(0.3)
    assert [value.item() for value in symmetric_contrast(logits, every, every, none)] == [0, 0]
    assert halfway(logits, every, every, none, level) is level


@pytest.mark.parametrize("temperature", [0.07, 0.5])
def test_nt_xent_equals_a_slow_writing(temperature):
    first, second = rows(5), rows(5, seed=1)
    assert nt_xent(first, second, temperature).item() == pytest.approx(slow_nt_xent(first, second, temperature))


def test_nt_xent_has_its_closed_forms():
    count, temperature = 8, 0.5
    apart = torch.eye(2 * count)
    assert nt_xent(apart[:count], apart[count:], temperature).item() == pytest.approx(math.log(2 * count - 1))
    same = torch.ones(count, 3)
    assert nt_xent(same, same, temperature).item() == pytest.approx(math.log(2 * count - 1))
    assert nt_xent(apart[:count], apart[:count], temperature).item() == pytest.approx(1.062879, abs=1e-5)
    simplex = torch.eye(count) - 1 / count
    least = math.log(1 + (2 * count - 2) * math.exp(-(1 + 1 / (count - 1)) / temperature))
    assert nt_xent(simplex, simplex, temperature).item() == pytest.approx(least, abs=1e-5)


def test_another_row_of_the_same_item_is_not_told_apart():
    first, second, items = rows(4), rows(4, seed=1), torch.tensor([7, 3, 7, 1])
    logits = similarities(torch.cat([first, second]), torch.cat([first, second]), 0.2)
    positive, counts = torch.zeros(8, 8, dtype=torch.bool), torch.ones(8, 8, dtype=torch.bool)
    for anchor in range(8):
        positive[anchor, (anchor + 4) % 8] = True
        for other in range(8):
            counts[anchor, other] = positive[anchor, other] or items[anchor % 4] != items[other % 4]
    found = nt_xent(first, second, 0.2, items)
    assert found.item() == pytest.approx(slow_contrast(logits, positive, counts))
    assert found < nt_xent(first, second, 0.2)


def test_a_key_among_a_batch_and_among_a_queue_equals_slow_writings():
    queries, keys, queue = rows(4), rows(4, seed=1), rows(6, seed=2)
    counts = torch.rand(4, 6, generator=torch.Generator().manual_seed(3)) < 0.7
    total = batch = 0.0
    for row in range(4):
        own = math.exp(slow_cosine(queries[row], keys[row]) / 0.2)
        others = sum(math.exp(slow_cosine(queries[row], queue[k]) / 0.2) for k in range(6) if counts[row, k])
        total -= math.log(own / (own + others)) / 4
        batch -= math.log(own / sum(math.exp(slow_cosine(queries[row], key) / 0.2) for key in keys)) / 4
    assert info_nce(queries, keys, 0.2, negatives=queue, counts=counts).item() == pytest.approx(total)
    assert info_nce(queries, keys, 0.2).item() == pytest.approx(batch)


def test_a_queue_has_its_closed_forms():
    apart = torch.eye(12)
    assert info_nce(apart[:2], apart[2:4], 0.2, negatives=apart[4:]).item() == pytest.approx(math.log(8 + 1))
    found = info_nce(apart[:2], apart[:2], 0.5, negatives=apart[4:]).item()
    assert found == pytest.approx(math.log(1 + 8 * math.exp(-2)), rel=1e-5)
    none = torch.zeros(2, 8, dtype=torch.bool)  # an empty queue: nothing to tell from
    assert info_nce(apart[:2], apart[2:4], 0.2, negatives=apart[4:], counts=none).item() == 0


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), scale=st.floats(0.01, 100), shift=st.integers(1, 5))
def test_length_turning_order_and_swapped_views_change_nothing(seed, scale, shift):
    first, second = rows(6, seed=seed), rows(6, seed=seed + 1)
    turn = torch.linalg.qr(rows(5, seed=seed + 2)).Q
    expected = nt_xent(first, second, 0.3).item()
    assert nt_xent(first * scale, second, 0.3).item() == pytest.approx(expected)
    assert nt_xent(first @ turn, second @ turn, 0.3).item() == pytest.approx(expected)
    assert nt_xent(first.roll(shift, 0), second.roll(shift, 0), 0.3).item() == pytest.approx(expected)
    assert nt_xent(second, first, 0.3).item() == pytest.approx(expected)


def test_gradients_are_those_of_differences():
    first, second, queue = (rows(3, 4, seed).requires_grad_() for seed in range(3))
    assert torch.autograd.gradcheck(lambda *views: nt_xent(*views, temperature=0.4), (first, second))
    assert torch.autograd.gradcheck(
        lambda *views: info_nce(views[0], views[1], 0.4, negatives=views[2]), (first, second, queue)
    )
    positive, counts = mask(3, 0.3, 4), mask(3, 0.8, 5)
    logits = rows(3, 3, 6).requires_grad_()
    assert torch.autograd.gradcheck(lambda table: symmetric_contrast(table, positive, counts)[0], (logits,))


def test_the_gradient_lies_across_the_row_and_has_the_size_that_is_said():
    first = rows(4).requires_grad_()
    nt_xent(first, rows(4, seed=1), 0.2).backward()
    torch.testing.assert_close((first * first.grad).sum(1), torch.zeros(4, dtype=torch.float64), rtol=0, atol=1e-12)
    logits = rows(4, 6).requires_grad_()
    positive = torch.zeros(4, 6, dtype=torch.bool)
    positive[:, 1] = True
    contrast(logits, positive).backward()
    torch.testing.assert_close(logits.grad, (logits.detach().softmax(1) - positive.double()) / 4)


def test_cosines_are_float32_under_mixed_precision_and_sharp_temperatures_stay_finite():
    first = F.normalize(rows(8, 16, dtype=torch.float32), dim=1)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(similarities(first, first, 0.01), first @ first.T / 0.01) is False  # theirs is bfloat16
        mixed = nt_xent(first, first.roll(1, 0), 0.01)
    assert mixed.dtype == torch.float32
    assert torch.equal(mixed, nt_xent(first, first.roll(1, 0), 0.01))
    assert nt_xent(first.bfloat16(), first.bfloat16(), 0.001).isfinite()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nt_xent(rows(3), rows(2), 0.1), r"rows of one shape.*first \(3, 5\), second \(2, 5\)"),
        (lambda: nt_xent(rows(0), rows(0), 0.1), "N at least 1"),
        (lambda: nt_xent(rows(3), rows(3), 0.0), "temperature must be above 0; got 0.0"),
        (lambda: info_nce(rows(3), rows(4), 0.1), "rows of one shape"),
        (lambda: info_nce(rows(3), rows(3, 4), 0.1, positive=mask(3, 0.1, 0)), r"\(3, 5\) and \(3, 4\)"),
        (lambda: info_nce(rows(3), rows(3), 0.1, rows(4), mask(3, 0.1, 0)), "own key alone"),
        (lambda: contrast(rows(3, 3), mask(4, 0.1, 0)), "one shape"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(call, message):
    with pytest.raises(ValueError, match=message):
        call()
