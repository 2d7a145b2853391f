"""One run at a time in a folder: the second is refused in one line, and a dead process holds nothing."""

import errno
import fcntl
import multiprocessing
import os
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest
from training_fakes import run

from avssl.lock import FILE, Lock
from avssl.training import TrainingError
from avssl.training.lock import hold

HOLD = """
import fcntl, os, sys
handle = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
for lock in (fcntl.lockf, fcntl.flock):
    lock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
os.write(handle, b"process 77 on elsewhere\\n")
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def held_by_another(folder):
    """Let another process hold a folder; yields that process."""
    folder.mkdir(exist_ok=True)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", HOLD, str(folder / FILE)], **pipes) as process:
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_a_second_run_in_a_folder_is_refused_in_one_line_and_changes_nothing(tmp_path):
    run(tmp_path, steps=1)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.name != FILE}
    told = (
        r"^\S+ is being written by another run \(process 77 on elsewhere\); wait until it ends, stop it, or give anot"
    )
    with held_by_another(tmp_path):
        with pytest.raises(TrainingError, match=told):
            run(tmp_path, steps=2)
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.name != FILE} == before


def test_a_killed_process_holds_nothing_though_what_it_forked_lives_on(tmp_path):
    with held_by_another(tmp_path) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        run(tmp_path, steps=1)

    lock = Lock(tmp_path)
    ready = multiprocessing.get_context("fork").Barrier(2)
    child = multiprocessing.get_context("fork").Process(target=ready.wait)
    child.start()
    lock.close()  # as the system does for a process that dies
    assert taken_by_another_process(tmp_path)
    ready.wait()
    child.join()


def taken_by_another_process(folder):
    """Tell whether a process other than this one can hold a folder."""
    with held_by_another(folder):
        return True


def test_a_run_holds_its_folder_while_it_lasts_and_lets_go_after_an_error_too(tmp_path):
    run(tmp_path / "done", steps=1)
    with pytest.raises(TrainingError, match="begun with seed=0"):
        run(tmp_path / "done", steps=1, seed=3)
    assert taken_by_another_process(tmp_path / "done")
    lock = Lock(tmp_path)
    told = subprocess.run(
        [sys.executable, "-c", HOLD, str(tmp_path / FILE)], capture_output=True, text=True, check=False
    )
    assert "BlockingIOError" in told.stderr and (tmp_path / FILE).read_text().startswith(f"process {os.getpid()} on ")
    lock.close()


def test_only_the_first_of_several_processes_holds_and_all_are_refused(tmp_path):
    class Second:
        is_global_zero = False

        def broadcast(self, told):
            return "process 77 on elsewhere"

    with pytest.raises(TrainingError, match="another run"):
        hold(Second(), tmp_path)
    assert not (tmp_path / FILE).exists()


def test_a_file_system_without_locks_is_said_in_a_line(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "lockf", refuse)
    told = []
    assert not Lock(tmp_path, told.append).holder
    assert told == [
        f"{tmp_path}: its file system has no locks (No locks available); a second process in it would not be noticed"
    ]


def test_fewer_steps_than_a_run_has_taken_are_refused_in_a_line_and_as_many_end_it(tmp_path, capsys):
    run(tmp_path, steps=3)
    settings = (tmp_path / "config.yaml").read_text()
    told = r"has taken 3 steps, and this config asks for 2; set steps=3 to end it there, more to go on, or give another"
    with pytest.raises(TrainingError, match=told):
        run(tmp_path, steps=2)
    assert (tmp_path / "config.yaml").read_text() == settings
    run(tmp_path, steps=3)
    assert "goes on from step 3 of 3" in capsys.readouterr().out
