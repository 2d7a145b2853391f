"""Several tasks in the one loop: exact resume, the same order for any number of workers, and processes that agree."""

from collections import Counter

import pytest
import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies import DDPStrategy
from training_fakes import SETTINGS, Dots
from training_processes import become, free_port
from training_results import assert_same, contents
from two_processes import ended

from avssl.methods import RelativePosition, Rotation, SeveralTasks
from avssl.nets import SmallNet
from avssl.training import AdamW, train
from avssl.training.export import load_method
from avssl.training.journal import read
from avssl.training.loop import strategy_for_partial

STEPS = 8
PLACES = {"patch": 2, "gap": 1, "jitter": 0, "hidden": 8}


class Keyed(Dots):
    """The fakes' dots, with the keys of pictures."""

    def __getitem__(self, key):
        item = super().__getitem__(key)
        return item | {"key": torch.tensor([self.size, *key]), "valid": torch.ones(1, 2, dtype=torch.bool)}


def several():
    torch.manual_seed(0)
    nets = [SmallNet(dim=8, width=2) for _ in range(2)]
    return SeveralTasks([Rotation(nets[0]), RelativePosition(nets[1], **PLACES)], weights=[2, 1])


def run(out, steps=STEPS, **settings):
    torch.set_num_threads(1)
    settings = SETTINGS | {"optim": AdamW(lr=1e-2), "log_every": 1, "held_out": Keyed(5)} | settings
    return train(method=several(), data=Keyed(12), steps=steps, out=out, **settings)


def order(out):
    """Return the task of each step, by what the log says of it."""
    kinds = ("Rotation", "RelativePosition")
    return [
        next(kind for kind in kinds if f"{kind}/loss" in record)
        for record in read(out / "log.jsonl")
        if "gradient_norm" in record
    ]


@pytest.fixture(scope="module")
def uncut(tmp_path_factory):
    out = tmp_path_factory.mktemp("uncut")
    run(out)
    return out


def test_a_run_cut_in_two_ends_where_an_uncut_one_does(tmp_path, uncut):
    run(tmp_path, steps=5)
    run(tmp_path)
    assert_same(contents(tmp_path)[0]["method"], contents(uncut)[0]["method"])
    assert_same(contents(tmp_path)[0]["optimizer"], contents(uncut)[0]["optimizer"])
    assert order(tmp_path) == order(uncut)
    assert set(Counter(order(uncut))) == {"Rotation", "RelativePosition"}


def test_workers_and_accumulation_change_no_order(tmp_path, uncut):
    run(tmp_path / "workers", workers=2)
    assert_same(contents(tmp_path / "workers")[0]["method"], contents(uncut)[0]["method"])
    run(tmp_path / "accumulated", accumulate=2, batch_size=2)
    assert order(tmp_path / "accumulated") == order(uncut)


def test_the_log_and_the_measures_name_every_head(uncut):
    records = read(uncut / "log.jsonl")
    measured = next(record for record in records if record["step"] == STEPS and "held_out/loss" in record)
    for data in ("train", "held_out"):
        for task in ("Rotation", "RelativePosition"):
            assert 0 <= measured[f"{data}/{task}/accuracy"] <= 1
    shares = 2 / 3 * measured["held_out/Rotation/loss"] + 1 / 3 * measured["held_out/RelativePosition/loss"]
    assert measured["held_out/loss"] == pytest.approx(shares)


def test_the_method_of_a_run_comes_back_with_one_trunk(uncut):
    method = load_method(uncut)
    assert isinstance(method, SeveralTasks)
    saved = contents(uncut)[0]["method"]
    assert_same(dict(method.state_dict()), dict(saved))
    assert method.tasks[1].encoder is method.encoder


def one_of_two(rank, port, out):
    """Train in one process of two."""
    become(rank, port)
    run(out, devices=2, batch_size=2)


def test_two_processes_take_turns_alike(tmp_path, start, uncut):
    port = free_port()
    assert ended(*(start(one_of_two, rank, port, tmp_path) for rank in range(2))) == [0, 0]
    assert order(tmp_path) == order(uncut)


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        (("auto", 1), "auto"),
        (("auto", 2), "ddp_find_unused_parameters_true"),
        (("ddp", 1), "ddp_find_unused_parameters_true"),
        (("fsdp", 2), "fsdp"),
    ],
)
def test_several_processes_do_not_wait_for_heads_that_a_step_leaves_out(asked, given):
    assert strategy_for_partial(*asked) == given
    strategy = Fabric(accelerator="cpu", devices=2, strategy="ddp_find_unused_parameters_true").strategy
    assert isinstance(strategy, DDPStrategy) and strategy._ddp_kwargs["find_unused_parameters"]
