"""The configs that are shipped score an encoder on tiny trees of the official forms, and on the demo figures."""

from pathlib import Path

import pytest

from avssl.config import make, read
from avssl.data.demo import prepare
from avssl.data.sets import davis, jhmdb, vip
from avssl.data.sets.fixtures import davis as davis_tree
from avssl.data.sets.fixtures import jhmdb as jhmdb_tree
from avssl.data.sets.fixtures import vip as vip_tree
from avssl.data.sets.manifests import write_manifest
from avssl.evaluation import Evaluator
from avssl.nets import MapNet

ROOT = Path(__file__).parents[3]
SMALL = {"quiet": True, "num_shown": 1, "initialisations": 1, "short": 48, "windows": [4], "radius": 12, "context": 2}


def scored(name, source, **settings):
    wanted = (
        read(ROOT / "configs" / f"eval_propagation{name}.yaml")["evaluator"] | SMALL | {"layer": "conv3"} | settings
    )
    wanted["data"] |= {"source": str(source)}
    if "pool" in wanted:
        wanted["pool"] |= {"source": str(source)}
    return make(wanted, Evaluator, "evaluator")(MapNet(dim=4, width=2))


@pytest.mark.parametrize(
    ("name", "tree", "read_tree", "number"),
    [
        ("_davis", davis_tree, davis.read, "trained/j&f"),
        ("_vip", vip_tree, vip.read, "trained/miou"),
        ("_jhmdb", jhmdb_tree, jhmdb.export, "trained/jhmdb-crw:pck@0.5"),
    ],
)
def test_a_config_scores_a_tiny_official_tree(name, tree, read_tree, number, tmp_path):
    tree.write(tmp_path / "tree")
    write_manifest(read_tree(tmp_path / "tree").rows, tmp_path / "tree", tmp_path / "tree")
    results = {"results": str(tmp_path / "results")} if name == "_davis" else {}
    scores = scored(name, tmp_path / "tree", **results)
    assert 0 <= scores.numbers[number] <= 1 and number.replace("trained", "copy") in scores.numbers
    if results:
        found = sorted(path.relative_to(tmp_path / "results").as_posix() for path in tmp_path.rglob("trained/*/*.png"))
        assert found[0] == "results/trained/bike-packing/00000.png".removeprefix("results/") and len(found) == 4 + 2 + 1
        assert any("fewer than three frames" in note for note in scores.notes)


@pytest.mark.parametrize("name", ["", "_mocap"])
def test_a_config_scores_rendered_people(name, tmp_path):
    folder = prepare("figures", tmp_path, train=2, heldout=1, workers=1, progress=False)
    scores = scored(name, folder, radius=20)
    assert {"copy/pck@0.1", "random/pck@0.1 16+"} <= set(scores.numbers) and ("trained/j" in scores.numbers) == (
        not name
    )
