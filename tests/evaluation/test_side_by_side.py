"""Fits beside each other: the same results in the same order, kept as they come, wherever they can be done."""

import operator
import os
import sys
import time
from functools import partial
from types import ModuleType

import pytest
import torch

from avssl.config import ConfigError
from avssl.evaluation import side_by_side
from avssl.evaluation.side_by_side import Job, do_all
from avssl.training.threads import computing_with


@pytest.fixture
def done():
    """Do works, with a store of what is kept by their number."""

    def do(works, kept=None, trains=True, **settings):
        store = {} if kept is None else kept
        jobs = [
            Job(
                about=f"work {number}",
                work=work,
                kept=partial(store.get, number),
                keep=partial(store.__setitem__, number),
                trains=trains,
            )
            for number, work in enumerate(works)
        ]
        return do_all(jobs, "works", quiet=True, **settings)

    return do


@pytest.fixture
def cores(monkeypatch):
    monkeypatch.setattr(side_by_side, "cpu_count", lambda: 2)


def here(works):
    """How many of several works this process did itself."""
    return sum(each == os.getpid() for each in works)


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_results_stand_in_the_order_of_the_jobs_and_each_is_kept(done, workers):
    kept, times = {}, (0.4, 0.0, 0.2)
    works = [partial(eval, f"[__import__('time').sleep({wait}), {number}][1]") for number, wait in enumerate(times)]
    assert done(works, kept, workers=workers) == [0, 1, 2] and kept == {0: 0, 1: 1, 2: 2}


@pytest.mark.parametrize("workers", [0, 2])
def test_what_trains_has_one_thread_wherever_it_is_done_and_nothing_else_has(done, workers):
    with computing_with(3):
        assert done([torch.get_num_threads] * 2, workers=workers) == [1, 1]
        assert done([torch.get_num_threads], trains=False, workers=workers) == [3]
        assert done([torch.get_num_threads], device="cuda", workers=workers) == [3]
        assert torch.get_num_threads() == 3


def test_what_is_kept_is_not_done_again_and_a_failure_loses_nothing_else(done):
    kept = {1: "before"}
    works = [partial(operator.add, 1, 2), os.abort, partial(operator.truediv, 1, 0)]
    with pytest.raises(ZeroDivisionError):
        done(works, kept, workers=1)
    assert kept == {0: 3, 1: "before"}
    assert done([os.abort, os.abort, partial(operator.truediv, 1, 1)], kept, workers=1) == [3, "before", 1.0]


def test_processes_work_only_on_a_cpu_and_only_at_what_trains(done):
    assert here(done([os.getpid] * 2, workers=2)) == 0
    assert here(done([os.getpid] * 2, workers=2, device="cuda")) == 2
    assert here(done([os.getpid] * 2, workers=2, trains=False)) == 2
    assert here(done([os.getpid] * 2, workers=0)) == 2


def test_no_process_is_started_for_little_work(done, cores, monkeypatch):
    assert here(done([os.getpid] * 5)) == 5
    monkeypatch.setattr(side_by_side, "SHORT", 0.0)
    assert here(done([os.getpid] * 5)) == 1  # the first tells how long each takes
    monkeypatch.setattr(side_by_side, "cpu_count", lambda: 1)
    assert here(done([os.getpid] * 5)) == 5


def test_what_cannot_be_sent_to_another_process_is_done_in_this_one(done):
    assert here(done([lambda: os.getpid()] * 2, workers=2)) == 2


@pytest.mark.parametrize("name", ["__main__", "only_here"])
def test_what_another_process_would_not_find_is_done_in_this_one(done, monkeypatch, name):
    module = ModuleType(name)
    exec("import os\ndef work():\n    return os.getpid()", module.__dict__)
    monkeypatch.setitem(sys.modules, name, module)
    assert here(done([module.work] * 2, workers=2)) == 2


def test_a_process_that_dies_is_one_clear_line_and_what_was_finished_is_kept(done):
    kept = {}
    with pytest.raises(ConfigError, match=r"ended from outside.*run it again, or with evaluator\.workers=0") as caught:
        done([partial(operator.add, 1, 2), partial(os._exit, 3)], kept, workers=1)
    assert kept == {0: 3} and "\n" not in str(caught.value)


def test_an_interruption_waits_for_nothing_and_leaves_no_process(done, tmp_path):
    class Stop(dict):
        def __setitem__(self, key, value):
            raise KeyboardInterrupt

    pid = tmp_path / "pid"
    endless = f"[open({str(pid)!r}, 'w').write(str(__import__('os').getpid())), __import__('time').sleep(600)]"
    first = f"[__import__('time').sleep(.05) for _ in iter(lambda: __import__('os').path.exists({str(pid)!r}), True)]"
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        done([partial(eval, first), partial(eval, endless)], Stop(), workers=2)
    assert time.monotonic() - began < 300
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


def test_processes_do_not_run_a_script_anew_that_asks_for_them(done, monkeypatch, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(f"open({str(tmp_path / 'again')!r}, 'w')")
    main = ModuleType("__main__")
    main.__file__ = str(script)
    monkeypatch.setitem(sys.modules, "__main__", main)
    assert here(done([os.getpid], workers=1)) == 0
    assert not (tmp_path / "again").exists() and sys.modules["__main__"] is main
