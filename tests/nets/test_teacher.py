"""The teacher follows by a moving average, and touches nothing of the student."""

import copy
import math

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from avssl.nets import ResNet, SmallNet, Teacher

STEPS = 20


def students(seed=0):
    """Yield a network at each step of a training that moves it at random."""
    torch.manual_seed(seed)
    student = SmallNet(dim=6, width=2).train()
    yield student
    for _ in range(STEPS):
        with torch.no_grad():
            for weights in student.parameters():
                weights.add_(torch.randn_like(weights) * 0.1)
        yield student


def weights_of(module):
    return torch.cat([weights.detach().flatten() for weights in module.parameters()]).double()


@pytest.mark.parametrize("ramp", ["none", "cosine"])
def test_after_some_steps_it_is_the_weighted_sum_of_all_students(ramp):
    base, known = 0.9, []
    for step, student in enumerate(students()):
        known.append(weights_of(student))
        if step == 0:
            teacher = Teacher(student, base, ramp)
        else:
            teacher.update(student, step, STEPS)
    expected = known[0]
    for step in range(1, STEPS + 1):
        kept = base if ramp == "none" else 1 - (1 - base) * (math.cos(math.pi * step / STEPS) + 1) / 2
        expected = kept * expected + (1 - kept) * known[step]
    torch.testing.assert_close(weights_of(teacher), expected, rtol=1e-5, atol=1e-6)


def test_a_student_that_stands_still_is_approached_by_powers_of_the_momentum():
    student = nn.Linear(3, 2)
    teacher = Teacher(student, momentum=0.8)
    first = weights_of(student)
    nn.init.ones_(student.weight)
    for step in range(1, 6):
        teacher.update(student, step, 5)
    torch.testing.assert_close(weights_of(teacher), 0.8**5 * first + (1 - 0.8**5) * weights_of(student))


def test_a_ramp_starts_at_the_momentum_and_ends_at_one():
    teacher = Teacher(nn.Linear(1, 1), 0.99, "cosine")
    found = [teacher.momentum_at(step, 10) for step in range(11)]
    assert (found[0], found[5], found[10]) == (pytest.approx(0.99), pytest.approx(0.995), 1.0)
    assert found == sorted(found)
    before = weights_of(teacher)
    teacher.update(nn.Linear(1, 1), 10, 10)
    assert torch.equal(weights_of(teacher), before)


def test_the_average_is_torchs_once_its_first_copy_is_skipped():
    student = nn.Linear(3, 2)
    teacher, theirs = Teacher(student, 0.7), AveragedModel(student, multi_avg_fn=get_ema_multi_avg_fn(0.7))
    theirs.n_averaged += 1
    for step in range(1, 4):
        nn.init.normal_(student.weight)
        teacher.update(student, step, 3)
        theirs.update_parameters(student)
    assert torch.equal(weights_of(teacher), weights_of(theirs.module))


def test_statistics_are_the_teachers_own_unless_they_are_to_be_copied():
    student = SmallNet(dim=6, width=2).train()
    teachers = {kind: Teacher(student, 0.9, buffers=kind) for kind in ("own", "copied")}
    student(torch.rand(4, 3, 16, 16))
    before = {name: value.clone() for name, value in student.state_dict().items()}
    for teacher in teachers.values():
        teacher(torch.rand(4, 3, 16, 16) * 5)
        teacher.update(student, 1, 2)
    for name, value in student.state_dict().items():
        assert torch.equal(value, before[name]), name
    for name, value in student.named_buffers():
        if "running" in name:
            assert torch.equal(dict(teachers["copied"].network.named_buffers())[name], value)
            assert not torch.equal(dict(teachers["own"].network.named_buffers())[name], value)


def test_it_gets_no_gradient_and_gives_none():
    student = SmallNet(dim=6, width=2)
    teacher = Teacher(student)
    images = torch.rand(4, 3, 16, 16, requires_grad=True)
    assert not teacher(images).requires_grad
    assert not any(weights.requires_grad for weights in teacher.parameters())
    assert all(weights.requires_grad for weights in student.parameters())


def test_it_comes_back_from_a_state_and_shares_nothing_with_its_student():
    student = SmallNet(dim=6, width=2)
    teacher = Teacher(student, 0.5)
    for weights in student.parameters():
        nn.init.normal_(weights)
    assert not torch.equal(weights_of(teacher), weights_of(student))
    teacher.update(student, 1, 2)
    again = Teacher(SmallNet(dim=6, width=2), 0.5)
    again.load_state_dict(teacher.state_dict())
    assert torch.equal(weights_of(again), weights_of(teacher))
    assert {name for name, _ in teacher.named_parameters()} == {f"network.{n}" for n, _ in student.named_parameters()}


def test_an_encoder_and_a_method_that_hold_a_teacher_can_be_copied():
    method = nn.ModuleDict({"encoder": ResNet(depth=18)})
    method["teacher"] = Teacher(method["encoder"])
    other = copy.deepcopy(method)
    nn.init.zeros_(other["encoder"].trunk.conv1.weight)
    other["teacher"].update(other["encoder"], 1, 2)
    assert method["encoder"].trunk.conv1.weight.abs().sum() > 0
    assert torch.equal(method["teacher"].network.trunk.conv1.weight, method["encoder"].trunk.conv1.weight)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Teacher(nn.Linear(1, 1), 1.1), "momentum in \\[0, 1\\].*got 1.1"),
        (lambda: Teacher(nn.Linear(1, 1), ramp="linear"), "'linear'"),
        (lambda: Teacher(nn.Linear(1, 1)).update(nn.Linear(1, 1), 3, 2), "got step 3 of 2"),
        (lambda: Teacher(nn.Linear(1, 1)).update(nn.Linear(1, 1, bias=False), 1, 2), "one lacks bias"),
        (lambda: Teacher(nn.Linear(1, 1)).update(nn.Linear(1, 2), 1, 2), r"weight is \(1, 1\) here and \(2, 1\)"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(call, message):
    with pytest.raises(ValueError, match=message):
        call()
