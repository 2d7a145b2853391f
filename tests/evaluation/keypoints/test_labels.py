"""Draws of labels: nested, one picture of an item, spread over files and groups."""

import numpy as np
import torch

from avssl.evaluation.keypoints.labels import label_order
from avssl.evaluation.keypoints.people import People
from avssl.sampling import rng_for


def people(paths, groups=None, frames=2):
    count = len(paths) * frames
    return People(
        images=torch.zeros(count, 3, 4, 4, dtype=torch.uint8),
        points=np.zeros((count, 2, 2), np.float32),
        counted=np.ones((count, 2), bool),
        video=np.repeat(np.arange(len(paths)), frames),
        times=np.zeros(count),
        paths=tuple(paths),
        group=None if groups is None else np.repeat(groups, frames),
    )


def test_one_picture_of_each_item_is_labelled_and_draws_differ():
    some = people([f"{number}.mp4" for number in range(30)])
    one, same, other = label_order(some, 0, 0), label_order(some, 0, 0), label_order(some, 0, 1)
    assert np.array_equal(one, same) and not np.array_equal(one, other)
    assert sorted(some.video[one]) == list(range(30)) == sorted(some.video[other])
    assert len({int(row) % 2 for row in one}) == 2  # not always the first frame


def test_items_that_have_nothing_in_common_come_in_an_order_by_chance():
    some = people([f"{number}.mp4" for number in range(9)])
    rng = rng_for(3, epoch=2, sample=0)
    frames = np.array([2 * item + rng.integers(2) for item in range(9)])
    assert np.array_equal(label_order(some, 3, 2), frames[rng.permutation(9)])


def test_no_group_has_a_second_label_before_every_group_has_one():
    groups = np.array([0] * 20 + [1] * 3 + [2])
    some = people([f"{number}.jpg" for number in range(24)], groups, frames=1)
    for draw in range(5):
        drawn = groups[some.video[label_order(some, 0, draw)]]
        assert set(drawn[:3]) == {0, 1, 2} and sorted(drawn[3:7]) == [0, 0, 1, 1] and (drawn[7:] == 0).all()


def test_nobody_else_of_a_picture_is_labelled_before_every_picture_has_somebody():
    paths = [f"{number % 6}.jpg" for number in range(18)]
    some = people(paths, np.array([0, 0, 0, 0, 0, 1] * 3), frames=1)
    for draw in range(5):
        drawn = [paths[item] for item in some.video[label_order(some, 0, draw)]]
        assert len(set(drawn[:6])) == len(set(drawn[6:12])) == len(set(drawn[12:])) == 6
