"""Several processes: their gradients are one process's, they agree on what to skip, and none waits for ever."""

import pytest
import torch
from training_fakes import Dots, Linear, run
from training_processes import COMMON, free_port, one_of_two
from training_results import learned
from two_processes import ended

from avssl.training import TrainingError
from avssl.training.journal import read


def together(start, out, bad=(), **settings):
    port = free_port()
    return ended(*(start(one_of_two, rank, port, out, bad, settings) for rank in range(2)))


def alone(out, **settings):
    torch.manual_seed(0)
    run(out, method=Linear(), data=Dots(12), **(COMMON | settings))


@pytest.mark.parametrize("settings", [{}, {"batch_size": 1, "accumulate": 2}], ids=["plain", "accumulated"])
def test_two_processes_take_the_steps_of_one_with_twice_the_batch(tmp_path, start, settings):
    assert together(start, tmp_path / "two", **settings) == [0, 0]
    alone(tmp_path / "one", batch_size=4)
    two, one = learned(tmp_path / "two"), learned(tmp_path / "one")
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, rtol=1e-5, atol=1e-7)
    measured = [
        [record for record in read(tmp_path / run / "log.jsonl") if "held_out/loss" in record] for run in ("one", "two")
    ]
    assert measured[0][-1]["held_out/loss"] == pytest.approx(measured[1][-1]["held_out/loss"], rel=1e-5)


def test_a_batch_that_one_process_cannot_read_is_left_out_by_both(tmp_path, start):
    bad = tuple(set(range(12)) - {3, 11})  # most batches of one are empty in one process or in both
    assert together(start, tmp_path, bad=bad, batch_size=1) == [0, 0]
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["step"] == 4
    assert len([failure for failure in read(tmp_path / "failures.jsonl") if "data" not in failure]) >= 5


def test_two_processes_are_resumed_by_two_and_not_by_one_with_other_batches(tmp_path, start):
    assert together(start, tmp_path / "cut", steps=2) == [0, 0]
    with pytest.raises(TrainingError, match=r"by 2 processes, 4 items a step, and this run of 1 would take 3, which"):
        alone(tmp_path / "cut", batch_size=3)
    assert together(start, tmp_path / "cut") == [0, 0]
    assert together(start, tmp_path / "whole") == [0, 0]
    cut, whole = learned(tmp_path / "cut"), learned(tmp_path / "whole")
    assert all(torch.equal(cut[name], whole[name]) for name in whole)
