"""The shipped protocols for FLIC, MPII and JHMDB run end to end on trees in the official form."""

from pathlib import Path

import pytest

from avssl.config import make, plan, read
from avssl.data.sets import flic, jhmdb, mpii
from avssl.data.sets.fixtures import flic as flic_tree
from avssl.data.sets.fixtures import jhmdb as jhmdb_tree
from avssl.data.sets.fixtures import mpii as mpii_tree
from avssl.data.sets.prepare import prepare
from avssl.evaluation import Evaluator
from avssl.nets import SmallNet

ROOT = Path(__file__).parents[3]
TREES = {
    "flic": (flic_tree.write, flic.read),
    "mpii": (mpii_tree.write, mpii.read),
    "jhmdb": (jhmdb_tree.write, jhmdb.export),
}


def shipped(name):
    return read(ROOT / "configs" / f"eval_keypoints_{name}.yaml")["evaluator"]


def judged(name, root, several=1, **settings):
    """Judge by a shipped config with tiny fits; training people count several times where a fixture is small."""
    write, reader = TREES[name]
    write(root)
    prepare(reader, "usage", ["--root", str(root), "--workers", "1"])
    known = shipped(name)
    for part in ("train", "test"):
        known[part] |= {"source": str(root), "size": [68, 68]} | settings.pop(part, {})
    for head in known["heads"][1:]:
        head |= {"steps": 2, "epochs": 0, "batch": 4} | ({"width": 4} if head["name"] == "HeatMaps" else {})
    known |= {"labels": ["all"], "draws": 1, "num_shown": 1, "margin": 2, "quiet": True} | settings
    evaluator = make(known, Evaluator, "evaluator")
    items = "people" if name != "jhmdb" else "recordings"
    setattr(evaluator.train, items, list(getattr(evaluator.train, items)) * several)
    evaluator.train.bad.files = [(paths * several, kinds) for paths, kinds in evaluator.train.bad.files]
    return evaluator(SmallNet(width=4, dim=8))


def test_flic_is_judged_in_torsos_by_the_observers_naming(tmp_path):
    scores = judged("flic", tmp_path)
    assert "trained/heat maps/4/flic-oc@0.2:pck@0.2/torso" in scores.numbers
    assert "full pck@0.2" in scores.table[0] and scores.protocol["joints"].startswith("11 of 'flic'")
    heads = scores.protocol["heads"]
    assert set(heads) == {"ridge", "fine-tuned", "heat maps"} and heads["heat maps"]["stride"] == (2.0, 2.0)


def test_the_protocol_of_shuffle_and_learn_takes_seven_joints_from_crops_around_the_true_ones(tmp_path):
    around = {"crop": "joints", "skeleton": "flic7", "context": 1.9}
    scores = judged("flic", tmp_path, protocol="shuffle-and-learn", train=around, test=around)
    assert "trained/fine-tuned/4/shuffle-and-learn:pck@0.5/torso" in scores.numbers
    assert scores.protocol["joints"].startswith("7 of 'flic7'")


def test_mpii_is_judged_in_heads(tmp_path):
    scores = judged("mpii", tmp_path, several=3)
    (name,) = {name for name in scores.numbers if name.startswith("trained/heat maps/") and "upper" in name}
    assert name.endswith("/mpii-official:upper pck@0.5/head")


@pytest.mark.parametrize("protocol", ["default", "jhmdb-crw"])
def test_jhmdb_is_judged_on_frames_of_videos(tmp_path, protocol):
    scores = judged("jhmdb", tmp_path, several=2, protocol=protocol)
    assert scores.protocol["lost joints"] == ("left out" if protocol == "jhmdb-crw" else "wrong")


@pytest.mark.parametrize("name", TREES)
def test_the_shipped_settings_are_those_of_the_papers(name):
    plan("avssl.evaluation.runner", "evaluate", read(ROOT / "configs" / f"eval_keypoints_{name}.yaml"))
    settings = shipped(name)
    seen = [side - 2 * settings["margin"] for side in settings["train"]["size"]]
    assert seen == ([240, 320] if name == "jhmdb" else [256, 256])
    assert settings["train"]["size"] == settings["test"]["size"]
    assert [head["name"] for head in settings["heads"]] == ["Ridge", "Regression", "HeatMaps"]
    maps = settings["heads"][2]
    assert (maps["epochs"], maps["batch"], maps["lr"], maps["schedule"]) == (140, 128, 1e-3, "drops")
