"""The configs that are shipped score an encoder on tiny trees of the official forms, and on the demo figures."""

from pathlib import Path

import pytest

from avssl.config import make, read
from avssl.data.demo import prepare
from avssl.data.sets import got10k, otb
from avssl.data.sets.fixtures import got10k as got10k_tree
from avssl.data.sets.fixtures import otb as otb_tree
from avssl.data.sets.manifests import write_manifest
from avssl.evaluation import Evaluator
from avssl.nets import MapNet

ROOT = Path(__file__).parents[3]
SMALL = {"quiet": True, "num_shown": 1, "initialisations": 1, "context": 2, "size": 16, "layer": "conv3"}


def scored(name, source, **settings):
    wanted = read(ROOT / "configs" / f"eval_tracking{name}.yaml")["evaluator"] | SMALL | settings
    wanted["data"] |= {"source": str(source)}
    if "pool" in wanted:
        wanted["pool"] |= {"source": str(source)}
    return make(wanted, Evaluator, "evaluator")(MapNet(dim=4, width=2)).numbers


@pytest.mark.parametrize(
    ("name", "tree", "read_tree"), [("_otb", otb_tree, otb.read), ("_got10k", got10k_tree, got10k.read)]
)
def test_a_config_scores_a_tiny_official_tree(name, tree, read_tree, tmp_path):
    tree.write(tmp_path)
    rows = [row for row in read_tree(tmp_path).rows if int(row["frames"]) < 10]
    write_manifest(rows, tmp_path, tmp_path)
    numbers = scored(name, tmp_path, short=48)
    for score in ("trained/otb:success", "trained masks/got10k:ao", "grey filter/otb:precision@20"):
        assert 0 <= numbers[score] <= 1


def test_the_config_follows_parts_of_figures(tmp_path):
    folder = prepare("figures", tmp_path, train=2, heldout=1, workers=1, progress=False)
    numbers = scored("", folder, size=36, masks=True)
    assert numbers["grey filter/success"] > numbers["still/success"] and "random masks/precision@4" in numbers
