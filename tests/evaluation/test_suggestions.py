"""The page of a run suggests evaluations that fit its data, its encoder and its method, and no others."""

import json
import shlex

import pytest

from avssl import evaluation
from avssl.config.reading import read
from avssl.evaluation.suggestions import DATA, ready_made, suggestions
from avssl.report import write_report

FIGURES = {"name": "Videos", "source": "demo:figures", "sampler": {"name": "Segments"}}


def run_of(folder, method="SimCLR", encoder="SmallNet", data=FIGURES, held_out=True, given=()):
    settings = {"method": {"name": method, "encoder": {"name": encoder}}, "data": data}
    (folder / "config.yaml").write_text(json.dumps(settings | ({"held_out": data} if held_out else {})))
    (folder / "inputs").mkdir()
    (folder / "inputs" / "given.json").write_text(json.dumps(given))
    return folder


def names(run):
    return {one.evaluator for one in suggestions(run)}


def test_configs_made_for_the_data_are_suggested_as_they_are(tmp_path):
    found = {one.evaluator: one.command for one in suggestions(run_of(tmp_path))}
    assert found["KeyPoints"] == f"python tools/eval_keypoints.py run={tmp_path}"
    assert {"Probes", "LabelPropagation", "Retrieval"} <= set(found)
    assert not {"Correspondence", "SoundProbe", "Recoloring", "Detection", "Classification"} & set(found)


def test_no_two_suggestions_read_alike(tmp_path):
    (tmp_path / "seen").mkdir(), (tmp_path / "heard").mkdir()
    seen = [one.asks for one in suggestions(run_of(tmp_path / "seen", given=["video"]))]
    band = {"name": "Videos", "source": "demo:band-easy", "sampler": {"name": "Segments"}}
    heard = [one.asks for one in suggestions(run_of(tmp_path / "heard", "AVE", data=band, given=["label", "sound"]))]
    assert "Carry the colours of first frames into grey ones" in seen
    assert "Find sounds by pictures and pictures by sounds" in heard and "Ask what is taken for alike" in heard
    assert len(set(seen)) == len(seen) and len(set(heard)) == len(heard)


def test_encoders_of_clips_are_asked_nothing_that_needs_pictures(tmp_path):
    found = {one.evaluator: one.command for one in suggestions(run_of(tmp_path, encoder="SmallClips"))}
    assert not {"Order", "LabelPropagation", "BoxTracking"} & set(found)
    assert "eval_attention_clips" in found["Attention"] and "evaluator.unit=clip" in found["Retrieval"]


def test_methods_of_sound_are_asked_what_they_can_answer(tmp_path):
    band = {"name": "Videos", "source": "demo:band-easy", "sampler": {"name": "Segments"}}
    (tmp_path / "a").mkdir(), (tmp_path / "b").mkdir()
    ave, colours = run_of(tmp_path / "a", "AVE", data=band), run_of(tmp_path / "b", "Colorization")
    assert {"Correspondence", "CrossModal", "Offsets", "SoundProbe"} <= names(ave) and "Localisation" not in names(ave)
    assert "Recoloring" in names(colours) and not {"Correspondence", "SoundProbe"} & names(colours)


def test_neighbours_that_were_looked_at_do_not_hide_retrieval_nor_the_reverse(tmp_path):
    run, tools = run_of(tmp_path), ("eval_retrieval", "eval_neighbours")
    for made, other in (tools, tools[::-1]):
        score = {"evaluator": "Retrieval", "name": made, "time": "2026-01-01T10:00:00+00:00", "title": "T"}
        (run / "scores.jsonl").write_text(json.dumps(score) + "\n")
        text = write_report(run, suggested=suggestions(run)).read_text()
        assert f"tools/{other}.py" in text and f"tools/{made}.py" not in text


@pytest.mark.parametrize(
    ("given", "held_out", "fit", "never"),
    [
        ([], True, {"Retrieval", "Attention"}, {"Probes", "KeyPoints", "Order"}),
        (["label"], True, {"Retrieval", "Attention", "Probes", "FineTune"}, {"KeyPoints", "Segmentation"}),
        (["label"], False, {"Retrieval", "Attention"}, {"Probes", "FineTune"}),
        (["keypoints", "video"], True, {"KeyPoints", "Order"}, {"Probes"}),
        (["mask"], True, {"Segmentation"}, {"Detection", "Probes"}),
    ],
)
def test_data_of_ones_own_are_asked_what_they_hold(tmp_path, given, held_out, fit, never):
    own = {"name": "Videos", "source": "my films", "split": None, "size": [36, 36], "sampler": {"name": "Segments"}}
    found = names(run_of(tmp_path, data=own, held_out=held_out, given=given))
    assert fit <= found and not never & found


def test_a_suggested_command_carries_the_data_of_the_run(tmp_path):
    own = {"name": "Videos", "source": "my films", "sampler": {"name": "Segments", "count": 5}, "backend": "auto"}
    found = {one.evaluator: one.command for one in suggestions(run_of(tmp_path, data=own, given=["label"]))}
    words = shlex.split(found["Probes"])[2:]
    settings = read("configs/eval_probe.yaml", words)
    assert settings["run"] == str(tmp_path)
    assert settings["evaluator"]["test"] == {key: value for key, value in own.items() if key != "backend"}
    assert settings["evaluator"]["layers"] == "all"


def test_the_page_names_what_was_not_asked_yet(tmp_path):
    run_of(tmp_path)
    score = {"evaluator": "KeyPoints", "time": "2026-01-01T10:00:00+00:00", "title": "T"}
    (tmp_path / "scores.jsonl").write_text(json.dumps(score) + "\n")
    text = write_report(tmp_path, suggested=suggestions(tmp_path)).read_text()
    assert "What fits to ask next" in text and "eval_probe.py" in text and "eval_keypoints.py" not in text


def test_a_run_whose_settings_cannot_be_read_is_suggested_nothing(tmp_path):
    (tmp_path / "config.yaml").write_text("- [")
    assert suggestions(tmp_path) == []
    (tmp_path / "config.yaml").write_text("method: 5\ndata: [1]")
    assert "KeyPoints" not in names(tmp_path)


def test_every_config_of_an_evaluation_is_known_with_its_tool_and_its_data():
    found = {config.stem: (tool, inner["evaluator"]) for tool, config, inner in ready_made()}
    assert found["eval_probe_fashion_mnist"][0] == "eval_probe" and found["eval_sound_probe"][0] == "eval_sound_probe"
    for name, (_, evaluator) in found.items():
        assert hasattr(evaluation, evaluator["name"]), name
        assert any(key in evaluator for key in (*DATA, "folds")), name


def test_the_map_of_features_is_suggested_last_with_the_extra_that_it_needs(tmp_path):
    run = run_of(tmp_path)
    score = {"evaluator": "KeyPoints", "name": "eval_keypoints", "time": "2026-01-01T10:00:00+00:00", "title": "T"}
    (run / "scores.jsonl").write_text(json.dumps(score) + "\n")
    last = suggestions(run)[-1]
    assert last.command == f"python tools/explore.py {tmp_path}"
    assert last.asks.startswith("See a run's features as a map, play its points (needs the extra explore")
    text = write_report(run, suggested=[last]).read_text()
    assert last.command in text and "pip install -e" in text and "explore.html" not in text


def test_the_path_of_a_run_that_looks_like_a_setting_or_has_blanks_is_given_as_one(tmp_path):
    (tmp_path / "a b=c").mkdir()
    command = suggestions(run_of(tmp_path / "a b=c"))[-1].command
    assert shlex.split(command)[2:] == [f"what={tmp_path}/a b=c"]
