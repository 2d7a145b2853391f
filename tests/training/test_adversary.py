"""A method and its adversary: two optimisers, one backward pass, and everything else as for one."""

import copy

import pytest
import torch
from lightning_fabric import Fabric
from torch.nn import functional as F
from training_fakes import Dots, LinearRivals, Rivals, rivals, run, toy
from training_processes import free_port, one_of_two
from training_results import assert_same, contents, learned
from two_processes import ended

from avssl.methods import ContextEncoder, Rotation, SeveralTasks
from avssl.nets import SmallNet
from avssl.nets.discriminator import Discriminator, held_still
from avssl.training import SGD, AdamW, Constant, TrainingError
from avssl.training.journal import read
from avssl.training.optim import optimizers
from avssl.training.step import update

BOTH = {"optim": SGD(lr=0.1, momentum=0.9), "adversary": AdamW(lr=1e-2)}


def batch_of(*numbers):
    items = [Dots()[0, number] for number in numbers]
    return {name: torch.stack([item[name] for item in items]) for name in ("frames", "target")}


def slowly(method, batches, clip=None):
    """Take one step as alternating training does: two passes, the other side frozen in each."""
    own = [*method.encoder.parameters(), *method.head.parameters()]
    judge = list(method.judge.parameters())
    gradients = []
    for name, mine in (("loss", own), ("adversary_loss", judge)):
        twin = copy.deepcopy(method)
        torch.manual_seed(5)
        total = sum(twin(batch)[name] for batch in batches) / len(batches)
        names = [key for key, value in method.named_parameters() if any(value is one for one in mine)]
        gradients.append(torch.autograd.grad(total, [twin.get_parameter(key) for key in names]))
    sides = ((own, gradients[0], torch.optim.SGD(own, lr=0.1)), (judge, gradients[1], torch.optim.SGD(judge, lr=0.5)))
    for parameters, found, optimizer in sides:
        for parameter, gradient in zip(parameters, found, strict=True):
            parameter.grad = gradient
        if clip:
            torch.nn.utils.clip_grad_norm_(parameters, clip)
        optimizer.step()


@pytest.mark.parametrize("clip", [None, 0.05])
@pytest.mark.parametrize("batches", [[batch_of(0, 5, 9)], [batch_of(0, 5, 9), batch_of(1, 7, 11)]])
def test_one_backward_pass_takes_the_steps_of_two(batches, clip):
    one, two = rivals(), rivals()
    slowly(two, batches, clip)
    fabric = Fabric(accelerator="cpu", devices=1)
    stepping = optimizers(one.parameter_groups(), SGD(lr=0.1, momentum=0.0), {"adversary": SGD(lr=0.5, momentum=0.0)})
    module, *set_up = fabric.setup(one, *stepping.values())
    stepping = dict(zip(stepping, set_up, strict=True))
    torch.manual_seed(5)
    scalars = update(fabric, module, stepping, batches, 1, clip)
    assert {"gradient_norm", "adversary_gradient_norm", "loss", "adversary_loss"} <= scalars.keys()
    for name, value in two.named_parameters():
        torch.testing.assert_close(one.get_parameter(name), value, msg=name)
        assert not value.equal(rivals().get_parameter(name)), name


def test_a_judge_that_is_held_still_passes_gradients_on_and_keeps_its_weights_and_statistics():
    torch.manual_seed(0)
    judge = Discriminator(size=16, width=2)
    before = {name: value.clone() for name, value in judge.state_dict().items()}
    pictures = torch.rand(3, 3, 16, 16, requires_grad=True)
    held = held_still(judge, pictures)
    held.sum().backward()
    assert pictures.grad is not None and pictures.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in judge.parameters())
    assert_same(dict(judge.state_dict()), before)
    torch.testing.assert_close(judge(pictures), held)


def test_discriminators_fit_every_size_and_say_what_is_too_small():
    for size in (8, 13, 32, 64):
        scores = Discriminator(size=size, width=2)(torch.rand(2, 3, size, size))
        assert scores.shape == (2,)
    with pytest.raises(ValueError, match="at least 8 px"):
        Discriminator(size=7)


def test_a_run_with_an_adversary_that_is_cut_off_ends_where_an_uncut_one_does(tmp_path, monkeypatch):
    settings = BOTH | {"steps": 8, "accumulate": 2, "clip": 1.0}
    run(tmp_path / "whole", method=rivals(), **settings)

    def after_step(_method, step, steps):
        if step == 5:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Rivals, "after_step", after_step)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "cut", method=rivals(), **settings)
    run(tmp_path / "cut", method=rivals(), **settings)
    saved, records = contents(tmp_path / "cut")
    assert_same(saved, contents(tmp_path / "whole")[0])
    assert records == contents(tmp_path / "whole")[1]
    assert saved["optimizer"]["state"] and saved["adversary"]["state"]
    assert "exp_avg" in saved["adversary"]["state"][0] and "momentum_buffer" in saved["optimizer"]["state"][0]


class Keyed(Dots):
    """Dots that name themselves, as data sets do."""

    def __getitem__(self, key):
        return super().__getitem__(key) | {"key": torch.tensor([0, *key])}


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_a_context_encoder_that_is_cut_off_ends_where_an_uncut_one_does(tmp_path, monkeypatch, precision):
    def context():
        torch.manual_seed(0)
        return ContextEncoder(SmallNet(dim=8, width=2), size=8, overlap=1, width=2)

    settings = BOTH | {"schedule": None, "steps": 5, "data": Keyed(), "precision": precision, "held_out": None}
    run(tmp_path / "whole", method=context(), **settings)
    run(tmp_path / "cut", method=context(), **settings | {"steps": 3})
    run(tmp_path / "cut", method=context(), **settings)
    saved, whole = (contents(tmp_path / name)[0] for name in ("cut", "whole"))
    for name in ("method", "optimizer", "adversary", "average"):
        assert_same(saved[name], whole[name], name)


def test_two_processes_with_an_adversary_take_the_steps_of_one_with_twice_the_batch(tmp_path, start):
    plain = {"schedule": None, "ema": None, "steps": 3, "optim": SGD(lr=0.1), "adversary": SGD(lr=0.2)}
    port = free_port()
    settings = plain | {"batch_size": 1, "accumulate": 2}
    given = port, tmp_path / "two", (), settings, LinearRivals
    assert ended(*(start(one_of_two, rank, *given) for rank in range(2))) == [0, 0]
    torch.manual_seed(0)
    run(tmp_path / "one", method=LinearRivals(), batch_size=4, **plain)
    two, one = learned(tmp_path / "two"), learned(tmp_path / "one")
    assert any("judge" in name for name in one)
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, rtol=1e-5, atol=1e-7)


def test_both_learning_rates_follow_the_schedule_and_are_logged(tmp_path):
    run(tmp_path, method=rivals(), steps=4, log_every=1, **BOTH | {"schedule": Constant(warmup=4)})
    steps = [record for record in read(tmp_path / "log.jsonl") if "lr" in record]
    assert [record["lr"] for record in steps] == pytest.approx([0.025, 0.05, 0.075, 0.1])
    assert [record["adversary_lr"] for record in steps] == pytest.approx([0.0025, 0.005, 0.0075, 0.01])
    assert all("adversary_gradient_norm" in record and "adversary_loss" in record for record in steps)


def test_an_adversary_beside_another_task_steps_when_its_own_task_has_its_turn(tmp_path):
    torch.manual_seed(0)
    net = SmallNet(dim=8, width=2)
    tasks = [Rotation(net), ContextEncoder(net, size=8, overlap=1, width=2)]
    run(tmp_path, method=SeveralTasks(tasks), data=Keyed(), steps=8, log_every=1, **BOTH | {"held_out": None})
    steps = [record for record in read(tmp_path / "log.jsonl") if "lr" in record]
    own = [record["adversary_gradient_norm"] > 0 for record in steps]
    assert own == ["ContextEncoder/loss" in record for record in steps] and 0 < sum(own) < 8


def test_settings_that_do_not_fit_an_adversary_are_refused_in_one_line(tmp_path):
    with pytest.raises(TrainingError, match=r"Rivals trains its adversary, which needs .*; set adversary beside optim"):
        run(tmp_path, method=rivals())
    with pytest.raises(TrainingError, match="adversary: Toy has no adversary to train; take this setting out"):
        run(tmp_path, method=toy(), **BOTH)
    with pytest.raises(TrainingError, match=r"16-mixed scales one loss .*; use precision=bf16-mixed"):
        run(tmp_path, method=rivals(), precision="16-mixed", **BOTH)
    with pytest.raises(TrainingError, match="adversary needs whole weights"):
        run(tmp_path, method=rivals(), strategy="fsdp", **BOTH | {"ema": None})
    run(tmp_path / "run", method=rivals(), steps=1, **BOTH)
    with pytest.raises(TrainingError, match=r"begun with adversary\.lr=0\.01 and this config says 0\.02"):
        run(tmp_path / "run", method=rivals(), steps=2, **BOTH | {"adversary": AdamW(lr=0.02)})


def test_a_loss_of_the_adversary_that_is_not_finite_stops_the_run_before_it_reaches_the_weights(tmp_path, monkeypatch):
    method = rivals()
    monkeypatch.setattr(method.judge[3], "forward", lambda x: F.linear(x, x.new_full((1, 4), torch.inf)))
    with pytest.raises(TrainingError, match=r"step 1: .*loss is -?(nan|inf)"):
        run(tmp_path, method=method, steps=1, **BOTH)
