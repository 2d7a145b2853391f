"""Concentration and orthogonality against loops, and what makes them nothing."""

import pytest
import torch
from torch.nn import functional as F

from avssl.losses import cell_grid, concentration, orthogonality, pointers


def pointing(shape=(4, 6), other=(3, 5), seed=0):
    scores = torch.randn(2, shape[0] * shape[1], other[0] * other[1], generator=torch.Generator().manual_seed(seed))
    return scores.softmax(2)


def slow_concentration(table, shape, other, window):
    """Return the concentration of one item, cell by cell."""
    where = [
        ((2 * column + 1) / other[1] - 1, (2 * row + 1) / other[0] - 1)
        for row in range(other[0])
        for column in range(other[1])
    ]
    moved = [
        [sum(float(a) * place[axis] for a, place in zip(row, where, strict=True)) for axis in (0, 1)] for row in table
    ]
    total = 0.0
    for top in range(0, shape[0], window):
        for left in range(0, shape[1], window):
            cells = [
                moved[row * shape[1] + column]
                for row in range(top, min(top + window, shape[0]))
                for column in range(left, min(left + window, shape[1]))
            ]
            middle = [sum(cell[axis] for cell in cells) / len(cells) for axis in (0, 1)]
            total += sum((cell[0] - middle[0]) ** 2 + (cell[1] - middle[1]) ** 2 for cell in cells)
    return total / len(moved)


@pytest.mark.parametrize("window", [1, 2, 3, 8])
def test_concentration_is_that_of_a_slow_writing(window):
    table = pointing()
    wanted = [slow_concentration(one, (4, 6), (3, 5), window) for one in table]
    torch.testing.assert_close(concentration(table, (4, 6), (3, 5), window), torch.tensor(wanted))


def test_cells_that_go_to_one_place_are_concentrated_and_scattered_ones_are_not():
    one = F.one_hot(torch.full((1, 16), 5), 16).float()
    assert concentration(one, (4, 4), (4, 4), 2) < 1e-12
    still, mixed = (
        torch.eye(16)[None],
        torch.eye(16)[None, torch.randperm(16, generator=torch.Generator().manual_seed(0))],
    )
    found, scattered = (float(concentration(one, (4, 4), (4, 4), 2)) for one in (still, mixed))
    assert found == pytest.approx(0.125) and found < scattered


def test_places_are_the_middles_of_cells():
    assert cell_grid((1, 2), torch.zeros(1)).tolist() == [[-0.5, 0.0], [0.5, 0.0]]


def test_only_what_is_a_permutation_brings_values_home():
    order = torch.randperm(9, generator=torch.Generator().manual_seed(1))
    values = torch.rand(1, 9, 3)
    assert orthogonality(torch.eye(9)[None, order], values) < 1e-6
    lost = torch.eye(9)[None, torch.zeros(9, dtype=torch.int64)]  # all point at the first, which comes back ninefold
    wanted = (torch.cat([9 * values[:, :1], torch.zeros(1, 8, 3)], 1) - values).abs().mean((1, 2))
    torch.testing.assert_close(orthogonality(lost, values), wanted)


def test_the_coordinate_form_runs_and_has_a_gradient():
    cells = torch.randn(1, 9, 4, requires_grad=True)
    table = pointers(cells, cells.flip(1))
    orthogonality(table, cell_grid((3, 3), table)[None]).sum().backward()
    assert cells.grad.abs().sum() > 0


def test_shapes_that_do_not_fit_are_refused_in_one_line():
    with pytest.raises(ValueError, match=r"pointing of \(4, 4\) cells at \(3, 5\) cells cannot be \(2, 24, 15\)"):
        concentration(pointing(), (4, 4), (3, 5), 2)
