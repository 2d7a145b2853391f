import numpy as np
import pytest

from avssl.data.sets.coordinates import (
    boxes_from_inclusive,
    boxes_from_torchvision,
    boxes_to_torchvision,
    index_from_matlab,
    points_from_matlab,
)


def test_the_first_pixel_of_matlab_is_our_nought_and_unknown_stays_unknown():
    np.testing.assert_array_equal(points_from_matlab([[1, 1], [np.nan, 3]]), [[0, 0], [np.nan, 2]])


def test_whole_numbers_of_any_kind_do_not_wrap_round():
    np.testing.assert_array_equal(points_from_matlab(np.array([[0, 200]], np.uint8)), [[-1, 199]])


def test_an_inclusive_box_covers_exactly_its_pixels():
    picture = np.zeros((6, 8), bool)
    picture[2:5, 3:7] = True  # rows 3..5 and columns 4..7, counted from 1
    x1, y1, x2, y2 = boxes_from_inclusive([4, 3, 7, 5])
    assert (x2 - x1) * (y2 - y1) == picture.sum()
    y, x = np.mgrid[:6, :8]
    np.testing.assert_array_equal((x > x1) & (x < x2) & (y > y1) & (y < y2), picture)


def test_an_inclusive_box_that_counts_from_nought_is_one_pixel_further():
    np.testing.assert_array_equal(boxes_from_inclusive([3, 2, 6, 4], first=0), boxes_from_inclusive([4, 3, 7, 5]))


def test_boxes_go_to_torchvision_and_back():
    boxes = np.array([[-0.5, -0.5, 3.5, 2.5], [1.0, 1.0, 2.0, 2.0]])
    np.testing.assert_array_equal(boxes_to_torchvision(boxes)[0], [0, 0, 4, 3])
    np.testing.assert_array_equal(boxes_from_torchvision(boxes_to_torchvision(boxes)), boxes)


def test_numbers_that_cannot_have_counted_from_one_are_refused():
    np.testing.assert_array_equal(index_from_matlab([[1], [2]]), [0, 1])
    with pytest.raises(ValueError, match="got 0"):
        index_from_matlab([3, 0])
    with pytest.raises(ValueError, match=r"got 1\.5"):
        index_from_matlab([1.5])
