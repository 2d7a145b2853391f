"""Retrieval of a world whose classes are colours: what can be found, what cannot, what is told."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from avssl.config import ConfigError, make, read
from avssl.data.demo import prepare
from avssl.evaluation import Evaluator, Retrieval
from avssl.nets import SmallNet, SmallSound
from tests.evaluation.retrieval.worlds import Colors, Tones
from tests.evaluation.worlds import Dots, Planted

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def the_same_initial_weights():
    torch.manual_seed(0)


def retrieved(queries, gallery=None, encoder=None, **settings):
    known = {"ks": (1, 5), "initialisations": 2, "num_shown": 1, "quiet": True}
    return Retrieval(queries, gallery, **(known | settings))(encoder or SmallNet(width=4, dim=8))


def test_colours_are_found_by_pixels_and_chance_is_as_it_should_be():
    scores = retrieved(Colors(), Colors(30, seed=1), exclude="none")
    assert scores.numbers["pixels/R@1"] == 1.0 and scores.numbers["pixels/mAP"] > 0.99
    assert scores.numbers["pixels/median rank"] == 1.0 and scores.numbers["pixels/recall@5"] == 0.5
    assert scores.numbers["chance/R@1"] == pytest.approx(1 / 3)
    assert [row["row"] for row in scores.table] == ["chance", "random", "trained", "pixels", "hog"]
    assert scores.table[3]["mAP"] == "100.0" and "±" in scores.table[1]["R@1"]
    assert set(scores.pictures) == {"gallery", "hits_by_k"}
    assert [row["class"] for row in scores.tables["classes"]] == ["red", "green", "blue"]
    items, neighbours = list(scores.tables["items"]), list(scores.tables["neighbours"])
    assert len(items) == 12 and {item["pixels/first rank"] for item in items} == {1}
    assert len(neighbours) == 12 * 4 * 5
    assert all(one["right"] == 1 for one in neighbours if one["row"] == "pixels")
    json.dumps(scores.protocol)


def test_without_a_cue_everything_is_at_chance():
    scores = retrieved(Colors(60, cue=False), Colors(60, seed=1, cue=False), exclude="none")
    for row in ("random", "trained", "pixels"):
        assert scores.numbers[f"{row}/mAP"] == pytest.approx(scores.numbers["chance/mAP"], abs=0.05)


def test_the_gain_over_random_is_paired_and_has_an_interval():
    numbers = retrieved(Colors(18)).numbers
    for name in ("R@1", "mAP"):
        gain = numbers[f"pixels-random/{name}"]
        assert gain == pytest.approx(numbers[f"pixels/{name}"] - numbers[f"random/{name}"])
        assert numbers[f"pixels-random/{name}/low"] <= gain <= numbers[f"pixels-random/{name}/high"]


def test_several_labels_an_item_are_found_as_one_is():
    encoder = SmallNet(width=4, dim=8)
    one, several = (retrieved(Colors(several=several), encoder=encoder) for several in (False, True))
    assert several.numbers == pytest.approx(one.numbers, nan_ok=True)
    assert several.tables["classes"] == one.tables["classes"]


@pytest.mark.parametrize(("unit", "count"), [("item", 12), ("clip", 24), ("frame", 48)])
def test_units_are_items_clips_and_frames_and_own_videos_do_not_answer(unit, count):
    scores = retrieved(Colors(), unit=unit, ks=(1,))
    assert scores.protocol["queries"] == count
    assert all(one["path"] != one["query path"] for one in scores.tables["neighbours"])


def test_patches_of_frames_ask_and_answer():
    scores = retrieved(Colors(6), unit="frame", patch=(8, 8), ks=(1,))
    assert scores.protocol["unit"] == "patch" and scores.protocol["queries"] == 6 * 4 * 4
    assert all("box" in one for one in scores.tables["neighbours"])


def test_sounds_are_found_beside_their_statistics():
    scores = retrieved(Tones(), stream="sound", unit="clip", encoder=SmallSound(widths=(4, 4, 4, 4)))
    assert [row["row"] for row in scores.table] == ["chance", "random", "trained", "log-mel"]
    assert scores.numbers["log-mel/R@1"] == 1.0 and scores.protocol["queries"] == 16
    with pytest.raises(ConfigError, match="has no sound"):
        retrieved(Colors(), stream="sound", encoder=SmallSound(widths=(4, 4, 4, 4)))


def test_whole_or_not_and_either_engine_hits_are_the_same():
    encoder = SmallNet(width=4, dim=8)
    whole = retrieved(Colors(40), ks=(1, 3), encoder=encoder).numbers
    for engine in ("torch", "auto"):
        few = retrieved(Colors(40), ks=(1, 3), encoder=encoder, whole=False, engine=engine).numbers
        assert few["trained/R@3"] == whole["trained/R@3"] and "trained/mAP" not in few


def test_the_data_are_read_once_for_all_rows_beside_the_pool_and_the_picture():
    queries = Colors(30)
    retrieved(queries, num_shown=1)
    assert queries.looks <= 30 + 30 + 1 + 5 * 5


def test_features_are_kept_and_not_read_again(tmp_path):
    class Files(Colors):
        def fingerprint(self, index):
            return f"the same {index}"

    queries, encoder = Files(30), SmallNet(width=4, dim=8)
    evaluator = Retrieval(queries, ks=(1,), initialisations=1, num_shown=1, quiet=True)
    first = evaluator(encoder, folder=tmp_path)
    queries.looks = 0
    assert evaluator(encoder, folder=tmp_path).numbers == pytest.approx(first.numbers, nan_ok=True)
    assert queries.looks <= 30 + 1 + 5 * 5  # the pool and the picture


def test_the_pose_of_neighbours_lies_between_the_oracle_and_chance():
    scores = retrieved(Dots(6), unit="frame", ks=(1, 5))
    far = {row["row"]: scores.numbers[f"{row['row']}/pose distance@5/torso"] for row in scores.table}
    assert list(far) == ["chance", "random", "trained", "pixels", "hog", "oracle"]
    assert far["oracle"] == min(far.values()) < far["chance"]
    assert scores.numbers["oracle/share of the way from chance to oracle@5"] == 1.0
    assert "pose@5" in scores.table[0] and "way to oracle" in scores.table[0]
    assert all(one["pose distance"] >= 0 for one in scores.tables["neighbours"])


def test_an_encoder_that_reveals_the_joints_finds_nearer_poses_than_chance():
    scores = retrieved(Dots(12), unit="frame", crop=16, relevant=None, exclude="path", ks=(3,), encoder=Planted())
    assert scores.numbers["trained/share of the way from chance to oracle@3"] > 0.6
    assert scores.numbers["oracle/pose distance@3/torso"] < 0.9 * scores.numbers["chance/pose distance@3/torso"]
    assert set(scores.pictures) == {"gallery"} and set(scores.tables) == {"items", "neighbours"}


def test_videos_that_nothing_is_known_of_are_shown_with_their_neighbours_and_not_scored():
    class Unknown(Colors):
        def __getitem__(self, key):
            return super().__getitem__(key) | {"label": -1}

    scores = retrieved(Unknown(12), relevant=None, exclude="path", ks=(2,))
    assert "neighbours to look at" in scores.title and "Nothing in these data tells what is right" in scores.notes[0]
    assert {row["row"]: row["as pixels@2"][:5] for row in scores.table}["pixels"] == "100.0"
    assert scores.numbers["chance/as pixels@2"] == pytest.approx(2 / 11)
    assert scores.pictures["gallery"].size[0] > 100 and len(list(scores.tables["neighbours"])) == 12 * 4 * 2


def test_poses_alone_need_no_labels_and_go_to_a_folder_of_their_own():
    assert Retrieval(Dots(2), relevant=None).name == "eval_neighbours"
    assert Retrieval(Dots(2)).name == "eval_retrieval"


def test_joints_that_nobody_labelled_are_left_out():
    class Partly(Dots):
        def __getitem__(self, key):
            item = super().__getitem__(key)
            points = torch.as_tensor(item["keypoints"]).clone()
            points[..., 0, :] = torch.nan
            return item | {"keypoints": points}

    encoder = SmallNet(width=4, dim=8)
    whole, partly = (retrieved(data, unit="frame", encoder=encoder).numbers for data in (Dots(6), Partly(6)))
    assert np.isfinite(partly["trained/pose distance@5/torso"])
    assert partly["chance/pose distance@5/torso"] == pytest.approx(whole["chance/pose distance@5/torso"], rel=0.1)


def test_queries_with_nothing_to_find_and_classes_without_queries_are_told():
    scores = retrieved(Colors(4), ks=(1,))  # red, green, blue, red: green and blue are alone
    assert "2 of 4 queries have nothing right in the gallery" in " ".join(scores.notes)
    classes = list(scores.tables["classes"])
    assert [row["queries"] for row in classes] == [2, 1, 1] and classes[1]["trained/R@1"] == ""
    lone = retrieved(Colors(1), Colors(6, seed=1), exclude="none", ks=(1,))
    assert "2 classes of the gallery have no query: 'green', 'blue'" in " ".join(lone.notes)


@pytest.mark.parametrize(
    ("data", "settings", "complaint"),
    [
        (Colors(labels=False), {}, "relevant: label needs classes"),
        (Colors(4), {"ks": (1, 5)}, "ks: 5 answers are asked for, but a query has only 3 of 4"),
        (Colors(), {"layer": "conv9"}, "has no layer 'conv9'"),
    ],
)
def test_what_cannot_be_asked_is_told(data, settings, complaint):
    with pytest.raises(ConfigError, match=complaint):
        retrieved(data, **settings)


def test_numbers_below_one_are_refused():
    with pytest.raises(ValueError, match=r"ks, initialisations and num_shown start at 1; got \[0\], 3, 6"):
        Retrieval(Colors(), ks=(0,))


@pytest.mark.parametrize("name", ["eval_retrieval", "eval_neighbours"])
def test_shipped_configs_judge_an_encoder_on_real_video_files(name, tmp_path):
    settings = read(ROOT / "configs" / f"{name}.yaml")["evaluator"]
    settings["queries"]["source"] = str(prepare(root=tmp_path, train=1, heldout=6, workers=1, progress=False))
    scores = make(settings | {"quiet": True, "num_shown": 1}, Evaluator, "evaluator")(SmallNet(width=4, dim=8))
    assert scores.protocol["queries"] == 72 and scores.protocol["crop"] == 32
    assert 0 < scores.numbers["trained/pose distance@5/torso"] < 1


@pytest.mark.parametrize("name", ["ucf101", "hmdb51"])
def test_the_official_protocols_are_as_published(name):
    config = read(ROOT / "configs" / f"eval_retrieval_{name}.yaml")["evaluator"]
    for side, split in (("queries", "test1"), ("gallery", "train1")):
        assert config[side]["sampler"] == {"name": "UniformClips", "frames": 16, "count": 10}
        assert config[side]["split"] == split and config[side]["size"] == [128, 171]
    assert (config["crop"], config["ks"], config["unit"]) == (112, [1, 5, 10, 20, 50], "item")
    assert (config["centre"], config["exclude"]) == ("none", "none")
