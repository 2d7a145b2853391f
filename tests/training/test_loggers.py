"""Records reach other libraries as they reach the log, and none of these can end a run; the libraries are stand-ins."""

import json
import sys
from types import SimpleNamespace

import pytest
from training_fakes import run

from avssl.training import TrainingError
from avssl.training.journal import read
from avssl.training.loggers import flat


class Library:
    """A stand-in of wandb, trackio and mlflow: notes what it is asked."""

    def __init__(self, fails_at=None):
        self.begun, self.records, self.ended, self.fails_at = [], [], 0, fails_at

    def init(self, **settings):
        self.begun.append(settings)
        return self

    def log(self, scalars, step):
        if step == self.fails_at:
            raise ConnectionError("the server is gone\nmore of it")
        self.records.append((step, scalars))

    def finish(self):
        self.ended += 1

    def set_experiment(self, name):
        self.experiment = name

    def start_run(self, run_id, run_name):
        self.begun.append({"id": run_id, "name": run_name})
        return SimpleNamespace(info=SimpleNamespace(run_id=run_id or "abc"))

    def log_params(self, params):
        assert not hasattr(self, "params")
        self.params = params

    def log_metrics(self, scalars, step):
        self.log(scalars, step)

    def end_run(self):
        self.finish()


@pytest.fixture(params=["wandb", "mlflow", "trackio"])
def name(request, monkeypatch):
    for variable in ("WANDB_PROJECT", "MLFLOW_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_ID"):
        monkeypatch.delenv(variable, raising=False)
    return request.param


def install(monkeypatch, name, **about):
    library = Library(**about)
    monkeypatch.setitem(sys.modules, name, library)
    return library


def test_every_record_of_the_log_and_the_settings_reach_the_library(tmp_path, monkeypatch, name):
    library = install(monkeypatch, name)
    run(tmp_path / "mine", steps=4, loggers=[name])
    written = [(record.pop("step"), record) for record in read(tmp_path / "mine" / "log.jsonl")]
    assert library.records == written and library.ended == 1
    settings = library.params if name == "mlflow" else flat(library.begun[0]["config"])
    assert str(settings["optim.lr"]) == "0.01" and str(settings["steps"]) == "4"
    assert library.begun[0]["name"].startswith("mine")
    assert "avssl" in (library.begun[0].get("project"), getattr(library, "experiment", None))


def test_a_run_that_goes_on_is_the_same_there(tmp_path, monkeypatch, name):
    first, second = install(monkeypatch, name), None
    run(tmp_path, steps=2, schedule=None, loggers=[name])
    second = install(monkeypatch, name)
    run(tmp_path, steps=4, schedule=None, loggers=[name])
    known = json.loads((tmp_path / "loggers.json").read_text())[name]
    key = {"wandb": "id", "mlflow": "id", "trackio": "name"}[name]
    assert second.begun[0][key] == known and (name == "mlflow" or first.begun[0][key] == known)
    assert [step for step, _ in second.records] == [4, 4] and not hasattr(second, "params")


def test_a_library_that_fails_is_left_out_with_a_line_and_the_run_goes_on(tmp_path, monkeypatch, name, capsys):
    library = install(monkeypatch, name, fails_at=2)
    run(tmp_path, steps=4, loggers=[name])
    told = f"{name} takes no more records (the server is gone); the log of the run holds them all\n"
    assert capsys.readouterr().out.count(told) == 1
    assert [step for step, _ in library.records] == [0]
    assert [record["step"] for record in read(tmp_path / "log.jsonl")][-1] == 4


def test_what_is_not_finite_is_left_out(tmp_path, monkeypatch):
    from avssl.training.loggers import Loggers

    library = install(monkeypatch, "wandb")
    loggers = Loggers(["wandb"], tmp_path, {}, resumed=False, say=print)
    loggers.write(3, {"loss": float("nan"), "auc": 0.5})
    loggers.close()
    assert library.records == [(3, {"auc": 0.5})]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (["wandb"], r"^loggers: wandb is not installed: \S+ -m pip install "),
        (["tensorboardx"], r"^loggers: got 'tensorboardx'; needs some of wandb, mlflow, trackio$"),
    ],
)
def test_a_library_that_is_not_there_is_refused_before_anything_is_done(tmp_path, monkeypatch, asked, told):
    monkeypatch.setitem(sys.modules, "wandb", None)  # as if it were not installed
    with pytest.raises(TrainingError, match=told):
        run(tmp_path / "run", loggers=asked)
    assert not (tmp_path / "run").exists()
