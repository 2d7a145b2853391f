"""What a method is asked while it trains: in which order, with what, and what comes of its answers."""

import pytest
import torch
from every import Items, make
from lightning_fabric import Fabric
from torch import nn
from training_fakes import Dots, Numbered, Toy, run, toy
from training_processes import free_port
from two_processes import ended

from avssl.methods import Rotation
from avssl.methods.rows import features_of
from avssl.nets import SmallNet
from avssl.training import SGD, AdamW, TrainingError
from avssl.training.export import export
from avssl.training.feed import features_of_all, share_of
from avssl.training.journal import read
from avssl.training.tensor_files import read_safetensors


def test_hooks_come_in_order_with_the_number_of_steps_and_gradients_of_all_batches(tmp_path):
    class Noting(Toy):
        def before_epoch(self, features):
            self.noted = getattr(self, "noted", [])
            self.noted.append("epoch")

        def forward(self, batch):
            if self.training:
                self.noted.append("forward")
            return super().forward(batch)

        def after_backward(self, step, steps):
            self.noted.append(("backward", step, steps))
            self.gradient, self.before = self.head.weight.grad.clone(), self.head.weight.detach().clone()

        def after_step(self, step, steps):
            assert not self.head.weight.equal(self.before)
            self.noted.append(("step", step, steps))

    method = run(tmp_path, steps=2, accumulate=2, method=Noting(SmallNet(dim=8, width=2)), data=Dots(16))
    one = ["forward", "forward"]
    assert method.noted == ["epoch", *one, ("backward", 1, 2), ("step", 1, 2), *one, ("backward", 2, 2), ("step", 2, 2)]
    assert method.gradient.abs().sum() > 0


def test_gradients_taken_away_after_backward_move_nothing(tmp_path):
    class Holding(Toy):
        def after_backward(self, step, steps):
            self.head.weight.grad = None

    torch.manual_seed(0)
    method = Holding(SmallNet(dim=8, width=2))
    before = method.head.weight.detach().clone()
    run(tmp_path, steps=2, method=method, clip=1.0)
    assert method.head.weight.equal(before)


class Renewing(Toy):
    """Makes its head anew before each pass."""

    def before_epoch(self, features):
        self.head.reset_parameters()
        self.drawn = self.head.weight.detach().clone()
        return ["head.weight", "head.bias"]

    def after_backward(self, step, steps):
        self.gradient = self.head.weight.grad.clone()


@pytest.mark.parametrize("optim", [SGD(lr=1e-9, momentum=0.9), AdamW(lr=1e-9)])
def test_a_head_made_anew_starts_without_the_old_ones_momentum(tmp_path, optim):
    torch.manual_seed(0)
    settings = {"data": Numbered(4), "batch_size": 4, "steps": 3, "optim": optim, "schedule": None, "ema": 0.99}
    method = run(tmp_path, method=Renewing(SmallNet(dim=8, width=2)), **settings)  # an epoch a step
    found = torch.load(tmp_path / "last.ckpt", weights_only=True)
    state = {name: found["optimizer"]["state"][number] for number, name in enumerate(order(method))}
    if isinstance(optim, AdamW):
        assert state["head.weight"]["step"] == 1 and state["encoder.trunk.conv1.0.weight"]["step"] == 3
    else:
        torch.testing.assert_close(state["head.weight"]["momentum_buffer"], method.gradient)
    torch.testing.assert_close(found["average"]["head.weight"], method.drawn, atol=1e-6, rtol=0)


def order(method):
    """Return the names of parameters as the optimiser numbers them: what is decayed, then the rest."""
    named = list(method.named_parameters())
    return [name for name, value in named if value.ndim > 1] + [name for name, value in named if value.ndim <= 1]


def test_xdc_says_which_layers_it_made_anew_and_when():
    method = make("XDC")
    method.refresh = 2
    batches = [Items("XDC")[0, index] for index in range(6)]
    batch = {name: torch.stack([item[name] for item in batches]) for name in ("frames", "sound", "key")}
    named = [list(method.before_epoch(features_of([batch])) or ()) for _ in range(3)]
    layers = ["pictures_to.weight", "pictures_to.bias", "sounds_to.weight", "sounds_to.bias"]
    assert named == [layers, [], layers]


def test_only_encoders_that_the_method_holds_are_exported(tmp_path):
    class Odd(Rotation):
        def exports(self):
            return self.given

    for given in ({"head": nn.Linear(2, 2)}, {"other": SmallNet(dim=8, width=2)}, {"../up": None}):
        method = Odd(SmallNet(dim=8, width=2))
        method.given = given
        with pytest.raises(TrainingError, match=r"Odd\.exports names '.*', which is a .*; exports are encoders"):
            run(tmp_path / "run", method=method, steps=1)


def test_runs_from_before_checkpoints_named_their_exports_are_exported_and_resumed(tmp_path):
    run(tmp_path, steps=3)
    found = torch.load(tmp_path / "last.ckpt", weights_only=True)
    del found["exports"]
    torch.save(found, tmp_path / "last.ckpt")
    before = read_safetensors(tmp_path / "encoder.safetensors")
    (tmp_path / "encoder.safetensors").unlink()
    assert [path.name for path in export(tmp_path)] == ["encoder.safetensors"]
    about, weights = read_safetensors(tmp_path / "encoder.safetensors")
    assert about == before[0] and weights.keys() == before[1].keys()
    assert all(value.equal(before[1][name]) for name, value in weights.items())
    run(tmp_path, steps=4, method=toy())
    assert "exports" in torch.load(tmp_path / "last.ckpt", weights_only=True)


@pytest.mark.parametrize("count", range(1, 12))
@pytest.mark.parametrize("batch_size", [1, 2, 4])
@pytest.mark.parametrize("world", [1, 2, 3])
def test_shares_are_whole_batches_that_make_up_all_items(count, batch_size, world):
    shares = [share_of(count, batch_size, rank, world) for rank in range(world)]
    assert [index for first, last in shares for index in range(first, last)] == list(range(count))
    sizes = [last - first for first, last in shares]
    assert count == 1 or 1 not in sizes  # no item is alone with itself
    assert all(first % max(2, batch_size) == 0 for first, last in shares if last > first)


class Counted(Items):
    """Notes which items were read."""

    def __init__(self, *args):
        super().__init__(*args)
        self.read = []

    def __getitem__(self, key):
        self.read.append(key[1])
        return super().__getitem__(key)


def looked(fabric, name, size, batch_size):
    """Let a method look at all data twice; return its state and what was read."""
    method, data = make(name), Counted(name, size)
    torch.manual_seed(7)
    for epoch in range(2):
        method.before_epoch(features_of_all(fabric, data, epoch, batch_size, workers=0))
        for part in method.modules():
            if isinstance(part, nn.modules.batchnorm._BatchNorm):
                part.reset_running_stats()  # the first look leaves those of a share; a step then broadcasts the first's
    rows = features_of_all(fabric, data, 0, batch_size, 0)(
        lambda batch: {"mean": batch["frames"].float().mean((1, 2, 3))}
    )
    state = {key: value for key, value in method.state_dict().items() if not key.startswith(("encoder", "sound."))}
    return {"state": state, "rows": rows, "read": sorted(set(data.read)), "next": torch.rand(2)}


def look_as_one_of_two(rank, port, out, name, size, batch_size):
    import os

    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    os.environ |= {"GROUP_RANK": "0", "ROLE_RANK": str(rank), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    os.environ |= {"TORCHELASTIC_RUN_ID": "test", "GLOO_SOCKET_IFNAME": "lo"}
    torch.set_num_threads(1)
    fabric = Fabric(accelerator="cpu", devices=2, strategy="ddp")
    fabric.launch()
    torch.save(looked(fabric, name, size, batch_size), f"{out}/{rank}.pt")


@pytest.mark.parametrize(("name", "size", "batch_size"), [("XDC", 5, 2), ("SeLaVi", 6, 2), ("XDC", 2, 2)])
def test_two_processes_look_at_a_share_each_and_find_what_one_finds(tmp_path, start, name, size, batch_size):
    port = free_port()
    given = port, tmp_path, name, size, batch_size
    assert ended(*(start(look_as_one_of_two, rank, *given) for rank in range(2))) == [0, 0]
    one = looked(Fabric(accelerator="cpu", devices=1), name, size, batch_size)
    two = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2)]
    assert sorted(two[0]["read"] + two[1]["read"]) == one["read"] == list(range(size))
    for found in two:
        assert found["rows"]["index"].tolist() == list(range(size))
        assert found["rows"]["mean"].equal(one["rows"]["mean"])
        assert found["state"].keys() == one["state"].keys()
        assert found["state"]["known"].equal(one["state"]["known"])
        for key, value in one["state"].items():
            torch.testing.assert_close(found["state"][key], value, rtol=1e-5, atol=1e-6, msg=key)
        assert found["next"].equal(two[0]["next"])


def test_features_are_those_of_one_pass_in_order_and_need_numbers():
    with pytest.raises(ValueError, match="before an epoch each item needs its number"):
        features_of([{"frames": torch.rand(2, 3, 8, 8)}])(lambda batch: {})


def test_what_a_method_warns_of_is_said_and_written_down_once_a_measure_however_often_a_run_is_cut(tmp_path, capsys):
    class Warner(Toy):
        def warnings(self, scores, start):
            return [f"warning: loss {scores['train/loss']:.4f} of {start['train/loss']:.4f}"]

    for steps in (3, 5, 7):
        run(tmp_path, steps=steps, measure_every=2, schedule=None, method=Warner(SmallNet(dim=8, width=2)))
    measured = {one["step"]: one["train/loss"] for one in read(tmp_path / "log.jsonl") if "train/loss" in one}
    warned = read(tmp_path / "warnings.jsonl")
    assert [one["step"] for one in warned] == list(measured) == [0, 2, 3, 4, 5, 6, 7]
    assert [one["warning"] for one in warned] == [
        f"warning: loss {loss:.4f} of {measured[0]:.4f}" for loss in measured.values()
    ]
    assert warned[-1]["warning"] in capsys.readouterr().out
    with open(tmp_path / "warnings.jsonl", "a") as file:  # of a step after the last checkpoint
        file.write('{"step": 8, "warning": "lost"}\n')
    run(tmp_path, steps=7, measure_every=2, schedule=None, method=Warner(SmallNet(dim=8, width=2)))
    assert read(tmp_path / "warnings.jsonl") == warned


def test_a_method_hears_what_was_measured_and_its_exports_follow(tmp_path):
    class Choosing(Toy):
        def __init__(self, *parts, **settings):
            super().__init__(*parts, **settings)
            self.other, self.heard = SmallNet(dim=8, width=2), []
            self.register_buffer("second", torch.zeros((), dtype=torch.bool))

        def after_measure(self, scores):
            self.heard.append(sorted(scores))
            self.second.fill_(len(self.heard) > 1)

        def exports(self):
            return {"encoder": self.other if self.second else self.encoder}

    method = run(tmp_path, steps=4, measure_every=2, ema=None, method=Choosing(SmallNet(dim=8, width=2)))
    assert method.heard == [["held_out/guess", "held_out/loss", "train/guess", "train/loss"]] * 3
    _, weights = read_safetensors(tmp_path / "encoder.safetensors")
    assert all(value.equal(weights[name]) for name, value in method.other.trunk.state_dict().items())


def test_parts_that_came_in_evaluation_mode_are_trained_from_the_first_step_on_and_after_resuming(tmp_path):
    class Modes(Toy):
        def forward(self, batch):
            self.modes = [*getattr(self, "modes", []), self.encoder.training]
            return super().forward(batch)

    for steps in (1, 2):
        method = Modes(SmallNet(dim=8, width=2).eval())
        run(tmp_path, steps=steps, measure_every=50, save_every=1, method=method, schedule=None)
        assert any(method.modes)
