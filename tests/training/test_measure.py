"""Measuring a finished run again: the same scores on the same data, and clear words where it cannot be."""

import json

import pytest
import torch
from training_fakes import Dots, run

from avssl import config
from avssl.training.errors import TrainingError
from avssl.training.measure_run import measure_run

TOY = {"name": "training_fakes.Toy", "encoder": {"name": "SmallNet", "dim": 8, "width": 2}}


@pytest.fixture(scope="module", params=[None, 0.9], ids=["plain", "averaged"])
def trained(request, tmp_path_factory):
    out = tmp_path_factory.mktemp("run")
    torch.manual_seed(0)
    run(out, steps=4, method=config.make(TOY, "avssl.methods.Method"), ema=request.param)
    return out


def test_the_scores_of_the_runs_own_measure_come_back(trained, capsys):
    logged = [json.loads(line) for line in (trained / "log.jsonl").read_text().splitlines()]
    logged = [line for line in logged if "held_out/loss" in line][-1]
    scores = measure_run(run=trained, trust="training_fakes", data=Dots(5), batch_size=4, workers=0, accelerator="cpu")
    assert scores == {name: pytest.approx(logged[f"held_out/{name}"]) for name in scores} and scores
    assert "loss" in capsys.readouterr().out
    (kept,) = [json.loads(line) for line in (trained / "measures.jsonl").read_text().splitlines()]
    assert kept["step"] == 4 and kept["loss"] == scores["loss"] and kept["data"]["size"] == 5
    (trained / "measures.jsonl").unlink()


def test_what_cannot_be_read_is_left_out_and_counted(trained, capsys):
    measure_run(
        run=trained, trust="training_fakes", data=Dots(5, bad=(1, 2)), batch_size=4, workers=0, accelerator="cpu"
    )
    assert "2 recordings could not be read and were left out; the first: broken" in capsys.readouterr().out
    with pytest.raises(TrainingError, match="none of the 2 recordings could be read: broken"):
        measure_run(run=trained, trust="training_fakes", data=Dots(2, bad=(0, 1)), workers=0, accelerator="cpu")


def test_a_folder_without_a_run_is_told(tmp_path):
    with pytest.raises(TrainingError, match=r"last\.ckpt does not exist; train first, or name another run"):
        measure_run(run=tmp_path, trust="training_fakes", data=Dots(2), workers=0, accelerator="cpu")
