"""How many threads compute: the cores that loading leaves, unless somebody says otherwise."""

import pytest
import torch
from training_fakes import run, toy

from avssl.training import loop, threads
from avssl.training.threads import choose, computing_with, told


@pytest.fixture
def machine(monkeypatch):
    """A machine of as many cores as PyTorch has threads, where nobody says how many should compute."""

    def of(cores, own=None):
        monkeypatch.delenv("OMP_NUM_THREADS")
        monkeypatch.setattr(threads, "cpu_count", lambda: cores)
        monkeypatch.setattr(torch, "get_num_threads", lambda: own or cores)

    return of


@pytest.mark.parametrize(
    ("cores", "workers", "processes", "computing"),
    [(2, 2, 1, 1), (8, 2, 1, 6), (8, 0, 1, 8), (2, 16, 1, 1), (8, 1, 2, 3), (4, 2, 4, 1)],
)
def test_threads_are_the_cores_of_a_process_less_its_workers_and_at_least_one(
    machine, cores, workers, processes, computing
):
    machine(cores)
    assert choose("auto", workers, processes=processes)[0] == computing


def test_threads_are_never_more_than_pytorch_would_take(machine):
    machine(64, own=32)
    assert choose("auto", 2) == (32, "compute threads: 32 (64 cores, workers=2)")


def test_a_number_is_taken_as_it_is(machine):
    machine(2)
    assert choose(5, workers=2) == (5, "compute threads: 5 (threads=5)")


def test_a_run_goes_on_with_the_threads_that_it_was_begun_with(machine):
    machine(8)
    assert choose("auto", workers=2, begun=3) == (3, "compute threads: 3 (as the run was begun)")
    assert choose(3, workers=2, begun=3)[1] == "compute threads: 3 (threads=3)"


@pytest.mark.parametrize("asked", ["auto", 2])
def test_a_run_that_goes_on_with_other_threads_says_what_that_changes(machine, asked):
    machine(4)
    computing, why = choose(asked, workers=2, begun=16)
    assert computing == 2
    assert why.endswith("; the run was begun with 16, so sums may differ in their last bits")


@pytest.mark.parametrize(("asked", "why"), [("auto", ""), (7, ", which wins over threads=7")])
def test_what_the_environment_says_wins(machine, monkeypatch, asked, why):
    machine(8, own=4)
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    assert choose(asked, workers=2, said=told()) == (4, f"compute threads: 4 (OMP_NUM_THREADS=4{why})")


def test_what_fabric_says_to_the_environment_when_it_starts_processes_is_nobodys_wish(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("OMP_NUM_THREADS")
    begin = loop.launch

    def launch(*settings):
        monkeypatch.setenv("OMP_NUM_THREADS", "1")
        return begin(*settings)

    monkeypatch.setattr(loop, "launch", launch)
    run(tmp_path, steps=1, threads=2)
    assert "compute threads: 2 (threads=2)\n" in capsys.readouterr().out


def test_a_run_computes_with_its_threads_says_so_once_and_leaves_those_that_were(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setattr(threads, "cpu_count", lambda: 5)
    method, during = toy(), []
    method.after_step = lambda *_: during.append(torch.get_num_threads())
    before = torch.get_num_threads()
    run(tmp_path, steps=2, method=method, threads=2)
    assert during == [2, 2] and torch.get_num_threads() == before
    assert capsys.readouterr().out.count("compute threads: 2 (threads=2)\n") == 1
    run(tmp_path, steps=3)
    shown = capsys.readouterr().out
    assert "compute threads: 1 (5 cores, workers=0); the run was begun with 2" in shown  # one, as PyTorch has


def test_threads_are_put_back_after_an_error():
    before, during = torch.get_num_threads(), []

    def fail():
        during.append(torch.get_num_threads())
        raise KeyError

    with pytest.raises(KeyError), computing_with(before + 1):
        fail()
    assert during == [before + 1] and torch.get_num_threads() == before
