"""The test of rows against a Gaussian: a slow writing, its closed form, and what it prefers."""

import math

import pytest
import torch

from avssl.losses import sigreg


def slow(rows, directions, knots, reach):
    """Return the statistic by loops over directions and points of the integral on both sides."""
    total, step = 0.0, reach / (knots - 1)
    for direction in directions.tolist():
        norm = math.sqrt(sum(value**2 for value in direction))
        shadow = [sum(a * b for a, b in zip(row, direction, strict=True)) / norm for row in rows.tolist()]
        for knot in range(1 - knots, knots):
            point = knot * step
            real = sum(math.cos(point * value) for value in shadow) / len(shadow) - math.exp(-(point**2) / 2)
            imaginary = sum(math.sin(point * value) for value in shadow) / len(shadow)
            width = step / 2 if abs(knot) == knots - 1 else step
            total += width * math.exp(-(point**2) / 2) * (real**2 + imaginary**2)
    return total * len(rows) / len(directions)


def test_the_statistic_is_that_of_loops():
    rows, axes = torch.randn(7, 3, dtype=torch.float64), torch.randn(5, 3, dtype=torch.float64)
    torch.testing.assert_close(sigreg(rows, axes, 9, 4.0).item(), slow(rows, axes, 9, 4.0), rtol=1e-5, atol=1e-6)


def test_a_fine_and_wide_integral_is_the_closed_form_of_epps_and_pulley():
    values = torch.randn(20, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    pairs = (-(values[:, None] - values).square() / 2).exp().sum() / 20
    single = 2 / math.sqrt(2) * (-values.square() / 4).exp().sum()
    closed = math.sqrt(2 * math.pi) * (pairs - single + 20 / math.sqrt(3))
    found = sigreg(values[:, None], torch.ones(1, 1, dtype=torch.float64), knots=400, reach=9.0)
    assert found.item() == pytest.approx(closed.item(), rel=1e-4)


def test_a_standard_normal_scores_little_whatever_the_number_of_rows_and_others_more_the_more_rows():
    draw, axes = torch.Generator().manual_seed(1), torch.eye(8)
    for count in (200, 2000):
        rows = torch.randn(count, 8, generator=draw)
        found = sigreg(rows, axes)
        assert found < 1.5
        for other in (rows * 0.3, rows * 2, rows + 1, rows[:1].expand(count, -1), rows.sign()):
            assert sigreg(other, axes) > 20 * found * count / 2000


def test_the_gradient_spreads_rows_that_have_collapsed():
    rows = (0.01 * torch.randn(64, 4, generator=torch.Generator().manual_seed(0))).requires_grad_()
    optimiser = torch.optim.Adam([rows], lr=0.05)
    for _ in range(150):
        optimiser.zero_grad()
        sigreg(rows, torch.eye(4)).backward()
        optimiser.step()
    assert rows.std(0).min() > 0.7 and sigreg(rows, torch.eye(4)) < 1


@pytest.mark.parametrize(("directions", "knots"), [(torch.ones(2, 3), 17), (torch.ones(4), 17), (torch.eye(4), 1)])
def test_directions_of_another_length_and_too_few_knots_are_refused(directions, knots):
    with pytest.raises(ValueError, match="needs directions of 4 numbers"):
        sigreg(torch.rand(5, 4), directions, knots)
