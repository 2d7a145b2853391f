"""Lengths that distances are divided by, worked out by hand."""

import numpy as np
import pytest

from avssl.data.sets.mpii_copies import head_size
from avssl.metrics.lengths import box_diagonals, box_sides, head_sizes, torsos

NOWHERE = [np.nan, np.nan]


def test_a_torso_goes_between_the_middles_of_two_groups():
    points = np.array([[[0, 0], [-3, 4], [3, 4]], [[0, 0], NOWHERE, [3, 4]]], float)
    np.testing.assert_array_equal(torsos(points, [0], [1, 2]), [4, np.nan])


def test_a_heads_size_is_as_the_reader_of_mpii_has_it():
    boxes = np.array([[10, 10, 40, 50], [0, 0, 0, 0]], float)
    found = head_sizes(boxes)
    assert found[0] == pytest.approx(30) and found[0] == pytest.approx(head_size(boxes[0])) and found[1] == 0


def test_boxes_hold_the_joints_that_count_and_have_a_place():
    points = np.array([[[0, 0], [3, 4], [100, 0], NOWHERE], [NOWHERE] * 4], float)
    counted = np.array([[True, True, False, True], [True] * 4])
    np.testing.assert_allclose(box_diagonals(points, counted), [3, np.nan])
    np.testing.assert_allclose(box_sides(points, counted), [4, np.nan])
    np.testing.assert_allclose(box_diagonals(points, counted, share=1.0), [5, np.nan])
