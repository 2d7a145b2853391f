"""Several tasks take turns on one trunk, by weight, in an order that nothing but seed and step decides."""

import numpy as np
import pytest
import torch
from torch import nn

from avssl.methods import Method, RelativePosition, Rotation, RotationDecoupling, SeveralTasks
from avssl.nets import SmallNet
from avssl.nets.teacher import Teacher

PLACES = {"patch": 6, "gap": 2, "jitter": 1, "hidden": 16}


def net(dim=8):
    return SmallNet(dim=dim, width=4)


def batch_of(count=4, seed=0, epoch=0):
    pictures = torch.from_numpy(np.random.default_rng(epoch).integers(0, 256, (count, 1, 1, 3, 24, 24), dtype=np.uint8))
    return {"frames": pictures, "key": torch.tensor([[seed, epoch, number] for number in range(count)])}


def both(weights=None):
    torch.manual_seed(0)
    return SeveralTasks([Rotation(net()), RelativePosition(net(), **PLACES)], weights)


def order(several, steps, seed=0):
    tasks = []
    for step in range(steps):
        several.steps.fill_(step)
        tasks.append(several.drawn(batch_of(1, seed)))
    return tasks


def test_the_trunk_is_held_once_and_used_by_all():
    several = both()
    assert all(task.encoder is several.encoder for task in several.tasks)
    names = [name for name in several.state_dict() if "conv1.0.weight" in name]
    assert names == ["encoder.trunk.conv1.0.weight"]
    grouped = [id(one) for group in several.parameter_groups() for one in group["params"]]
    assert sorted(grouped) == sorted(id(one) for one in several.parameters())
    assert len(set(grouped)) == len(grouped)


def test_tasks_are_drawn_by_their_weights():
    tasks = order(both([3, 1]), 800)
    assert np.mean(tasks) == pytest.approx(0.25, abs=0.05)


def test_the_order_follows_from_seed_and_step_alone():
    several = both()
    tasks = order(several, 100)
    assert order(both(), 100) == tasks
    assert order(several, 100, seed=1) != tasks
    several.after_step(41, 100)
    assert several.drawn(batch_of(9, epoch=3)) == tasks[41]  # whatever the batch holds
    restored = both()
    restored.load_state_dict(several.state_dict())
    assert restored.drawn(batch_of()) == tasks[41]


def test_a_step_is_of_one_task_and_leaves_other_heads_without_gradient():
    several = both()
    task = several.drawn(batch_of())
    found = several(batch_of())
    found["loss"].backward()
    assert sorted(found) == sorted({"loss", f"{several.names[task]}/loss", f"{several.names[task]}/accuracy"})
    assert found["loss"] == found[f"{several.names[task]}/loss"]
    assert all(one.grad is None for one in several.tasks[1 - task].parameters())
    assert all(one.grad is not None for one in several.tasks[task].parameters())
    assert several.encoder.trunk.fc[0].weight.grad.abs().sum() > 0


def test_one_task_alone_learns_as_by_itself_bit_for_bit():
    def learned(wrap):
        torch.manual_seed(0)
        method = wrap(RelativePosition(net(), **PLACES))
        optimizer = torch.optim.AdamW(method.parameter_groups(), lr=1e-2)
        for step in range(3):
            method(batch_of(epoch=step))["loss"].backward()
            optimizer.step()
            optimizer.zero_grad()
            method.after_step(step + 1, steps=100)
        return method.encoder.state_dict()

    alone, wrapped = learned(lambda method: method), learned(lambda method: SeveralTasks([method]))
    assert all(torch.equal(alone[name], wrapped[name]) for name in alone)


def test_measuring_judges_every_task_and_weighs_their_losses():
    several = both([3, 1]).eval()
    batches = [batch_of(4, epoch=number) for number in range(2)]
    found = several.measure(iter(batches))
    rotation, places = (task.measure(batches) for task in several.tasks)
    assert found["Rotation/accuracy"] == rotation["accuracy"]
    assert found["RelativePosition/loss"] == places["loss"]
    assert found["loss"] == pytest.approx(0.75 * rotation["loss"] + 0.25 * places["loss"])
    assert several(batches[0])["loss"].item() == pytest.approx(
        0.75 * several.tasks[0](batches[0])["loss"].item() + 0.25 * several.tasks[1](batches[0])["loss"].item()
    )


class Told(Method):
    """Notes what it is told; has an adversary, and no loss of its own when measured."""

    def __init__(self, encoder):
        super().__init__()
        self.encoder, self.head, self.judge = encoder, nn.Linear(encoder.dim, 1), nn.Linear(1, 1)
        self.told = []

    def forward(self, batch):
        score = self.head(self.encoder(batch["frames"].flatten(0, 2).float())).mean(0, keepdim=True)
        return {"loss": score.square().sum(), "adversary_loss": self.judge(score.detach()).square().sum()}

    def measure(self, batches):
        return {"seen": float(sum(len(batch["frames"]) for batch in batches))}

    def facts(self):
        return ["listens"]

    def parameter_groups(self):
        return [
            {"params": list(self.encoder.parameters()), "lr": 0.5},
            {"params": list(self.head.parameters())},
            {"params": list(self.judge.parameters()), "optimizer": "adversary"},
        ]

    def after_step(self, step, steps):
        self.told.append((step, steps))

    def after_backward(self, step, steps):
        self.told.append(f"gradients of {step} of {steps}")

    def before_epoch(self, features):
        self.told.append(features(len))
        return ["head.weight", "encoder.trunk.fc.0.weight"]


def test_what_methods_are_asked_and_told_reaches_every_task():
    several = SeveralTasks([Rotation(net()), Told(net())], weights=[1, 3])
    anew = several.before_epoch(lambda extract: "all data")
    several.after_backward(1, 100)
    several.after_step(1, 100)
    assert several.tasks[1].told == ["all data", "gradients of 1 of 100", (1, 100)]
    assert anew == ["tasks.1.head.weight", "encoder.trunk.fc.0.weight"]
    assert all(name in dict(several.named_parameters()) for name in anew)
    assert several.facts() == ["steps by task: Rotation 25%, Told 75%", "Told: listens"]
    groups = several.parameter_groups()
    assert [group.get("lr") for group in groups] == [None, 0.5, None, None]
    assert [group.get("optimizer") for group in groups] == [None, None, None, "adversary"]
    assert sum(len(group["params"]) for group in groups) == len(list(several.parameters()))
    found = several.eval().measure([batch_of(4), batch_of(3)])
    assert found["Told/seen"] == 7.0 and "loss" not in found  # not every task has one


def test_the_adversary_of_a_task_learns_in_its_own_steps():
    several = SeveralTasks([Rotation(net()), Told(net())])
    losses = {}
    for step in range(12):
        several.steps.fill_(step)
        losses.setdefault(several.drawn(batch_of()), several(batch_of())["adversary_loss"])
    assert losses[0] == 0 and not losses[0].requires_grad
    assert losses[1] > 0


def test_methods_that_stand_there_twice_have_names_of_their_own():
    several = SeveralTasks([Rotation(net()), RelativePosition(net(), **PLACES), Rotation(net())])
    assert several.names == ["Rotation", "RelativePosition", "Rotation_2"]


def test_buffers_and_halves_of_a_task_are_its_own():
    several = SeveralTasks([RotationDecoupling(net(), pictures=9, noise=4, dim=4), Rotation(net())])
    several.after_step(3, 100)
    assert several.state_dict()["tasks.0.steps"] == 3
    assert "tasks.0.bank.rows" in several.state_dict()


def test_a_trunk_learns_both_tasks_of_pictures_that_have_a_shape():
    light = np.linspace(220, 40, 24)[:, None] - 40 * np.linspace(-1, 1, 24)[None] ** 2
    rng = np.random.default_rng(0)

    def lit(epoch):
        noisy = light + rng.normal(0, 8, (32, 1, 1, 3, 24, 24))
        return batch_of(32, epoch=epoch) | {"frames": torch.from_numpy(noisy.clip(0, 255).astype(np.uint8))}

    torch.manual_seed(0)
    several = SeveralTasks([Rotation(net(32)), RelativePosition(net(32), centred=False, **PLACES)])
    optimizer = torch.optim.AdamW(several.parameter_groups(), lr=1e-2)
    for step in range(60):
        several(lit(step))["loss"].backward()
        optimizer.step()
        optimizer.zero_grad()
        several.after_step(step + 1, 100)
    found = several.eval().measure([lit(99)])
    assert found["Rotation/accuracy"] > 0.9  # chance 0.25
    assert found["RelativePosition/accuracy"] > 0.5  # chance 0.125


@pytest.mark.parametrize("weights", [[1], [1, 0], [1, -1], [1, float("nan")]])
def test_weights_that_draw_no_task_are_refused(weights):
    with pytest.raises(ValueError, match=r"a weight above 0 for each; got 2 methods and weights=\["):
        both(weights)


def test_encoders_that_differ_are_refused_with_what_to_write():
    with pytest.raises(
        ValueError,
        match=r"encoder of methods\.1 has other settings than that of methods\.0 \(dim\); write encoder: &trunk",
    ):
        SeveralTasks([Rotation(net(8)), Rotation(net(16))])


def test_tasks_cannot_be_shared_twice_or_nested():
    rotation = Rotation(net())
    with pytest.raises(ValueError, match=r"methods\.1 is part of several tasks already"):
        SeveralTasks([rotation, rotation])
    with pytest.raises(ValueError, match=r"methods\.0 is part of several tasks already, or one of them"):
        SeveralTasks([both()])


class Clinging(Rotation):
    """Holds its encoder's first layer a second time."""

    def __init__(self, encoder):
        super().__init__(encoder)
        self.first = encoder.trunk.conv1


def test_a_method_that_keeps_parts_of_its_own_encoder_is_refused():
    with pytest.raises(ValueError, match=r"methods\.1: Clinging holds parts of its encoder elsewhere"):
        SeveralTasks([Rotation(net()), Clinging(net())])


class Taught(Rotation):
    """Has a teacher of its encoder and a head."""

    def __init__(self, encoder):
        super().__init__(encoder)
        self.teacher = Teacher(nn.Sequential(encoder, nn.Linear(encoder.dim, 2)))


class Halved(Rotation):
    """Has a teacher of a part of its encoder."""

    def __init__(self, encoder):
        super().__init__(encoder)
        self.teacher = Teacher(encoder.trunk.conv1)


def test_a_teacher_is_one_of_the_shared_trunk():
    several = SeveralTasks([Rotation(net()), Taught(net()), Taught(net())])
    for task in (several.tasks[1], several.tasks[2]):
        student, taught = several.encoder.state_dict(), task.teacher.network[0].state_dict()
        assert all(value.equal(taught[name]) for name, value in student.items())
        assert task.teacher.network[0].trunk.conv1[0].weight is not several.encoder.trunk.conv1[0].weight
    first = SeveralTasks([Taught(net()), Rotation(net())])
    assert first.tasks[0].teacher.network[0].trunk.conv1[0].weight.equal(first.encoder.trunk.conv1[0].weight)


def test_a_fixed_network_of_a_task_that_is_no_copy_stays_as_it_is():
    task = Rotation(net())
    task.fixed = net()
    before = {name: value.clone() for name, value in task.fixed.state_dict().items()}
    SeveralTasks([Rotation(net()), task])
    assert all(value.equal(before[name]) for name, value in task.fixed.state_dict().items())


def test_a_teacher_of_a_part_of_a_trunk_that_is_given_up_is_refused():
    with pytest.raises(
        ValueError, match=r"methods\.1: a teacher of Halved holds parts of its encoder, .*list it first"
    ):
        SeveralTasks([Rotation(net()), Halved(net())])
    SeveralTasks([Halved(net()), Rotation(net())])


def test_every_task_hears_what_was_measured_of_it():
    made, heard = both(), {}
    for name, task in made.named_tasks():
        task.after_measure = lambda scores, name=name: heard.update({name: scores})
    first, second = made.names
    made.after_measure({f"train/{first}/loss": 1.0, f"held_out/{second}/loss": 2.0, "train/loss": 3.0})
    assert heard == {first: {"train/loss": 1.0}, second: {"held_out/loss": 2.0}}
