"""Resuming: a run that is cut anywhere, by any means, ends bit for bit where an uncut one does."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from training_fakes import Dots, run, run_until_killed, toy
from training_results import assert_same, contents
from two_processes import ended

from avssl import config
from avssl.training import SGD, Cosine, Stopped, TrainingError, checkpoint, journal
from avssl.training.journal import read

STEPS = 11


@pytest.fixture(scope="module")
def uncut(tmp_path_factory):
    out = tmp_path_factory.mktemp("uncut")
    run(out, steps=STEPS)
    return contents(out)


@pytest.mark.parametrize(
    "deaths", [[1], [4], [5, 6], sorted(np.random.default_rng(7).choice(10, 3, replace=False) + 1)]
)
def test_a_run_killed_at_any_step_ends_where_an_uncut_one_does(tmp_path, uncut, start, deaths):
    for last in deaths:
        assert ended(start(run_until_killed, tmp_path, int(last))) == [-signal.SIGKILL]
    run(tmp_path, steps=STEPS)
    saved, records = contents(tmp_path)
    assert_same(saved, uncut[0], f"killed after {deaths}")
    assert records == uncut[1]


def test_a_run_with_workers_is_resumed_by_one_without(tmp_path, uncut, start):
    assert ended(start(run_until_killed, tmp_path, 7)) == [-signal.SIGKILL]
    run(tmp_path, steps=STEPS, workers=2)
    saved, records = contents(tmp_path)
    assert_same(saved, uncut[0])
    assert records == uncut[1]


@pytest.mark.parametrize("moment", ["fsync", "replace", "link", "flush"])
def test_a_death_in_the_middle_of_saving_leaves_a_good_checkpoint(tmp_path, uncut, start, moment):
    assert ended(start(die_while_saving, tmp_path, moment)) == [-signal.SIGKILL]
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["step"] in (3, 6)
    run(tmp_path, steps=STEPS, keep=2)
    saved, records = contents(tmp_path)
    assert_same(saved, uncut[0], moment)
    assert records == uncut[1]


def die_while_saving(out, moment):
    """Train, and die inside the second save."""
    saves = []
    save = checkpoint.save

    def counted(*arguments, **settings):
        saves.append(settings)
        if len([one for one in saves if "keep" in one]) == 2:
            die = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # noqa: E731
            if moment == "fsync":
                os.fsync = die
            elif moment == "replace":
                Path.replace = die
            elif moment == "link":
                checkpoint.link = die
            else:
                checkpoint.flush = die
        return save(*arguments, **settings)

    checkpoint.save = counted
    run(out, steps=STEPS, keep=2)


def test_what_a_run_exports_is_the_same_file_byte_for_byte_after_a_resume(tmp_path):
    for name, cuts in (("uncut", [6]), ("cut", [2, 4, 6])):
        for steps in cuts:
            run(tmp_path / name, steps=steps, schedule=None)
    uncut, cut = ((tmp_path / name / "encoder.safetensors").read_bytes() for name in ("uncut", "cut"))
    assert uncut == cut


def test_more_steps_may_be_asked_of_a_finished_run(tmp_path):
    run(tmp_path / "one", steps=4, schedule=None)
    run(tmp_path / "one", steps=9, schedule=None)
    run(tmp_path / "two", steps=9, schedule=None)
    one, two = (torch.load(tmp_path / name / "last.ckpt", weights_only=True) for name in ("one", "two"))
    assert_same(one["method"], two["method"])
    assert_same(one["optimizer"], two["optimizer"])


def test_a_finished_run_that_is_started_again_changes_nothing(tmp_path, capsys):
    run(tmp_path, steps=3)
    before = contents(tmp_path)
    run(tmp_path, steps=3)
    assert_same(contents(tmp_path)[0], before[0])
    assert contents(tmp_path)[1] == before[1]
    assert "goes on from step 3 of 3" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        (
            {"optim": SGD(lr=0.1)},
            r"begun with optim\.name='AdamW' and this config says 'SGD'; set it back to go on, or",
        ),
        ({"schedule": Cosine()}, r"schedule\.name='OneCycle' and this config says 'Cosine'"),
        ({"seed": 3}, r"begun with seed=0 and this config says 3"),
        ({"batch_size": 2}, r"begun with batch_size=4 and this config says 2"),
        ({"data": Dots(13)}, r"begun with data\.size=12 and this config says 13"),
        ({"method": toy(dropout=0.25)}, r"begun with method\.dropout=0\.5 and this config says 0\.25"),
        ({"ema": None}, r"begun with ema=0\.9 and this config says None"),
        ({"resume": False}, r"holds a run; give another out=, or resume=true to go on with it"),
    ],
)
def test_settings_that_would_make_another_run_are_refused(tmp_path_factory, settings, complaint):
    out = tmp_path_factory.getbasetemp() / "settled"
    if not (out / "last.ckpt").exists():
        run(out, steps=1)
    before = (out / "config.yaml").read_text()
    with pytest.raises(TrainingError, match=complaint) as error:
        run(out, steps=2, **settings)
    assert "\n" not in str(error.value)
    assert (out / "config.yaml").read_text() == before


def test_a_file_that_is_no_checkpoint_is_refused(tmp_path):
    (tmp_path / "last.ckpt").write_bytes(b"not a checkpoint")
    with pytest.raises(TrainingError, match=r"last\.ckpt is no readable checkpoint"):
        run(tmp_path)
    torch.save({"other": 1}, tmp_path / "last.ckpt")
    with pytest.raises(TrainingError, match=r"is no checkpoint of avssl's training"):
        run(tmp_path)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_polite_request_to_stop_saves_and_says_how_to_go_on(tmp_path, uncut, number):
    class Interrupted(Dots):
        def __getitem__(self, key):
            if key[0] == 1 and not asked:
                asked.append(key)
                os.kill(os.getpid(), number)
            return super().__getitem__(key)

    asked = []
    before = signal.getsignal(number)
    with pytest.raises(
        Stopped, match=r"^stopped after step 3 of 11, saved as .*last\.ckpt; the same command goes on$"
    ) as stop:
        run(tmp_path, steps=STEPS, data=named(Interrupted(12)))
    assert stop.value.status == 128 + number and signal.getsignal(number) is before
    run(tmp_path, steps=STEPS)
    saved, records = contents(tmp_path)
    assert_same(saved, uncut[0])
    assert records == uncut[1]


def test_a_run_that_is_stopped_before_its_first_step_measures_its_random_start_once(tmp_path, uncut):
    class Interrupted(Dots):
        def __getitem__(self, key):
            if key[0] == 0 and not asked:
                asked.append(key)
                os.kill(os.getpid(), signal.SIGINT)
            return super().__getitem__(key)

    asked = []
    with pytest.raises(Stopped, match="stopped after step 0 of 11"):
        run(tmp_path, steps=STEPS, data=named(Interrupted(12)))
    run(tmp_path, steps=STEPS)
    assert contents(tmp_path)[1] == uncut[1]


def named(data):
    """Give data the settings of the fakes' own."""
    type(data).__module__, type(data).__name__, type(data).__qualname__ = "training_fakes", "Dots", "Dots"
    return data


CONFIG = """
out: {out}
method: {{name: training_fakes.Toy, encoder: {{name: SmallNet, dim: 8, width: 2}}}}
data: {{name: training_fakes.Dots}}
optim: {{name: AdamW, lr: 1e-2}}
steps: 100000
batch_size: 4
workers: 2
accelerator: cpu
tensorboard: false
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_tool_and_its_loaders_ends_it_in_one_line_and_the_same_command_goes_on(
    tmp_path, monkeypatch, capsys, number
):
    root = Path(__file__).parents[2]
    (tmp_path / "c.yaml").write_text(CONFIG.format(out=tmp_path / "run"))
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(root / "tools/train.py"), "c.yaml"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, start_new_session=True, **pipes)
    deadline = time.monotonic() + 300
    while not any("loss" in record for record in read(tmp_path / "run" / journal.LOG)) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, number)  # as a terminal does, and the program timeout
    out, error = process.communicate(timeout=300)
    assert process.returncode == 128 + number, error
    assert error.startswith("stopped after step ") and error.count("\n") == 1
    assert "data: runs code of yours, training_fakes.Dots" in out
    step = torch.load(tmp_path / "run" / "last.ckpt", weights_only=True)["step"]
    monkeypatch.chdir(tmp_path)
    config.main("avssl.training.train", None, arguments=["c.yaml", f"steps={step + 1}"])
    assert f"goes on from step {step} of {step + 1}" in capsys.readouterr().out
