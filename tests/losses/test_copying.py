"""Copying by pointing against loops, closed forms, and the limits of its temperature."""

import math

import pytest
import torch

from avssl.losses import copied_classes, copying_loss, pointers


def rows(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_copying_is_that_of_a_slow_writing():
    queries, references, weights = rows(2, 3, 5), rows(2, 4, 5, seed=1), torch.tensor([0.5, 1.0, 2.0]).double()
    classes, truth = torch.tensor([[0, 1, 2, 1], [2, 2, 0, 0]]), torch.tensor([[0, 1, 2], [1, 0, 0]])
    copied = copied_classes(pointers(queries, references), classes, 3)
    cost, weight = copying_loss(copied, truth, weights)
    for item in range(2):
        total = 0.0
        for query in range(3):
            alike = [
                math.exp(sum(a * b for a, b in zip(queries[item, query].tolist(), one.tolist(), strict=True)) / 5**0.5)
                for one in references[item]
            ]
            chance = sum(a for a, c in zip(alike, classes[item].tolist(), strict=True) if c == truth[item, query])
            assert copied[item, query, truth[item, query]] == pytest.approx(chance / sum(alike))
            total -= float(weights[truth[item, query]]) * math.log(chance / sum(alike) + 1e-6)
        assert float(cost[item]) == pytest.approx(total)
        assert float(weight[item]) == pytest.approx(float(weights[truth[item]].sum()))


def test_cold_pointers_copy_the_nearest_and_warm_ones_the_mean():
    cells = torch.eye(4)[None]
    classes = torch.tensor([[0, 1, 2, 2]])
    assert copied_classes(pointers(cells, cells, 1e-3), classes, 3).argmax(2).tolist() == [[0, 1, 2, 2]]
    warm = copied_classes(pointers(cells, cells, 1e6), classes, 3)
    torch.testing.assert_close(warm, torch.tensor([0.25, 0.25, 0.5]).expand(1, 4, 3), rtol=1e-4, atol=1e-4)


def test_random_rows_of_many_numbers_do_not_point_at_one_alone():
    queries, references = rows(1, 50, 256), rows(1, 300, 256, seed=1)
    assert pointers(queries, references).amax(2).mean() < 0.1 < pointers(queries, references, 1.0).amax(2).mean()


def test_a_class_that_no_reference_has_costs_a_finite_price():
    copied = copied_classes(torch.full((1, 2, 3), 1 / 3), torch.zeros(1, 3, dtype=torch.int64), 2)
    cost, _ = copying_loss(copied, torch.tensor([[1, 1]]), torch.ones(2))
    assert float(cost) == pytest.approx(-2 * math.log(1e-6))


@pytest.mark.parametrize(("shapes", "temperature"), [(((1, 2, 3), (1, 2, 4)), None), (((1, 2, 3), (1, 2, 3)), 0.0)])
def test_what_cannot_be_compared_is_refused_in_one_line(shapes, temperature):
    with pytest.raises(ValueError, match=r"needs queries|temperature must be above 0"):
        pointers(*(torch.zeros(shape) for shape in shapes), temperature)
