"""Labels and pseudo-labels in one loss: a slow writing of each, and the balance of both."""

import math

import pytest
import torch
from torch.nn import functional as F

from avssl.losses import both_losses, target_cross_entropy


def rows(count=6, classes=3):
    return torch.randn(count, classes, generator=torch.Generator().manual_seed(0), requires_grad=True)


def slow(logits, shares):
    """Return the mean over rows with shares, number by number."""
    each = []
    for row, wanted in zip(logits.tolist(), shares.tolist(), strict=True):
        if sum(wanted):
            total = math.log(sum(math.exp(value) for value in row))
            each.append(sum(share * (total - value) for share, value in zip(wanted, row, strict=True)))
    return sum(each) / len(each)


def test_shares_weigh_the_classes_and_rows_of_none_do_not_count():
    shares = torch.tensor([[0.2, 0.3, 0.5], [0, 0, 0], [1, 0, 0], [0.5, 0.5, 0], [0, 0, 0], [0, 0.1, 0.9]])
    assert target_cross_entropy(rows(), shares).item() == pytest.approx(slow(rows(), shares), rel=1e-5)


def test_shares_of_one_class_are_that_class_and_smoothing_is_spread_over_all():
    labels = torch.tensor([0, 2, 1, 1, -1, 0])
    shares = F.one_hot(labels.clamp(min=0), 3).float() * (labels >= 0)[:, None]
    hard, soft = (target_cross_entropy(rows(), wanted) for wanted in (labels, shares))
    torch.testing.assert_close(hard, soft)
    smooth = shares * 0.9 + 0.1 / 3 * (labels >= 0)[:, None]
    torch.testing.assert_close(target_cross_entropy(rows(), labels, 0.1), target_cross_entropy(rows(), smooth))
    torch.testing.assert_close(target_cross_entropy(rows(), shares, 0.1), soft)  # soft ones are soft already


def test_without_targets_the_loss_and_its_gradient_are_0():
    for wanted in (torch.full((6,), -1), torch.zeros(6, 3)):
        logits = rows()
        loss = target_cross_entropy(logits, wanted)
        loss.backward()
        assert loss == 0 and not logits.grad.any()


def test_classes_weigh_alike_where_they_are_balanced():
    labels = torch.tensor([0, 0, 0, 0, 2, -1])
    each = F.cross_entropy(rows(), labels, ignore_index=-1, reduction="none")
    wanted = (each[:4].mean() + each[4]) / 2
    torch.testing.assert_close(target_cross_entropy(rows(), labels, balanced=True), wanted)
    with pytest.raises(ValueError, match="hard labels alone"):
        target_cross_entropy(rows(), torch.zeros(6, 3), balanced=True)
    with pytest.raises(ValueError, match="a class or shares for each row"):
        target_cross_entropy(rows(), torch.zeros(5, dtype=torch.int64))


def test_the_balance_is_that_of_the_paper_by_hand():
    found = both_losses(torch.tensor(2.0), torch.tensor(0.5), alpha=3.0, means=torch.tensor([1.8, 0.6]))
    assert found.item() == pytest.approx((2.0 + 3 * (1.8 / 0.6) * 0.5) / 4)
    assert both_losses(torch.tensor(2.0), torch.tensor(0.5), 3.0).item() == pytest.approx((2 + 1.5) / 4)


def test_a_loss_of_another_size_weighs_the_same_once_its_mean_is_known():
    for size in (1.0, 10.0):
        weight = torch.ones(2, requires_grad=True)
        first, second = weight[0] * 2, weight[1] * 0.3 * size
        both_losses(first, second, 1.0, torch.stack([first, second])).backward()
        assert weight.grad.tolist() == pytest.approx([1.0, 1.0])


def test_without_weight_the_pseudo_labels_change_nothing():
    assert both_losses(torch.tensor(1.234), torch.tensor(5.0), 0.0, torch.tensor([1.0, 5.0])) == torch.tensor(1.234)
    assert both_losses(torch.tensor(1.0), torch.tensor(0.0), 1.0, torch.tensor([1.0, 0.0])) == 0.5  # no mean yet
