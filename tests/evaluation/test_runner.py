"""Running an evaluator on a run, and the tools' answers to bad input."""

import csv
import json
import runpy
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from avssl.config import ConfigError, make, read
from avssl.data.demo import prepare
from avssl.evaluation import Evaluator, KeyPoints, Retrieval, evaluate
from avssl.evaluation.keypoints.heads import Regression, Ridge
from avssl.features.cache import digest
from avssl.features.device import find_device
from avssl.features.runs import find_run, fresh_encoders
from avssl.nets import SmallNet
from tests.evaluation.worlds import Dots

ROOT = Path(__file__).parents[2]


@pytest.fixture
def run(tmp_path):
    """A run that was sent on with its encoder alone."""
    folder = tmp_path / "runs" / "mine"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text("method: {name: ShuffleAndLearn}\n")
    about = {"encoder": json.dumps({"name": "SmallNet", "dim": 8, "width": 4})}
    save_file(SmallNet(dim=8, width=4).trunk.state_dict(), folder / "encoder.safetensors", metadata=about)
    return folder


def key_points(**settings):
    known = {"train": Dots(20), "test": Dots(5, seed=1), "labels": (6,), "draws": 2, "heads": [Ridge()], "num_shown": 1}
    return KeyPoints(**(known | {"quiet": True} | settings))


def test_an_evaluation_leaves_scores_tables_pictures_and_the_page_in_the_run(run, capsys):
    scores = evaluate(key_points(), runs=run.parent, device="cpu")
    evaluate(Retrieval(queries=Dots(6), ks=[2], num_shown=1, quiet=True), run=run, device="cpu")
    first, second = map(json.loads, (run / "scores.jsonl").read_text().splitlines())
    assert (first["evaluator"], second["evaluator"]) == ("KeyPoints", "Retrieval")
    assert first["numbers"] == dict(scores.numbers) and first["protocol"]["labels"] == [6]
    for name in (*first["tables"].values(), *first["pictures"].values(), *second["pictures"].values()):
        assert (run / name).stat().st_size > 100
    with open(run / first["tables"]["items"], newline="") as file:
        assert len(list(csv.DictReader(file))) == 5 * 2 * 10
    assert (run / "report.html").read_text().count("<img") == 4
    printed = capsys.readouterr().out
    assert "trained" in printed and "mean pose" in printed and "Protocol" in printed


def test_a_score_that_is_no_number_is_written_as_null(run):
    evaluate(key_points(draws=1), run=run)
    (record,) = map(json.loads, (run / "scores.jsonl").read_text().splitlines())
    assert record["numbers"]["trained-random/ridge/6/pck@0.2/torso/error"] is None


def test_random_rows_are_the_runs_architecture_built_anew_by_seed(run):
    one, same, other = (digest(fresh_encoders(run)(seed)) for seed in (0, 0, 1))
    assert one == same != other


def test_the_newest_run_with_weights_is_taken(run):
    unfinished = run.parent / "unfinished"
    unfinished.mkdir()
    (unfinished / "config.yaml").write_text("method: {name: ShuffleAndLearn}\n")
    assert find_run(runs=run.parent) == run
    assert find_run(runs=run.parent, weights=False) == unfinished


def test_extra_rows_are_loaded_from_their_runs(run):
    scores = key_points(extra={"other": str(run)})(SmallNet(dim=8, width=4))
    assert "other" in {row["row"] for row in scores.table}
    with pytest.raises(ConfigError, match="there is no file nowhere"):
        key_points(extra={"other": "nowhere"})(SmallNet(dim=8, width=4))


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda run: run.rename(run.with_name("gone")), "there is no folder .*train one first"),
        (lambda run: (run / "config.yaml").unlink(), "is not the folder of a run: it has no config.yaml"),
        (lambda run: (run / "encoder.safetensors").unlink(), "has no weights yet"),
    ],
    ids=["no folder", "no run", "no weights"],
)
def test_a_run_that_cannot_be_judged_is_one_clear_line(run, spoil, complaint):
    spoil(run)
    with pytest.raises(ConfigError, match=complaint) as caught:
        find_run(run)
    assert "\n" not in str(caught.value)


def test_no_run_at_all_says_how_to_get_one(tmp_path):
    with pytest.raises(ConfigError, match=r"no trained run under .*python tools/train\.py"):
        find_run(runs=tmp_path / "runs")


@pytest.mark.gpu
def test_a_gpu_gives_the_scores_of_the_cpu():
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    judge, encoder = key_points(heads=[Ridge(), Regression(steps=5, batch=4)]), SmallNet(dim=8, width=4)
    ours, theirs = judge(encoder, device="cuda").numbers, judge(encoder, device="cpu").numbers
    assert ours == pytest.approx(theirs, abs=0.05, nan_ok=True)


@pytest.mark.parametrize(("device", "complaint"), [("abacus", "'abacus' cannot be used here"), ("cuda:99", "try cpu")])
def test_a_device_that_is_not_there_is_one_clear_line(device, complaint):
    with pytest.raises(ConfigError, match=complaint) as caught:
        find_device(device)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "judge",
    [lambda: key_points(heads=[Ridge("conv9")]), lambda: Retrieval(queries=Dots(6), layer="conv9", quiet=True)],
    ids=["key points", "retrieval"],
)
def test_a_layer_that_is_not_there_is_told_before_anything_is_read(judge):
    with pytest.raises(ConfigError, match=r"no layer 'conv9' \(did you mean 'conv3'\?\); there is conv1,"):
        judge()(SmallNet(dim=8, width=4))


def test_the_shipped_config_judges_an_encoder_on_real_video_files(tmp_path):
    world = prepare(root=tmp_path, train=8, heldout=3, workers=1, progress=False)
    settings = read(ROOT / "configs" / "eval_keypoints.yaml")["evaluator"] | {"quiet": True, "num_shown": 1}
    for part in ("train", "test"):
        settings[part]["source"] = str(world)
    settings |= {"labels": [8], "heads": ["Ridge", {"name": "Regression", "steps": 2, "batch": 4}]}
    scores = make(settings, Evaluator, "evaluator")(SmallNet(width=4, dim=8))
    assert scores.protocol["picture"].startswith("36x36, cut by 2")
    assert all(value == value for value in scores.numbers.values())


@pytest.mark.parametrize("tool", ["report", "eval_keypoints"])
def test_tools_answer_a_missing_run_with_one_line(tool, tmp_path, monkeypatch, capsys):
    words = [str(ROOT / "tools" / f"{tool}.py"), "run=nowhere"]
    if tool == "eval_keypoints":
        manifest = tmp_path / "manifest.csv"
        manifest.write_text("path,split\na.mp4,train\nb.mp4,heldout\n")
        words += [f"evaluator.{part}.source={manifest}" for part in ("train", "test")]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(words[0], run_name="__main__")
    error = capsys.readouterr().err
    assert stop.value.code == 2 and error.count("\n") == 1 and "there is no folder nowhere" in error
