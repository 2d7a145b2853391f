"""BYOL and SimSiam: losses, the teacher's path, and controls that collapse."""

import math

import torch
from every import ITEMS, Items, make, views
from torch.nn import functional as F

from avssl.data import collate
from avssl.methods import BYOL, SimSiam
from avssl.nets import SmallNet


def batch(epoch=0):
    return collate([Items("BYOL")[epoch, index] for index in range(ITEMS)])


def distance(one, two):
    """Return the mean squared distance of unit rows (equation 2)."""
    total = 0.0
    for first, second in zip(one.tolist(), two.tolist(), strict=True):
        lengths = [math.sqrt(sum(value**2 for value in row)) for row in (first, second)]
        total += sum((a / lengths[0] - b / lengths[1]) ** 2 for a, b in zip(first, second, strict=True))
    return total / len(one)


def test_the_loss_is_the_sum_of_both_ways():
    method = make("BYOL").eval()
    frames = [view.frames for view in method.views_of(batch())[1]]
    predicted = [method.predictor(method.student()(each)) for each in frames]
    targets = [method.teacher(each) for each in frames]
    wanted = distance(predicted[0], targets[1]) + distance(predicted[1], targets[0])
    assert math.isclose(method(batch())["loss"].item(), wanted, rel_tol=1e-5)


def test_the_teacher_moves_by_its_ramp_has_statistics_of_its_own_and_gets_no_gradient():
    method = make("BYOL")
    start = {name: value.clone() for name, value in method.teacher.network.named_parameters()}
    statistics = method.student().state_dict()["encoder.trunk.conv1.1.running_mean"].clone()
    method(batch())["loss"].backward()
    assert all(value.grad is None for value in method.teacher.parameters())
    assert not method.encoder.trunk.state_dict()["conv1.1.running_mean"].equal(statistics)  # the student's own pass
    with torch.no_grad():
        for value in method.encoder.parameters():
            value.add_(1.0)
    method.after_step(step=1, steps=4)
    momentum = 1 - (1 - 0.9) * (math.cos(math.pi / 4) + 1) / 2  # section 3.3
    moved = dict(method.teacher.network.named_parameters())["encoder.trunk.conv1.0.weight"]
    torch.testing.assert_close(moved, start["encoder.trunk.conv1.0.weight"] + (1 - momentum))
    method.after_step(step=4, steps=4)  # the momentum is 1 now
    torch.testing.assert_close(dict(method.teacher.network.named_parameters())["encoder.trunk.conv1.0.weight"], moved)


def test_the_teachers_pass_leaves_the_students_statistics_alone():
    method = make("BYOL")
    before = {name: value.clone() for name, value in method.student().state_dict().items()}
    method.teacher(torch.rand(4, 1, 3, 24, 24))
    assert all(value.equal(before[name]) for name, value in method.student().state_dict().items())


def test_simsiam_learns_from_predictions_alone_unless_told_otherwise():
    method = make("SimSiam").eval()
    frames = [view.frames for view in method.views_of(batch())[1]]
    rows = [method.student()(each) for each in frames]
    wanted = -sum(F.cosine_similarity(method.predictor(rows[one]), rows[1 - one]).mean().item() / 2 for one in range(2))
    assert math.isclose(method(batch())["loss"].item(), wanted, rel_tol=1e-5)
    gradients = []
    for stop in (True, False):
        method.stop_gradient = stop
        method.zero_grad()
        method(batch())["loss"].backward()
        gradients.append(method.head[-1][0].weight.grad.clone())
    detached = [method.predictor(each) for each in rows]
    method.zero_grad()
    sum(-F.cosine_similarity(detached[one], rows[1 - one].detach()).mean() / 2 for one in range(2)).backward()
    torch.testing.assert_close(method.head[-1][0].weight.grad, gradients[0])
    assert not torch.allclose(gradients[0], gradients[1])


def learn(method, steps=30):
    """Return the loss and the number of directions after some steps on twelve pictures of one colour each."""
    colours = torch.rand(12, 3, generator=torch.Generator().manual_seed(0))[:, :, None, None].expand(-1, -1, 12, 12)
    optimizer = torch.optim.Adam([value for value in method.parameters() if value.requires_grad], lr=3e-3)
    for step in range(1, steps + 1):
        key = torch.tensor([[0, step, index] for index in range(12)])
        loss = method({"frames": colours, "key": key})["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        method.after_step(step, steps)
    return method.eval().measure([{"frames": colours, "key": key}])


def test_byol_without_its_predictor_and_simsiam_with_all_gradients_collapse_beside_their_twins():
    found = {}
    for name, make_one in {
        "byol": lambda: BYOL(SmallNet(dim=16, width=2), views(12), hidden=32, dim=16, momentum=0.9),
        "alone": lambda: BYOL(SmallNet(dim=16, width=2), views(12), hidden=32, dim=16, momentum=0.9, predictor=False),
        "simsiam": lambda: SimSiam(SmallNet(dim=16, width=2), views(12), hidden=32, bottleneck=8),
        "open": lambda: SimSiam(SmallNet(dim=16, width=2), views(12), hidden=32, bottleneck=8, stop_gradient=False),
    }.items():
        torch.manual_seed(0)
        found[name] = learn(make_one())
    assert found["alone"]["loss"] < found["byol"]["loss"] and found["alone"]["rank"] < 0.8 * found["byol"]["rank"]
    assert found["open"]["loss"] < found["simsiam"]["loss"] and found["open"]["rank"] < 0.8 * found["simsiam"]["rank"]
