"""Retrieval of a world whose classes are colours: what can be found, what cannot, what is told."""

import numpy as np
import pytest
import torch

from avssl.config import ConfigError
from avssl.data import Dataset
from avssl.evaluation import Retrieval
from avssl.evaluation.feature_files import write_features
from avssl.evaluation.keypoints.skeletons import FIGURE
from avssl.evaluation.retrieval.across import compare_features
from avssl.evaluation.retrieval.nearest import pose_distance_of
from avssl.nets import SmallNet
from tests.evaluation.retrieval.test_judging import rows
from tests.evaluation.worlds import Dots


class Colors(Dataset):
    """Two clips of two frames an item in the colour of its class, up to noise; without the cue colours are random."""

    classes = ("red", "green", "blue")

    def __init__(self, count=12, seed=0, cue=True, labels=True):
        self.count, self.seed, self.cue, self.labels, self.looks = count, seed, cue, labels, 0

    def __len__(self):
        return self.count

    def __getitem__(self, key):
        index = key[1] if isinstance(key, tuple) else key
        self.looks += 1
        rng = np.random.default_rng((self.seed, index))
        frames = rng.integers(0, 60, (2, 2, 3, 16, 16))
        frames[:, :, index % 3 if self.cue else int(rng.integers(3))] += 150
        return {
            "frames": torch.from_numpy(frames.astype(np.uint8)),
            "times": torch.arange(4, dtype=torch.float64).view(2, 2),
            "valid": torch.ones(2, 2, dtype=torch.bool),
            "label": index % 3 if self.labels else -1,
            "path": f"{self.seed}-{index}.mp4",
        }


def retrieved(queries, gallery=None, **settings):
    known = {"ks": (1, 5), "initialisations": 2, "shown": 2, "quiet": True}
    return Retrieval(queries, gallery, **(known | settings))(SmallNet(width=4, dim=8))


def test_colours_are_found_by_pixels_and_chance_is_as_it_should_be():
    scores = retrieved(Colors(), Colors(30, seed=1), exclude="none")
    assert scores.numbers["pixels/R@1"] == 1.0 and scores.numbers["pixels/mAP"] > 0.99
    assert scores.numbers["chance/R@1"] == pytest.approx(1 / 3)
    assert [row["row"] for row in scores.table] == ["chance", "random", "trained", "pixels", "hog"]
    assert set(scores.pictures) == {"gallery", "hits_by_k"} and len(scores.tables["items"]) == 12
    assert [row["class"] for row in scores.tables["classes"]] == ["red", "green", "blue"]


def test_without_a_cue_everything_is_at_chance():
    scores = retrieved(Colors(60, cue=False), Colors(60, seed=1, cue=False), exclude="none")
    for row in ("random", "trained", "pixels"):
        assert scores.numbers[f"{row}/mAP"] == pytest.approx(scores.numbers["chance/mAP"], abs=0.05)


@pytest.mark.parametrize(("unit", "count"), [("item", 12), ("clip", 24), ("frame", 48)])
def test_units_are_items_clips_and_frames_and_own_videos_do_not_answer(unit, count):
    scores = retrieved(Colors(), unit=unit, ks=(1,))
    assert scores.protocol["queries"] == count
    assert all(item["path"] != item["pixels/first answer"] for item in scores.tables["items"])


def test_patches_of_frames_ask_and_answer():
    scores = retrieved(Colors(6), unit="frame", patch=(8, 8), ks=(1,))
    assert scores.protocol["unit"] == "patch" and scores.protocol["queries"] == 6 * 4 * 4


def test_the_data_are_read_once_for_all_rows_beside_the_pool_and_the_picture():
    queries = Colors(30)
    retrieved(queries, shown=1)
    assert queries.looks <= 30 + 30 + 1 + 5 * 5


def test_the_pose_of_neighbours_is_told_where_joints_are_known():
    scores = retrieved(Dots(6), unit="frame", ks=(1, 5))
    far = {row: scores.numbers[f"{row}/pose distance@5/torso"] for row in ("chance", "random", "trained", "pixels")}
    assert all(0 <= value < 1 for value in far.values()) and "pose@5" in scores.table[0]


def test_poses_are_compared_by_the_joints_that_both_show():
    pose = np.random.default_rng(0).normal(size=(14, 2)) * 10
    partly = pose.copy()
    partly[0] = np.nan
    gallery = np.stack([pose + 7, partly - 3, pose * 2])
    far = pose_distance_of(pose[None], gallery, np.array([[0, 1, 2]]), FIGURE)[0]
    assert far[:2] == pytest.approx([0, 0], abs=1e-12) and far[2] > 0.1
    spread = np.linalg.norm(pose - pose.mean(0), axis=1).mean() / FIGURE.torso_length(pose[None])[0]
    assert far[2] == pytest.approx(spread)


@pytest.mark.parametrize(
    ("data", "settings", "complaint"),
    [
        (Colors(labels=False), {}, "relevant: label needs classes"),
        (Colors(4), {"ks": (1, 5)}, "5 answers are asked for, but a query has only 3"),
    ],
)
def test_what_cannot_be_asked_is_told(data, settings, complaint):
    with pytest.raises(ConfigError, match=complaint):
        retrieved(data, **settings)


def test_an_unknown_layer_is_told():
    with pytest.raises(ConfigError, match="has no layer 'conv9'"):
        retrieved(Colors(), layer="conv9")


def test_two_folders_of_features_are_compared_both_ways(tmp_path, capsys):
    chance = np.random.default_rng(0)
    pictures = chance.normal(size=(20, 6)).astype(np.float32)
    sounds = pictures + 0.05 * chance.normal(size=(20, 6)).astype(np.float32)
    for name, features in (("pictures", pictures), ("sounds", sounds)):
        write_features(tmp_path / name, {"output": features}, rows([-1] * 20))
    found = compare_features(tmp_path / "pictures", tmp_path / "sounds", ks=(1, 5))
    assert found["queries → gallery"]["R@1"] == found["gallery → queries"]["R@1"] == 1.0
    assert found["queries → gallery"]["median rank"] == 1.0
    assert found["chance, queries → gallery"]["R@1"] == pytest.approx(1 / 20)
    assert "median rank" in capsys.readouterr().out
    pictures[3] = np.nan
    write_features(tmp_path / "pictures", {"output": pictures}, rows([-1] * 20))
    with pytest.raises(ConfigError, match=r"1 of 20 rows are not finite \(first: row 3\)"):
        compare_features(tmp_path / "pictures", tmp_path / "sounds")
