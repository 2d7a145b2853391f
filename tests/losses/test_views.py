"""Verification, regression and redundancy: slow writings, closed forms, ranges and gradients."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from avssl.losses import (
    barlow_twins,
    byol,
    covariance,
    cross_correlation,
    negative_cosine,
    pair_verification,
    variance,
    vicreg,
)


def rows(count=6, dim=4, seed=0):
    return torch.randn(count, dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def mean(values):
    return sum(values) / len(values)


# --- verification ---------------------------------------------------------------------------------------------------
def test_verification_equals_a_slow_writing_and_the_numbers_it_had():
    true, false = rows(5, 1)[:, 0], rows(2, 5, 1)
    heard, played = torch.tensor([1, 1, 0, 1, 1]).bool(), rows(2, 5, 2) > 0
    found = pair_verification(true, false, heard, played)
    yes = [math.log(1 + math.exp(-value)) for value, kept in zip(true.tolist(), heard, strict=True) if kept]
    no = [math.log(1 + math.exp(value)) for value in false[played].tolist()]
    assert found["loss"].item() == pytest.approx((mean(yes) + mean(no)) / 2)
    right = [value > 0 for value in true[heard].tolist()], [value <= 0 for value in false[played].tolist()]
    assert found["accuracy"].item() == pytest.approx((mean(right[0]) + mean(right[1])) / 2)
    before = {"loss": 0.692325234413147, "accuracy": 0.5}  # of an earlier version
    for name, value in pair_verification(true.float(), false.float(), heard, played).items():
        assert value.item() == pytest.approx(before[name], rel=1e-7), name


def test_an_undecided_head_costs_log_2_and_what_does_not_count_does_nothing():
    every, none = torch.ones(3, dtype=torch.bool), torch.zeros(3, dtype=torch.bool)
    assert pair_verification(torch.zeros(3), torch.zeros(3), every, every)["loss"].item() == pytest.approx(math.log(2))
    broken = torch.full((3,), float("inf"), requires_grad=True)
    found = pair_verification(broken, broken, none, none)
    found["loss"].backward()
    assert found["loss"].item() == 0 and torch.equal(broken.grad, torch.zeros(3))


# --- regression -----------------------------------------------------------------------------------------------------
def test_regression_has_its_range():
    first = torch.eye(4)
    for loss, ends in ((negative_cosine, (-1, 0, 1)), (byol, (0, 2, 4))):
        found = loss(first, 3 * first), loss(first, first.roll(1, 0)), loss(first, -first)
        assert [value.item() for value in found] == pytest.approx(list(ends), abs=1e-6)


def test_regression_equals_a_slow_writing_and_the_target_learns_nothing():
    first, second = rows().requires_grad_(), rows(seed=1).requires_grad_()
    slow = []
    for one, other in zip(first.tolist(), second.tolist(), strict=True):
        units = [[value / math.sqrt(sum(v * v for v in row)) for value in row] for row in (one, other)]
        slow.append(sum((a - b) ** 2 for a, b in zip(*units, strict=True)))
    loss = byol(first, second)
    assert loss.item() == pytest.approx(mean(slow))
    assert negative_cosine(first, second).item() == pytest.approx(mean(slow) / 2 - 1)
    loss.backward()
    assert second.grad is None
    torch.testing.assert_close((first * first.grad).sum(1), torch.zeros(6, dtype=torch.float64), rtol=0, atol=1e-12)
    assert torch.autograd.gradcheck(lambda view: byol(view, second.detach()), (first,))


# --- redundancy -----------------------------------------------------------------------------------------------------
def slow_correlation(first, second):
    def standard(column):
        middle = mean(column)
        spread = math.sqrt(mean([(value - middle) ** 2 for value in column]))
        return [(value - middle) / spread for value in column]

    columns = [[standard(column) for column in view.T.tolist()] for view in (first, second)]
    return [[mean([a * b for a, b in zip(one, other, strict=True)]) for other in columns[1]] for one in columns[0]]


def test_barlow_twins_equals_a_slow_writing():
    first, second = rows(), rows(seed=1)
    table = slow_correlation(first, second)
    slow = sum(
        (1 - value) ** 2 if i == j else 0.01 * value**2 for i, row in enumerate(table) for j, value in enumerate(row)
    )
    assert barlow_twins(first, second, 0.01, eps=0).item() == pytest.approx(slow)
    torch.testing.assert_close(cross_correlation(first, second, 0), torch.tensor(table, dtype=torch.float64))


def test_barlow_twins_has_its_closed_forms():
    apart = torch.tensor([[1.0, 1], [1, -1], [-1, 1], [-1, -1]], dtype=torch.float64)  # columns do not correlate
    assert barlow_twins(apart, apart, eps=0).item() == pytest.approx(0, abs=1e-12)
    assert barlow_twins(apart, -apart, eps=0).item() == pytest.approx(4 * 2)
    assert barlow_twins(torch.ones(8, 4), torch.ones(8, 4)).item() == 4
    count, dim = 64, 32
    noise = barlow_twins(rows(count, dim), rows(count, dim, 1), 0.05).item()
    assert noise == pytest.approx(dim * (1 + 1 / count) + 0.05 * dim * (dim - 1) / count, rel=0.1)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 999), scale=st.floats(0.1, 10), shift=st.floats(-5, 5))
def test_scale_shift_and_order_of_columns_do_not_change_barlow_twins_and_turning_does(seed, scale, shift):
    first, second = rows(8, 4, seed), rows(8, 4, seed + 1)
    expected = barlow_twins(first, second, eps=0).item()
    assert barlow_twins(first * scale + shift, second, eps=0).item() == pytest.approx(expected)
    assert barlow_twins(first.roll(1, 1), second.roll(1, 1), eps=0).item() == pytest.approx(expected)
    turn = torch.linalg.qr(rows(4, 4, seed + 2)).Q
    assert barlow_twins(first @ turn, second @ turn, eps=0).item() != pytest.approx(expected, rel=1e-6)


def test_vicreg_equals_a_slow_writing():
    first, second = rows(), rows(seed=1)
    found = vicreg(first, second)
    differences = [(a - b) ** 2 for one, two in zip(first.tolist(), second.tolist(), strict=True)
                   for a, b in zip(one, two, strict=True)]  # fmt: skip
    hinges, crossed = [], []
    for view in (first, second):
        columns = [[value - mean(column) for value in column] for column in view.T.tolist()]
        table = [[sum(a * b for a, b in zip(x, y, strict=True)) / 5 for y in columns] for x in columns]
        hinges.append(mean([max(0.0, 1 - math.sqrt(table[i][i] + 1e-4)) for i in range(4)]))
        crossed.append(sum(table[i][j] ** 2 for i in range(4) for j in range(4) if i != j) / 4)
    slow = {"invariance": mean(differences), "variance": mean(hinges), "covariance": sum(crossed)}
    for name, value in slow.items():
        assert found[name].item() == pytest.approx(value), name
    assert found["loss"].item() == pytest.approx(25 * slow["invariance"] + 25 * slow["variance"] + slow["covariance"])


def test_vicreg_shows_a_collapse():
    same = torch.ones(5, 3)
    found = vicreg(same, same)
    assert [found[name].item() for name in ("invariance", "covariance")] == [0, 0]
    assert found["variance"].item() == pytest.approx(0.99)
    assert variance(100 * rows()).item() == 0
    assert covariance(torch.tensor([[1.0, 1], [1, -1], [-1, 1], [-1, -1]])).item() == pytest.approx(0)


def test_gradients_are_those_of_differences():
    views = rows(4, 3).requires_grad_(), rows(4, 3, 1).requires_grad_()
    assert torch.autograd.gradcheck(lambda *both: barlow_twins(*both), views)
    assert torch.autograd.gradcheck(lambda *both: vicreg(*both)["loss"], views)


def test_half_precision_is_computed_in_float32():
    first, second = rows(16, 8).bfloat16(), rows(16, 8, 1).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(barlow_twins(first, second), barlow_twins(first.float(), second.float()))
        assert torch.equal(vicreg(first, second)["loss"], vicreg(first.float(), second.float())["loss"])
    assert byol(first, second).dtype == torch.float32


@pytest.mark.parametrize("loss", [barlow_twins, vicreg, byol, negative_cosine])
def test_rows_that_do_not_fit_are_said_in_one_line(loss):
    with pytest.raises(ValueError, match=r"rows of one shape \(N, dim\), N at least 1; got \w+ \(3, 4\), \w+ \(2, 4\)"):
        loss(rows(3), rows(2))
    with pytest.raises(ValueError, match="N at least 1"):
        loss(rows(0), rows(0))


def test_statistics_of_one_row_are_said_in_one_line():
    with pytest.raises(ValueError, match=r"at least two rows \(N, dim\); got \(1, 4\)"):
        vicreg(rows(1), rows(1))
