"""The distance of poses: by hand, masked where joints are unlabelled, between the oracle and chance."""

import numpy as np
import pytest

from avssl.evaluation.keypoints.skeletons import FIGURE
from avssl.evaluation.retrieval import poses as module
from avssl.evaluation.retrieval.poses import compare_poses, mean_of, pose_distances

RNG = np.random.default_rng(0)
POSE = RNG.uniform(0, 30, (14, 2))


def slow(one, other):
    """Return the distance of two poses by the joints that both show."""
    both = np.isfinite(one).all(-1) & np.isfinite(other).all(-1)
    if both.sum() < 2:
        return np.nan
    moved = [side[both] - side[both].mean(0) for side in (one, other)]
    return np.linalg.norm(moved[0] - moved[1], axis=1).mean() / FIGURE.torso_length(one[None])[0]


def test_pose_distance_is_zero_for_the_same_pose_elsewhere_and_counts_in_torsos():
    changed = POSE.copy()
    changed[4] += [14, 0]  # one joint by 14 px: the middle moves by 1, so 13 + 13 * 1 in all
    torso = FIGURE.torso_length(POSE[None])[0]
    found = pose_distances(POSE[None], np.stack([POSE + np.array([3, -5]), changed]), FIGURE)
    np.testing.assert_allclose(found, [[0, 26 / 14 / torso]], atol=1e-12)


def test_unlabelled_joints_are_masked_as_a_slow_writing_says():
    ours, theirs = RNG.uniform(0, 30, (6, 14, 2)), RNG.uniform(0, 30, (9, 14, 2))
    free = [0, *range(2, 8), 9, 10, 12, 13]  # the torso stays
    for side in (ours, theirs):
        for pose in side:
            pose[RNG.choice(free, RNG.integers(0, 9), replace=False)] = np.nan
    theirs[0, 1:] = np.nan  # one joint is no pose
    found = pose_distances(ours, theirs, FIGURE)
    expected = [[slow(one, other) for other in theirs] for one in ours]
    np.testing.assert_allclose(found, expected, atol=1e-9)
    assert np.isnan(found[:, 0]).all() and np.isfinite(found[:, 1:]).all()


def test_a_query_without_a_torso_has_no_distance():
    query = POSE.copy()
    query[FIGURE.places(["neck"])] = np.nan
    assert np.isnan(pose_distances(query[None], POSE[None], FIGURE)).all()


@pytest.mark.parametrize("piece", [1, 4_000_000])
def test_answers_lie_between_the_oracle_and_chance_in_whatever_pieces(piece, monkeypatch):
    monkeypatch.setattr(module, "PIECE", piece)
    ours = RNG.uniform(0, 30, (7, 14, 2))
    names = np.arange(7) // 2, np.arange(7) // 2
    far = pose_distances(ours, ours, FIGURE)
    far[names[0][:, None] == names[1]] = np.nan
    nearest = np.argsort(far, axis=1)[:, :3]
    found = compare_poses(ours, ours, FIGURE, {"nearest": nearest, "any": (nearest + 1) % 7}, names)
    np.testing.assert_allclose(found.oracle, np.sort(far, axis=1)[:, :3])
    np.testing.assert_allclose(found.found["nearest"], found.oracle)
    np.testing.assert_allclose(found.chance, np.nanmean(far, axis=1))


def test_means_leave_out_what_is_unknown():
    np.testing.assert_array_equal(mean_of(np.array([[1, np.nan, 3], [np.nan] * 3])), [2, np.nan])


def test_joints_of_another_convention_are_told():
    with pytest.raises(ValueError, match="'figure' has 14 joints"):
        pose_distances(np.zeros((1, 5, 2)), np.zeros((1, 5, 2)), FIGURE)
