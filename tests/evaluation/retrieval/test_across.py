"""Retrieval between two folders of features: pairs and classes, both ways, beside chance."""

import csv
import json

import numpy as np
import pytest

from avssl.config import ConfigError
from avssl.evaluation.retrieval.across import compare_features
from avssl.features.files import write_features
from tests.evaluation.retrieval.worlds import rows

CHANCE = np.random.default_rng(0)
PICTURES = CHANCE.normal(size=(20, 6)).astype(np.float32)
SOUNDS = PICTURES + 0.05 * CHANCE.normal(size=(20, 6)).astype(np.float32)


@pytest.fixture
def folders(tmp_path):
    for name, features, ending in (("pictures", PICTURES, "jpg"), ("sounds", SOUNDS, "wav")):
        about = rows(np.arange(20) % 4, path=[f"{number}.{ending}" for number in range(20)])
        write_features(tmp_path / name, {"output": features}, about)
    return tmp_path


def test_pairs_are_found_both_ways(folders, capsys):
    scores = compare_features(folders / "pictures", folders / "sounds", ks=(1, 5), out=folders / "found")
    for way in ("queries → gallery", "gallery → queries"):
        assert scores.numbers[f"{way}/features/R@1"] == 1.0 and scores.numbers[f"{way}/features/median rank"] == 1
        assert scores.numbers[f"{way}/chance/R@1"] == pytest.approx(1 / 20)
        assert scores.numbers[f"{way}/chance/median rank"] == 10
    printed = capsys.readouterr().out
    assert "queries → gallery" in printed and "chance" in printed
    assert json.loads((folders / "found" / "scores.json").read_text())["numbers"] == scores.numbers
    with open(folders / "found" / "items.csv", newline="") as file:
        items = list(csv.DictReader(file))
    assert len(items) == 40 and items[0]["path"] == "0.jpg" and items[20]["path"] == "0.wav"


def test_the_same_class_is_right_in_another_modality(folders):
    scores = compare_features(folders / "pictures", folders / "sounds", relevant="label", ks=(1,))
    assert scores.numbers["queries → gallery/features/R@1"] == 1.0  # its own pair
    assert scores.numbers["queries → gallery/chance/R@1"] == pytest.approx(5 / 20)


def test_within_a_modality_the_own_item_does_not_answer(folders):
    scores = compare_features(folders / "sounds", relevant="label", exclude="item", ks=(1,))
    assert scores.numbers["queries → gallery/chance/R@1"] == pytest.approx(4 / 19)
    assert not any(name.startswith("gallery → queries") for name in scores.numbers)


def test_features_in_no_common_space_are_at_chance(tmp_path):
    rng = np.random.default_rng(2)
    for name in ("ones", "others"):
        write_features(tmp_path / name, {"output": rng.normal(size=(400, 6))}, rows([-1] * 400))
    numbers = compare_features(tmp_path / "ones", tmp_path / "others", ks=(10,)).numbers
    assert numbers["queries → gallery/features/R@10"] == pytest.approx(10 / 400, abs=0.03)
    chance = numbers["queries → gallery/chance/median rank"]
    assert numbers["queries → gallery/features/median rank"] == pytest.approx(chance, rel=0.2)


def test_pairs_of_strange_names_are_told(folders):
    about = rows([0] * 20, path=[f"{19 - number}.wav" for number in range(20)])
    write_features(folders / "sounds", {"output": SOUNDS}, about)
    scores = compare_features(folders / "pictures", folders / "sounds", ks=(1,))
    assert "20 of 20 pairs differ in the names of their files" in " ".join(scores.notes)


def test_what_cannot_be_compared_is_told(folders):
    with pytest.raises(ConfigError, match="relevant: pair needs a gallery"):
        compare_features(folders / "pictures")
    with pytest.raises(ConfigError, match="ks: 30 answers are asked for, but a query has only 20 of 20"):
        compare_features(folders / "pictures", folders / "sounds", ks=(30,))
    write_features(folders / "sounds", {"output": SOUNDS[:, :4]}, rows([-1] * 20))
    with pytest.raises(ConfigError, match="queries have 6 numbers, the gallery 4"):
        compare_features(folders / "pictures", folders / "sounds")
    odd = PICTURES.copy()
    odd[3] = np.nan
    write_features(folders / "pictures", {"output": odd}, rows([-1] * 20))
    with pytest.raises(ConfigError, match=r"1 of 20 rows are not finite \(first: row 3\)"):
        compare_features(folders / "pictures", folders / "sounds")
