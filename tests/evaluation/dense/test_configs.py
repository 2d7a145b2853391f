"""The configs that run here judge an encoder on real files of the demo worlds."""

from pathlib import Path

import pytest

from avssl.config import make, read
from avssl.data.demo import prepare
from avssl.evaluation import Evaluator
from avssl.nets import SmallNet

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(("name", "world"), [("segmentation", "stills"), ("detection", "crowd"), ("normals", "solids")])
def test_a_shipped_config_judges_an_encoder(name, world, tmp_path):
    folder = prepare(world, tmp_path, train=6, heldout=1, workers=1, progress=False)
    settings = read(ROOT / "configs" / f"eval_{name}.yaml")["evaluator"] | {"quiet": True, "num_shown": 1, "seeds": 1}
    settings |= {"pictures": 5, "fitting": settings["fitting"] | {"steps": 2, "batch": 2}}
    for side in ("train", "test"):
        assert settings[side]["source"] == f"demo:{world}"
        settings[side]["source"] = str(folder)
    scores = make(settings, Evaluator, "evaluator")(SmallNet(width=4, dim=8))
    assert scores.protocol["truth"] == "exact" and len(scores.table) >= 5
    assert all(value == value for key, value in scores.numbers.items() if not key.endswith("/error"))
