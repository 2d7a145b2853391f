"""Nearest neighbours: never the query's own video, and as near in pose as hand-made cases say."""

import numpy as np
import pytest

from avssl.config import ConfigError
from avssl.evaluation import Neighbours
from avssl.evaluation.keypoints.people import gather
from avssl.evaluation.keypoints.skeletons import FIGURE
from avssl.evaluation.retrieval.nearest import nearest, other_video, pose_distances
from avssl.nets import SmallNet
from tests.evaluation.worlds import Dots, Planted


def evaluator(**settings):
    return Neighbours(**({"queries": Dots(12), "k": 3, "shown": 2, "quiet": True} | settings))


def test_neighbours_are_those_of_highest_cosine_best_first():
    gallery = np.array([[1, 0], [0, 1], [-1, 0], [0, -1]], np.float32)  # its mean is 0
    queries = np.array([[2, 1]], np.float32)
    everyone = np.ones((1, 4), bool)
    assert nearest(queries, gallery, everyone, 3).tolist() == [[0, 1, 3]]
    everyone[0, 0] = False
    assert nearest(queries, gallery, everyone, 2).tolist() == [[1, 3]]


def test_no_neighbour_comes_from_the_querys_own_video():
    people = gather(Dots(4, frames=3), "query", quiet=True)
    allowed = other_video(people, people)
    assert (allowed == (people.video[:, None] != people.video[None])).all() and allowed.sum(1).tolist() == [9] * 12


def test_the_same_video_is_known_by_its_path_in_another_data_set():
    queries, gallery = gather(Dots(2), "query", quiet=True), gather(Dots(5), "gallery", quiet=True)
    assert other_video(queries, gallery).sum(1).tolist() == [8] * 4


def test_pose_distance_is_zero_for_the_same_pose_elsewhere_and_counts_in_torsos():
    pose = np.random.default_rng(0).uniform(0, 30, (1, 14, 2))
    moved, changed = pose + np.array([3, -5]), pose.copy()
    changed[0, 4] += [14, 0]  # one joint by 14 px: the middle moves by 1, so 13 + 13 * 1 in all
    torso = FIGURE.torso_length(pose)[0]
    found = pose_distances(pose, np.concatenate([moved, changed]), FIGURE)
    np.testing.assert_allclose(found, [[0, 26 / 14 / torso]], atol=1e-12)


def test_rows_lie_between_the_oracle_and_chance_and_the_random_row_is_there():
    scores = evaluator()(SmallNet(width=4, dim=8))
    assert [row["row"] for row in scores.table] == ["oracle", "trained", "random", "pixels", "chance"]
    numbers = {row["row"]: scores.numbers[f"{row['row']}/pose distance@3/torso"] for row in scores.table}
    assert numbers["oracle"] == min(numbers.values()) and numbers["oracle"] < 0.9 * numbers["chance"]
    assert len(scores.tables["items"]) == 24 and set(scores.pictures) == {"neighbours"}


def test_an_encoder_that_reveals_the_joints_finds_nearer_poses_than_chance():
    numbers = evaluator()(Planted()).numbers
    assert numbers["trained/share of the way from chance to oracle"] > 0.6


def test_a_gallery_of_its_own_is_searched():
    scores = evaluator(gallery=Dots(6, seed=2))(SmallNet(width=4, dim=8))
    assert scores.protocol["gallery videos"] == 6 and scores.protocol["query videos"] == 12


def test_more_neighbours_than_pictures_are_one_clear_line():
    with pytest.raises(ConfigError, match=r"k=30 neighbours are asked for, but a query has only 22 pictures"):
        evaluator(k=30)(SmallNet(width=4, dim=8))


def test_numbers_below_one_are_refused():
    with pytest.raises(ValueError, match="k, initialisations and shown must be at least 1; got 0, 3, 2"):
        evaluator(k=0)
