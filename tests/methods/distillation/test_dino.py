"""DINO: shares over prototypes, which views are compared, the centre, and what stands still at first."""

import math

import pytest
import torch
from every import ITEMS, Items, make, views

from avssl.data import collate
from avssl.methods import DINO
from avssl.nets import Prototypes, SmallNet


def batch(epoch=0):
    return collate([Items("DINO")[epoch, index] for index in range(ITEMS)])


def shares(logits):
    """Return the softmax of a list of numbers."""
    top = max(logits)
    weights = [math.exp(value - top) for value in logits]
    return [weight / sum(weights) for weight in weights]


def test_the_loss_is_the_mean_cross_entropy_over_pairs_of_different_views():
    method = make("DINO").eval()
    method.centre.copy_(torch.linspace(-0.1, 0.1, 12))
    frames = [view.frames for view in method.views_of(batch())[1]]
    student = [method.student()(each).tolist() for each in frames]
    teacher = [method.teacher(each).tolist() for each in frames[:2]]
    centre, total, pairs = method.centre.tolist(), 0.0, 0
    for one in range(2):
        for two in range(4):
            if one == two:
                continue
            for wanted, found in zip(teacher[one], student[two], strict=True):
                target = shares([(value - middle) / 0.04 for value, middle in zip(wanted, centre, strict=True)])
                guess = shares([value / 0.1 for value in found])
                total -= sum(a * math.log(b) for a, b in zip(target, guess, strict=True))
                pairs += 1
    found = method(batch())
    assert math.isclose(found["loss"].item(), total / pairs, rel_tol=1e-4)
    assert math.isclose((found["entropy"] + found["kl"]).item(), found["loss"].item(), rel_tol=1e-5)


def test_the_centre_follows_the_teachers_logits_after_the_gradients():
    method = make("DINO")
    loss = method(batch())["loss"]
    assert not method.centre.any()
    loss.backward()
    logits = torch.cat(list(method.fresh))
    method.after_backward(step=2, steps=4)
    torch.testing.assert_close(method.centre, 0.1 * logits.mean(0))
    assert not method.fresh


def test_prototypes_stand_still_in_the_first_steps():
    method = make("DINO")  # frozen for one step
    method(batch())["loss"].backward()
    assert method.prototypes.weight.grad is not None
    method.after_backward(step=1, steps=4)
    assert method.prototypes.weight.grad is None
    method(batch())["loss"].backward()
    method.after_backward(step=2, steps=4)
    assert method.prototypes.weight.grad is not None


def test_the_teachers_temperature_rises_over_the_warm_up():
    method = DINO(SmallNet(dim=8, width=2), views(), prototypes=4, hidden=8, bottleneck=4, warmup=10)
    found = []
    for step in (0, 5, 10, 20):
        method.steps.fill_(step)
        found.append(method.sharpness().item())
    assert found == pytest.approx([0.04, 0.055, 0.07, 0.07])


def test_prototypes_are_unit_vectors_whatever_their_weights():
    found = Prototypes(dim=4, count=3)
    rows = torch.randn(5, 4)
    before = found(rows)
    with torch.no_grad():
        found.weight.mul_(7)
    torch.testing.assert_close(found(3 * rows), before)
    assert before.abs().max() <= 1 + 1e-6


@pytest.mark.parametrize("settings", [{"teacher_views": 3}, {"warmup": -1}, {"temperature": 0.0}])
def test_settings_that_cannot_be_are_refused(settings):
    with pytest.raises(ValueError, match=r"needs|above 0"):
        DINO(SmallNet(dim=8, width=2), views(), prototypes=4, hidden=8, bottleneck=4, **settings)
