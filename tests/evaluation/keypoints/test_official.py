"""The shipped protocols for FLIC, MPII and JHMDB run on trees in the official form."""

from dataclasses import replace
from pathlib import Path

import pytest

from avssl.config import plan, read
from avssl.config.build import build
from avssl.data import Persons
from avssl.data.sets import flic, jhmdb, mpii
from avssl.data.sets.fixtures import flic as flic_tree
from avssl.data.sets.fixtures import jhmdb as jhmdb_tree
from avssl.data.sets.fixtures import mpii as mpii_tree
from avssl.data.sets.preparing import prepare
from avssl.evaluation import KeyPoints
from avssl.evaluation.keypoints.heads import HeatMaps, Regression, Ridge
from avssl.nets import SmallNet

ROOT = Path(__file__).parents[3]
HEADS = [Ridge(), Regression(steps=2), HeatMaps(steps=2, width=4, flip=0.5, flip_test=True)]


def tree(tmp_path, write, reader, arguments=()):
    write(tmp_path)
    prepare(reader, "usage", ["--root", str(tmp_path), "--workers", "1", *arguments])
    return tmp_path


def judged(train, test, **settings):
    known = {"labels": ("all",), "draws": 1, "heads": HEADS, "shown": 1, "margin": 2, "quiet": True}
    return KeyPoints(train, test, **(known | settings))(SmallNet(width=4, dim=8))


def test_flic_is_judged_in_torsos_by_the_observers_naming(tmp_path):
    folder = tree(tmp_path, flic_tree.write, flic.read)
    sides = [Persons(folder, split, size=(68, 68), naming="observer") for split in ("train", "test")]
    scores = judged(*sides, protocol="flic-oc@0.2")
    assert "trained/heat maps/4/pck@0.2/torso" in scores.numbers and scores.protocol["protocol"] == "flic-oc@0.2"
    assert "upper pck@0.2" in scores.table[0] and scores.protocol["joints"].startswith("11 of 'flic'")


def test_mpii_is_judged_in_heads(tmp_path):
    folder = tree(tmp_path, mpii_tree.write, mpii.read)
    sides = [Persons(folder, split, size=(68, 68), crop="scale", on_bad="skip") for split in ("train", "val")]
    sides[0].people = sides[0].people * 3  # a fixture is small
    scores = judged(*sides, protocol="mpii-official")
    assert any(name.startswith("trained/heat maps/") and name.endswith("/pck@0.5/head") for name in scores.numbers)


@pytest.mark.parametrize("protocol", ["default", "jhmdb-crw"])
def test_jhmdb_is_judged_on_frames_of_videos(tmp_path, protocol):
    from avssl.data import Videos
    from avssl.sampling import Segments

    folder = tree(tmp_path, jhmdb_tree.write, jhmdb.export)
    sides = [Videos(folder, Segments(count=2), split, size=(68, 68)) for split in ("train1", "test1")]
    sides[0].recordings = sides[0].recordings * 2  # a fixture is small
    sides[0].recordings = [replace(one, group=str(place)) for place, one in enumerate(sides[0].recordings)]
    scores = judged(*sides, protocol=protocol, skeleton="jhmdb")
    assert scores.protocol["lost joints"] == ("left out" if protocol == "jhmdb-crw" else "wrong")


@pytest.mark.parametrize("name", ["flic", "mpii", "jhmdb"])
def test_the_shipped_settings_fit_the_evaluator(name):
    planned = plan("avssl.evaluation.running", "evaluate", read(ROOT / "configs" / f"eval_keypoints_{name}.yaml"))
    heads = build(planned.arguments["evaluator"].arguments["heads"], 0)
    assert [type(head) for head in heads] == [Ridge, Regression, HeatMaps]
