"""Several machines: a killed run goes on bit for bit, and on another number of them with the same items a step."""

import json
import re
import shutil
from pathlib import Path

import pytest
import torch
from training_fakes import Linear, run, toy
from training_processes import agent_of_two, become, free_port, one_noting
from training_results import assert_same, contents, learned
from two_processes import ended

from avssl.training import TrainingError, machines
from avssl.training.checkpoint import check_drawn

STEPS = 5


def together(start, nodes, out, **settings):
    """Run the processes of some machines, two on each, and wait for them."""
    port = free_port()
    processes = [start(one_noting, rank, port, nodes, out, {"steps": STEPS} | settings) for rank in range(2 * nodes)]
    assert ended(*processes) == [0] * 2 * nodes


def by_torchrun(start, out, death=None):
    """Run two agents of torchrun, two processes each, and return how they ended."""
    port = free_port()
    return ended(*(start(agent_of_two, rank, port, out, STEPS, death) for rank in range(2)))


def steps_of(out, world, size):
    """Return which items each step took, over all processes."""
    drawn = [json.loads((out / f"drawn-{rank}.json").read_text()) for rank in range(world)]
    return [
        sorted(tuple(key) for one in drawn for key in one[first : first + size])
        for first in range(0, len(drawn[0]), size)
    ]


@pytest.fixture(scope="module")
def uncut(tmp_path_factory, start):
    out = tmp_path_factory.mktemp("uncut")
    together(start, 2, out)
    return out


@pytest.fixture(scope="module")
def killed(tmp_path_factory, start):
    """A run of two machines of which one process was killed after step 3, before it was saved."""
    out = tmp_path_factory.mktemp("killed")
    assert all(by_torchrun(start, out, (2, 3)))
    assert torch.load(out / "last.ckpt", weights_only=True)["step"] == 2
    return out


def test_two_machines_of_which_a_process_was_killed_go_on_as_if_it_had_not_been(tmp_path, start, uncut, killed):
    shutil.copytree(killed, tmp_path / "run")
    assert by_torchrun(start, tmp_path / "run") == [0, 0]
    assert_same(contents(tmp_path / "run")[0], contents(uncut)[0])
    assert steps_of(tmp_path / "run", 4, 2) == steps_of(uncut, 4, 2)[2:]


@pytest.mark.parametrize("settings", [{}, {"batch_size": 4, "accumulate": 1}], ids=["derived", "given"])
def test_one_machine_goes_on_where_two_stopped_with_the_same_items_a_step(tmp_path, start, uncut, killed, settings):
    shutil.copytree(killed, tmp_path / "run")
    together(start, 1, tmp_path / "run", **settings)
    assert steps_of(tmp_path / "run", 2, 4) == steps_of(uncut, 4, 2)[2:]
    found = learned(tmp_path / "run")
    for name, value in learned(uncut).items():
        torch.testing.assert_close(found[name], value, rtol=1e-5, atol=1e-7)
    together(start, 1, tmp_path / "run", **settings, steps=STEPS + 1)  # the same command once more
    assert torch.load(tmp_path / "run" / "last.ckpt", weights_only=True)["drawn"] == 8


STORED = {"settings": {"batch_size": 1, "accumulate": 2}, "world": 4}


@pytest.mark.parametrize(
    ("settings", "world", "told"),
    [
        ((1, 2), 2, "run was left by 4 processes and goes on with 2, batches of 2: each step takes the same items"),
        ((2, 2), 2, "goes on with 2, batches of 2"),
        ((8, 1), 1, "goes on with 1, batches of 8"),
        ((1, 2), 8, "a step, and this run of 8 would take 16, which changes the batches"),
        (
            (3, 2),
            2,
            "4 processes, 8 items a step, .* would take 12, .* batch_size x accumulate x 2 = 8, use 4 again, or",
        ),
        ((2, 1), 4, "begun with batch_size=1 and this config says 2"),
        ((1, 1), 4, "begun with accumulate=2 and this config says 1"),
    ],
)
@pytest.mark.parametrize("older", [False, True])
def test_the_items_of_a_step_stay_or_the_run_is_refused(settings, world, told, older):
    new = dict(zip(("batch_size", "accumulate"), settings, strict=True))
    state = {"settings": new, "world": world, "drawn": settings[0] * settings[1] * world}
    found = STORED if older else STORED | {"drawn": 8}
    try:
        (line,) = check_drawn(Path("run/last.ckpt"), found, state)
        assert state["drawn"] == 8
    except TrainingError as error:
        line = str(error)
    assert re.search(told, line) and "\n" not in line


def test_a_checkpoint_that_does_not_say_how_many_items_a_step_takes_is_broken():
    state = {"settings": {"batch_size": 1, "accumulate": 2}, "world": 4, "drawn": 8}
    for bad in ({"drawn": -1}, {"world": 0}, {"settings": {"batch_size": "x", "accumulate": 2}}, {"settings": {}}):
        with pytest.raises(TrainingError, match="is a broken checkpoint: it does not say how many items"):
            check_drawn(Path("run/last.ckpt"), STORED | bad, state)


def test_settings_that_differ_from_torchrun_are_one_line(monkeypatch):
    for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "GROUP_RANK", "GROUP_WORLD_SIZE", "ROLE_RANK"):
        monkeypatch.setenv(name, "")
    for name in ("MASTER_ADDR", "MASTER_PORT", "TORCHELASTIC_RUN_ID", "GLOO_SOCKET_IFNAME"):
        monkeypatch.setenv(name, "")
    become(3, 1234, nodes=2)
    assert machines.processes_of("auto", "auto") == machines.processes_of(2, 2) == (2, 2)
    with pytest.raises(TrainingError, match=r"^devices=1 and torchrun, which started 2 processes on each machine, dif"):
        machines.processes_of(1, 2)
    with pytest.raises(TrainingError, match=r"^nodes=3 and torchrun, which started 2 machines, differ; set nodes=2 or"):
        machines.processes_of("auto", 3)
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(TrainingError, match=r"started 2 of 3 processes on one of 2 machines; start as many on each"):
        machines.processes_of("auto", "auto")


def test_several_machines_that_nothing_brings_together_are_refused(tmp_path):
    with pytest.raises(
        TrainingError, match=r"^nodes=2 needs a start on each machine: torchrun --nnodes 2 .*MASTER_ADDR"
    ):
        run(tmp_path, nodes=2)
    assert machines.processes_of(4, "auto") == (4, 1)


def test_shared_batch_statistics_leave_every_weight_its_name_and_itself():
    method = toy()
    before = {name: value.data_ptr() for name, value in method.state_dict().items()}
    machines.share_batch_statistics(method, "cuda", 2)
    kinds = {type(part) for part in method.modules()}
    assert torch.nn.SyncBatchNorm in kinds and not kinds & {torch.nn.BatchNorm1d, torch.nn.BatchNorm2d}
    assert {name: value.data_ptr() for name, value in method.state_dict().items()} == before
    with pytest.raises(TrainingError, match="Linear has no batch normalisation to share"):
        machines.share_batch_statistics(Linear(), "cuda", 2)
