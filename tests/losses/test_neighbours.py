"""The terms of SCAN and the loss of self-labelling: closed forms, a slow writing, extremes."""

import math

import pytest
import torch

from avssl.losses import balanced_cross_entropy, cluster_entropy, neighbour_consistency

CLUSTERS, WEIGHT = 4, 5.0


def scan(anchors, neighbours, weight=WEIGHT):
    return (neighbour_consistency(anchors, neighbours) - weight * cluster_entropy(anchors)).item()


def test_the_three_closed_forms():
    even, log = torch.zeros(8, CLUSTERS), math.log(CLUSTERS)
    one = torch.tensor([[90.0, 0, 0, 0]]).repeat(8, 1)
    best = torch.eye(CLUSTERS).repeat(2, 1) * 90
    assert math.isclose(scan(even, even), (1 - WEIGHT) * log, rel_tol=1e-6)
    assert abs(scan(one, one)) < 1e-6
    assert math.isclose(scan(best, best), -WEIGHT * log, rel_tol=1e-6)
    assert scan(even, even, 1.0) == pytest.approx(scan(one, one, 1.0), abs=1e-6)  # so the weight must be above 1


def test_a_slow_writing_gives_the_same_of_several_heads():
    chance = torch.Generator().manual_seed(0)
    anchors, neighbours = torch.randn(2, 3, 5, CLUSTERS, generator=chance).unbind(0)
    for head in range(3):
        shares, total = [0.0] * CLUSTERS, 0.0
        for one, other in zip(anchors[head].softmax(1).tolist(), neighbours[head].softmax(1).tolist(), strict=True):
            total -= math.log(sum(p * q for p, q in zip(one, other, strict=True))) / 5
            shares = [share + p / 5 for share, p in zip(shares, one, strict=True)]
        entropy = -sum(share * math.log(share) for share in shares)
        assert neighbour_consistency(anchors, neighbours)[head].item() == pytest.approx(total, rel=1e-5)
        assert cluster_entropy(anchors)[head].item() == pytest.approx(entropy, rel=1e-5)


def test_where_nothing_is_told_apart_there_is_no_gradient():
    even = torch.zeros(6, CLUSTERS, requires_grad=True)
    (neighbour_consistency(even, even) - WEIGHT * cluster_entropy(even)).backward()
    assert even.grad.abs().max() < 1e-6  # a saddle: weights that differ must break it


def test_sure_and_opposite_clusters_have_finite_losses_and_gradients():
    for kind in (torch.float32, torch.float16):
        one = torch.tensor([[400.0, 0, 0, 0]] * 3, dtype=kind, requires_grad=True)
        other = torch.tensor([[0.0, 400, 0, 0]] * 3, dtype=kind)
        loss = neighbour_consistency(one, other) - WEIGHT * cluster_entropy(one)
        loss.backward()
        assert math.isclose(loss.item(), 400 - math.log(2), rel_tol=1e-3) and torch.isfinite(one.grad).all()


def test_classes_weigh_alike_and_rows_without_a_label_not_at_all():
    logits = torch.randn(7, 3, generator=torch.Generator().manual_seed(0), requires_grad=True)
    labels = torch.tensor([0, 0, 0, 2, -1, 2, -1])
    each = [-logits[row].log_softmax(0)[label].item() for row, label in enumerate(labels.tolist())]
    first, third = sum(each[:3]) / 3, (each[3] + each[5]) / 2
    assert balanced_cross_entropy(logits, labels).item() == pytest.approx((first + third) / 2)
    assert balanced_cross_entropy(logits, labels, balanced=False).item() == pytest.approx((3 * first + 2 * third) / 5)
    balanced_cross_entropy(logits, labels).backward()
    assert logits.grad[[4, 6]].abs().sum() == 0 and logits.grad[0].abs().sum() > 0


def test_without_a_label_loss_and_gradient_are_zero():
    logits = torch.randn(4, 3, requires_grad=True)
    for balanced in (True, False):
        loss = balanced_cross_entropy(logits, torch.full((4,), -1), balanced)
        loss.backward()
        assert loss.item() == 0 and not logits.grad.any()


def test_logits_of_different_shapes_are_refused():
    with pytest.raises(ValueError, match=r"of one shape; got \(2, 3\) and \(2, 4\)"):
        neighbour_consistency(torch.zeros(2, 3), torch.zeros(2, 4))
