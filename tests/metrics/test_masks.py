import math

import numpy as np
import pytest
from scipy import ndimage

from avssl.metrics.masks import boundary, contour, decay, jaccard, recall


def square(top=30, left=30, side=30, size=100):
    mask = np.zeros((size, size), bool)
    mask[top : top + side, left : left + side] = True
    return mask


def slow_contour(mask):
    """Write the boundary pixel by pixel, as the official ``_seg2bmap`` says in words."""
    height, width = mask.shape
    found = np.zeros_like(mask)
    for y in range(height):
        for x in range(width):
            beside = [(y, x + 1), (y + 1, x), (y + 1, x + 1)]
            inside = [(i, j) for i, j in beside if i < height and j < width]
            found[y, x] = any(mask[y, x] != mask[place] for place in inside)
    return found


def slow_f(found, truth):
    radius = math.ceil(0.008 * math.hypot(*truth.shape))
    steps = np.arange(-radius, radius + 1)
    disk = steps[:, None] ** 2 + steps**2 <= radius**2
    ours, theirs = slow_contour(found), slow_contour(truth)
    near_theirs, near_ours = (ndimage.binary_dilation(one, disk) for one in (theirs, ours))
    if not ours.any() and not theirs.any():
        return 1.0
    if not ours.any() or not theirs.any():
        return 0.0
    precision, recalled = (ours & near_theirs).sum() / ours.sum(), (theirs & near_ours).sum() / theirs.sum()
    return 0.0 if precision + recalled == 0 else 2 * precision * recalled / (precision + recalled)


def masks(rng, size):
    """Yield blobs, and masks that are empty, full, of one pixel, and noise."""
    noise = rng.random(size)
    yield ndimage.gaussian_filter(noise, 3) > 0.5
    yield np.zeros(size, bool)
    yield np.ones(size, bool)
    one = np.zeros(size, bool)
    one[rng.integers(size[0]), rng.integers(size[1])] = True
    yield one
    yield noise > 0.9


def test_known_values_of_a_square_that_moves():
    moved = [square(top=30 + by) for by in range(1, 5)]
    assert np.round([jaccard(one, square()) for one in moved], 4).tolist() == [0.9355, 0.875, 0.8182, 0.7647]
    assert np.round([boundary(one, square()) for one in moved], 4).tolist() == [1, 1, 0.5333, 0.5167]


def test_j_and_f_equal_an_independent_writing_on_over_a_hundred_masks():
    rng, pairs = np.random.default_rng(0), []
    for size in ((40, 60), (31, 17), (130, 20), (1, 9), (12, 1)):
        pairs += [(a, b) for a in masks(rng, size) for b in masks(rng, size)]
    assert len(pairs) > 100
    for found, truth in pairs:
        union = (found | truth).sum()
        assert abs(jaccard(found, truth) - ((found & truth).sum() / union if union else 1)) < 1e-12
        assert abs(boundary(found, truth) - slow_f(found, truth)) < 1e-12


def test_masks_of_many_frames_are_scored_at_once():
    rng = np.random.default_rng(1)
    found, truth = np.stack(list(masks(rng, (20, 30)))), np.stack(list(masks(rng, (20, 30))))
    assert boundary(found, truth).tolist() == [float(boundary(a, b)) for a, b in zip(found, truth, strict=True)]


def test_the_last_row_and_column_have_contours_along_themselves_alone():
    mask = np.zeros((3, 3), bool)
    mask[2, 1] = True
    assert contour(mask).tolist() == slow_contour(mask).tolist()
    assert contour(mask)[2].tolist() == [True, True, False]


def test_a_rectangle_at_480p_may_be_eight_pixels_off():
    mask = np.zeros((480, 854), bool)
    mask[100:300, 200:500] = True
    assert boundary(np.roll(mask, 8, 1), mask) == 1 and boundary(np.roll(mask, 9, 1), mask) < 0.7


def test_decay_is_right_for_videos_of_more_than_256_frames():
    assert [round(decay(np.linspace(1, 0, frames)), 4) for frames in (100, 300, 400)] == [0.7475, 0.7492, 0.7494]
    assert decay(np.ones(1)) == 0 and np.isnan(decay(np.full(5, np.nan)))


def test_one_frame_that_does_not_count_spoils_neither_recall_nor_decay():
    values = np.array([1, np.nan, 0.4, 0.6])
    assert recall(values) == pytest.approx(2 / 3) and np.isfinite(decay(values))


def test_masks_of_other_sizes_are_refused():
    with pytest.raises(ValueError, match=r"need one shape .*\(4, 5\) and \(5, 4\)"):
        jaccard(np.zeros((4, 5)), np.zeros((5, 4)))
