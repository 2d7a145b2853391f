"""Fine-tuning learns what can be learned, the same for every row, and leaves the encoder as it was."""

import numpy as np
import pytest
import torch

from avssl.config import ConfigError
from avssl.evaluation import FineTune
from avssl.evaluation.probes.tuning import Tuning
from avssl.features.cache import digest
from avssl.nets import SmallNet
from avssl.transforms import Crop, GainOffset
from tests.evaluation.probes.worlds import Tagged
from tests.evaluation.retrieval.worlds import Colors


@pytest.fixture(autouse=True)
def the_same_initial_weights_in_every_run():
    torch.manual_seed(0)


def tuned(train, test, **settings):
    known = {"steps": 40, "batch": 16, "draws": 2, "lr": 3e-3, "head_lr": 1e-2, "quiet": True}
    return FineTune(train, test, **(known | settings))


def test_colours_are_learned_by_every_row_and_the_encoder_is_left_as_it_was():
    encoder = SmallNet(width=4, dim=8).eval()
    before = digest(encoder)
    views = [Crop(12), GainOffset(0.1, 0.05)]
    scores = tuned(Colors(30), Colors(12, seed=1), views=views, shots=["all", 3])(encoder)
    assert digest(encoder) == before
    for row in ("random", "trained"):
        assert scores.numbers[f"{row}/fine-tuned/all/accuracy"] > 0.9
    assert scores.numbers["chance/accuracy"] == pytest.approx(1 / 3)
    assert [row["labels"] for row in scores.table] == ["all", "all", "3", "3", "none"]


def test_without_a_cue_nothing_is_learned():
    scores = tuned(Colors(60, cue=False), Colors(90, seed=1, cue=False))(SmallNet(width=4, dim=8))
    assert scores.numbers["trained/fine-tuned/all/accuracy"] == pytest.approx(1 / 3, abs=0.15)


def test_several_labels_are_learned_too():
    scores = tuned(Tagged(60), Tagged(24, seed=1), draws=1)(SmallNet(width=4, dim=8))
    assert scores.numbers["trained/fine-tuned/all/mAP (area)"] > scores.numbers["chance/mAP (area)"] + 0.3


def test_a_frozen_encoder_and_the_same_seed_give_the_same_scores():
    encoder, fresh = SmallNet(width=4, dim=8).eval(), lambda seed: SmallNet(width=4, dim=8)
    one, other = (tuned(Colors(12), Colors(6, seed=1), freeze=True, draws=1, steps=5)(encoder, fresh) for _ in range(2))
    name = "trained/fine-tuned/all/accuracy"
    assert one.numbers[name] == other.numbers[name]


def test_what_was_learned_is_kept(tmp_path):
    encoder = SmallNet(width=4, dim=8).eval()
    evaluator = tuned(Colors(12), Colors(6, seed=1), draws=1, steps=3)
    first = evaluator(encoder, None, tmp_path)
    files = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    again = evaluator(encoder, None, tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == files and len(files) == 2
    np.testing.assert_equal(dict(first.numbers), dict(again.numbers))


def test_other_processes_find_the_same_to_the_bit_and_save_it(tmp_path, monkeypatch):
    encoder, settings = SmallNet(width=2, dim=8).eval(), {"draws": 1, "steps": 3, "batch": 4, "save": True}
    data = Colors(12), Colors(6, seed=1)
    tuned(*data, **settings, workers=0)(encoder, folder=tmp_path / "alone" / "kept")
    monkeypatch.setattr(Tuning, "_learn", None)  # of this process: it does none of the work
    tuned(*data, **settings, workers=1)(encoder, folder=tmp_path / "beside" / "kept")
    alone, beside = (
        {path.name: path.read_bytes() for path in (tmp_path / where).rglob("*") if path.is_file()}
        for where in ("alone", "beside")
    )
    assert len(alone) == 3 and beside == alone  # what both rows found, and the classifier


def test_leaks_and_settings_that_cannot_be_are_refused():
    with pytest.raises(ConfigError, match=r"groups .* are in training and in test"):
        tuned(Colors(12), Colors(12))(SmallNet(width=4))
    with pytest.raises(ValueError, match="needs draws, steps"):
        tuned(Colors(12), Colors(12, seed=1), steps=0)
