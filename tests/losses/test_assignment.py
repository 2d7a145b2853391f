"""Optimal transport: by hand, against slow writings, over two processes, and at temperatures that overflow."""

import math

import pytest
import torch
from scipy.optimize import linear_sum_assignment

from avssl.losses import drawn_sizes, sinkhorn, transport


def scores(count=12, clusters=4, seed=0, dtype=torch.float64):
    return torch.randn(count, clusters, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def slow_sinkhorn(table, epsilon, rounds, sizes):
    plan = [[math.exp(value / epsilon) for value in row] for row in table.tolist()]
    count, clusters = len(plan), len(plan[0])
    for _ in range(rounds):
        for cluster in range(clusters):
            total = sum(row[cluster] for row in plan)
            for row in plan:
                row[cluster] *= sizes[cluster] * count / total
        plan = [[value / sum(row) for value in row] for row in plan]
    return torch.tensor(plan, dtype=torch.float64)


@pytest.mark.parametrize("rounds", [1, 3])
def test_codes_equal_a_slow_writing(rounds):
    table, sizes = scores(), [0.1, 0.2, 0.3, 0.4]
    found = sinkhorn(table, 0.5, rounds, torch.tensor(sizes))
    torch.testing.assert_close(found, slow_sinkhorn(table, 0.5, rounds, sizes), rtol=1e-6, atol=1e-9)
    even = sinkhorn(table, 0.5, rounds)
    torch.testing.assert_close(even, slow_sinkhorn(table, 0.5, rounds, [0.25] * 4), rtol=1e-6, atol=1e-9)


def test_every_row_sums_to_one_and_clusters_get_their_sizes():
    table = scores(200, 10)
    assert torch.allclose(sinkhorn(table, 0.05, 1).sum(1), torch.ones(200, dtype=torch.float64), atol=1e-12)
    assert torch.allclose(sinkhorn(table, 0.2, 300).sum(0), torch.full((10,), 20, dtype=torch.float64), rtol=1e-3)


def test_equal_scores_give_even_codes_and_constants_a_row_change_nothing():
    assert torch.allclose(sinkhorn(torch.full((6, 3), 0.7)), torch.full((6, 3), 1 / 3))
    table = scores()
    shifted = table + torch.arange(12.0, dtype=torch.float64)[:, None]
    assert torch.allclose(sinkhorn(shifted, 0.3, 500), sinkhorn(table, 0.3, 500), atol=1e-6)
    order = torch.tensor([2, 0, 3, 1])
    assert torch.allclose(sinkhorn(table[:, order]), sinkhorn(table)[:, order])


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_the_sharpest_temperature_gives_whole_decisions_and_no_overflow(dtype):
    table = scores(6, 6).clamp(-1, 1)
    table = (table + 2 * torch.eye(6)[[3, 1, 5, 0, 2, 4]]).to(dtype)
    codes = sinkhorn(table, epsilon=1e-3, rounds=50)
    assert codes.isfinite().all() and codes.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert codes.argmax(1).tolist() == linear_sum_assignment(table.double().numpy(), maximize=True)[1].tolist()
    assert transport(table, torch.full((6,), 1 / 6), sharpness=1e4).isfinite().all()


@pytest.mark.parametrize(("score", "epsilon"), [(1.0, 1.0), (0.3, 0.05), (-0.2, 0.5)])
def test_two_rows_and_two_clusters_have_the_codes_found_by_hand(score, epsilon):
    high = 1 / (1 + math.exp(-score / epsilon))
    wanted = torch.tensor([[high, 1 - high], [1 - high, high]], dtype=torch.float64)
    table = torch.diag(torch.tensor([score, score], dtype=torch.float64))
    torch.testing.assert_close(sinkhorn(table, epsilon), wanted)
    even = torch.full((2,), 0.5)
    torch.testing.assert_close(2 * transport(table, even, 1 / epsilon, 200, 1e-9), wanted)


def test_codes_are_even_at_a_high_temperature():
    assert torch.allclose(sinkhorn(scores(), epsilon=1e6), torch.full((12, 4), 0.25).double(), atol=1e-5)
    assert torch.allclose(12 * transport(scores(), torch.full((4,), 0.25), 1e-6), torch.full((12, 4), 0.25).double())


def test_clusters_come_first_and_rows_last():
    table = torch.nn.functional.normalize(scores(64, 8), dim=1)
    codes, turned = sinkhorn(table, 0.05), sinkhorn(table.T, 0.05, sizes=torch.full((64,), 1 / 64)).T * 8
    torch.testing.assert_close(codes.sum(1), torch.ones(64, dtype=torch.float64))
    assert (turned.sum(1) - 1).abs().max() > 1e-3 < (codes.sum(0) - 8).abs().max()  # the other order: clusters exact
    even = sinkhorn(table, 0.05, 100)
    torch.testing.assert_close(even.sum(0), torch.full((8,), 8.0, dtype=torch.float64), rtol=1e-3, atol=0)


def test_transport_is_the_same_for_clusters_in_another_order_and_rows_of_another_height():
    likely, order = scores().log_softmax(1), torch.tensor([2, 0, 3, 1])
    sizes = torch.tensor([0.1, 0.2, 0.3, 0.4])
    plan = transport(likely, sizes, 5.0, 500, 1e-10)
    torch.testing.assert_close(transport(likely[:, order], sizes[order], 5.0, 500, 1e-10), plan[:, order])
    torch.testing.assert_close(transport(likely + torch.arange(12.0)[:, None], sizes, 5.0, 500, 1e-10), plan)


def test_rows_of_codes_count_as_often_as_they_are_told():
    table, sizes = scores(5, 3), torch.tensor([0.2, 0.3, 0.5])
    for even in (None, sizes):
        none = sinkhorn(table, 0.5, 3, even, weights=torch.tensor([1.0, 1, 0, 1, 0]))
        torch.testing.assert_close(none[[0, 1, 3]], sinkhorn(table[[0, 1, 3]], 0.5, 3, even))
        assert none.isfinite().all() and (none[[2, 4]] == 0).all()
        twice = sinkhorn(table, 0.5, 3, even, weights=torch.tensor([1.0, 2, 1, 1, 1]))
        doubled = sinkhorn(table[[0, 1, 1, 2, 3, 4]], 0.5, 3, even)
        torch.testing.assert_close(twice[1], doubled[1] + doubled[2])
        torch.testing.assert_close(twice[[0, 2, 3, 4]], doubled[[0, 3, 4, 5]])


def test_a_cluster_of_no_size_gets_nothing():
    sizes = torch.tensor([0.5, 0.0, 0.5, 0.0])
    for plan in (sinkhorn(scores(), 0.5, 5, sizes), transport(scores(), sizes)):
        assert plan.isfinite().all() and plan[:, 1].sum() == plan[:, 3].sum() == 0
        assert plan.sum(0)[0].item() == pytest.approx(plan.sum().item() / 2, rel=0.1)


@pytest.mark.parametrize(
    ("seed", "sharpness", "weighted", "labels"),
    [
        (0, 3.0, -0.028993422361469207, [3, 4, 1, 0, 4, 4, 3, 3, 3, 2, 3, 0, 2, 4, 2]),
        (1, 20.0, 0.16271980378609058, [4, 2, 4, 4, 0, 4, 1, 3, 1, 2, 3, 4, 3, 4, 4]),
        (2, 200.0, -0.1816433908033841, [2, 4, 0, 3, 2, 3, 3, 4, 0, 3, 2, 1, 4, 2, 3]),
    ],
)
def test_transport_has_the_numbers_of_earlier_versions(seed, sharpness, weighted, labels):
    likely, sizes = scores(30, 5, seed).log_softmax(1), torch.tensor([0.1, 0.1, 0.2, 0.25, 0.35])
    plan = transport(likely, sizes, sharpness)
    assert plan.argmax(1).tolist()[:15] == labels
    assert (plan * torch.arange(150.0).double().view(30, 5).cos()).sum().item() == pytest.approx(weighted, rel=1e-12)


def test_transport_equals_a_slow_writing():
    likely, sizes = scores(8, 3).log_softmax(1), [0.2, 0.3, 0.5]
    slow = slow_sinkhorn(likely, 1 / 4, 500, sizes) / 8
    torch.testing.assert_close(transport(likely, torch.tensor(sizes), 4.0, 500, 1e-9), slow, rtol=1e-6, atol=1e-9)


def test_rows_weigh_what_they_are_given():
    weights, sizes = torch.tensor([1.0, 2, 3, 4, 5]) / 15, torch.tensor([0.3, 0.7])
    plan = transport(scores(5, 2).log_softmax(1), sizes, 3.0, 500, 1e-8, weights)
    assert torch.allclose(plan.sum(1), weights.double()) and torch.allclose(plan.sum(0), sizes.double(), rtol=1e-6)
    twice = torch.tensor([0, 1, 1])  # a row of twice the weight is two rows
    likely = scores(2, 2).log_softmax(1)
    single = transport(likely, sizes, 3.0, 500, 1e-8, torch.tensor([1.0, 2.0]) / 3)
    double = transport(likely[twice], sizes, 3.0, 500, 1e-8)
    assert torch.allclose(single, torch.stack([double[0], double[1] + double[2]]), atol=1e-8)


def test_drawn_sizes_spread_about_even_and_none_is_tiny():
    normal = [1.5, -0.5, 0.0, -30.0]
    slow = [max(1 + 0.1 * value, 0.1) for value in normal]
    assert drawn_sizes(torch.tensor(normal), 0.1).tolist() == pytest.approx([size / sum(slow) for size in slow])
    assert drawn_sizes(torch.tensor(normal), 0.0).tolist() == [0.25] * 4


def test_codes_carry_no_gradient():
    table = scores().requires_grad_()
    assert not sinkhorn(table).requires_grad and not transport(table, torch.full((4,), 0.25)).requires_grad


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sinkhorn(torch.zeros(0, 3)), r"at least one row and one cluster, \(rows, clusters\); got \(0, 3\)"),
        (lambda: sinkhorn(torch.zeros(3, 0)), r"got \(3, 0\)"),
        (lambda: transport(torch.zeros(0, 3), torch.full((3,), 1 / 3)), r"got \(0, 3\)"),
        (lambda: sinkhorn(scores(), epsilon=0), "epsilon > 0 and rounds >= 1; got 0 and 3"),
        (lambda: sinkhorn(scores(), sizes=torch.ones(4)), "shares of 4 clusters that sum to 1.*sum 4"),
        (lambda: transport(scores(), torch.tensor([0.5, 0.5])), r"shares of 4 clusters.*shape \(2,\)"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(call, message):
    with pytest.raises(ValueError, match=message):
        call()
