"""Distillation: its value and gradient by an independent writing, and what the temperature does."""

import math

import pytest
import torch

from avssl.losses import distill, entropy


def shares(row, temperature):
    powers = [math.exp(value / temperature) for value in row]
    return [power / sum(powers) for power in powers]


def slow(student, teacher, temperature):
    """Return - sum_y P_T(y|x) log P_S(y|x), the mean over rows, as section 2 writes it."""
    total = 0.0
    for ours, theirs in zip(student.tolist(), teacher.tolist(), strict=True):
        found, wanted = shares(ours, temperature), shares(theirs, temperature)
        total -= sum(share * math.log(own) for share, own in zip(wanted, found, strict=True))
    return total / len(student)


@pytest.mark.parametrize("temperature", [0.1, 1.0, 4.0])
def test_the_loss_and_its_gradient_are_those_of_the_paper_and_the_teacher_gets_none(temperature):
    chance = torch.Generator().manual_seed(0)
    student, teacher = (torch.randn(5, 4, generator=chance, dtype=torch.float64) for _ in range(2))
    student.requires_grad_()
    teacher.requires_grad_()
    loss = distill(student, teacher, temperature)
    loss.backward()
    assert math.isclose(loss.item(), slow(student, teacher, temperature), rel_tol=1e-9)
    wanted = [
        [a - b for a, b in zip(shares(s, temperature), shares(t, temperature), strict=True)]
        for s, t in zip(student.tolist(), teacher.tolist(), strict=True)
    ]
    torch.testing.assert_close(student.grad, torch.tensor(wanted, dtype=torch.float64) / (5 * temperature))
    assert teacher.grad is None


def test_least_is_the_teachers_entropy_and_an_undecided_student_pays_log_classes():
    teacher = torch.randn(6, 5, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(distill(teacher + 3, teacher, 0.5), entropy(teacher, 0.5))  # a shift changes nothing
    assert distill(torch.randn(6, 5), teacher, 0.5) > entropy(teacher, 0.5)
    torch.testing.assert_close(distill(torch.zeros(6, 5), teacher, 0.1), torch.tensor(math.log(5)))
    torch.testing.assert_close(entropy(torch.zeros(2, 5), 0.1), torch.tensor(math.log(5)))


def test_a_low_temperature_in_half_precision_stays_finite():
    logits = torch.tensor([[40.0, -40.0]])
    assert distill(-logits.half(), logits.half(), 0.1).item() == pytest.approx(800)
    assert entropy(logits.half(), 0.1) == 0


@pytest.mark.parametrize(
    ("student", "temperature", "said"),
    [((2, 3), 0.0, "temperature must be above 0"), ((2, 4), 1.0, "one shape"), ((3,), 1.0, "one shape")],
)
def test_what_cannot_be_compared_is_refused(student, temperature, said):
    with pytest.raises(ValueError, match=said):
        distill(torch.zeros(student), torch.zeros(2, 3), temperature)
