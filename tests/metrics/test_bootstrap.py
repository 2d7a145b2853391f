"""Differences are taken in pairs, and their intervals behave."""

import numpy as np
import pytest

from avssl.metrics import pck
from avssl.metrics.bootstrap import paired_difference


def rows(draws=3, pictures=40, joints=4, gain=0.2):
    rng = np.random.default_rng(0)
    chance = rng.random((draws, pictures, joints))
    return (chance < 0.5 + gain).astype(float), (chance < 0.5).astype(float), np.arange(pictures) // 4


def test_the_mean_and_the_standard_error_are_those_of_the_draws():
    ours, theirs, video = rows()
    each = [pck.mean(a) - pck.mean(b) for a, b in zip(ours, theirs, strict=True)]
    found = paired_difference(ours, theirs, video)
    assert found.mean == pytest.approx(np.mean(each))
    assert found.error == pytest.approx(np.std(each, ddof=1) / np.sqrt(3))
    assert found.draws == 3 and found.low < found.mean < found.high


def test_joints_that_do_not_count_are_left_out_of_both():
    ours, theirs, video = rows(draws=1)
    ours[0, :20, 0] = np.nan
    found = paired_difference(ours, theirs, video)
    kept = np.where(np.isnan(ours[0]), np.nan, theirs[0])
    assert found.mean == pytest.approx(pck.mean(ours[0]) - pck.mean(kept))


def test_equal_rows_differ_by_nothing_and_swapped_rows_by_the_opposite():
    ours, theirs, video = rows()
    same = paired_difference(ours, ours, video)
    assert same.mean == same.error == same.low == same.high == 0
    there, back = paired_difference(ours, theirs, video), paired_difference(theirs, ours, video)
    assert there.mean == -back.mean and there.low == pytest.approx(-back.high)


def test_one_draw_has_an_interval_but_no_standard_error():
    ours, theirs, video = rows(draws=1)
    found = paired_difference(ours, theirs, video)
    assert np.isnan(found.error) and found.low < found.high


def test_few_videos_make_the_interval_wider_than_many():
    ours, theirs, video = rows(pictures=80)
    few, many = paired_difference(ours, theirs, video // 10), paired_difference(ours, theirs, np.arange(80))
    assert few.high - few.low > 0 and many.high - many.low > 0
    assert paired_difference(ours, theirs, video) == paired_difference(ours, theirs, video)


def test_arrays_that_do_not_fit_are_refused():
    ours, theirs, video = rows()
    with pytest.raises(ValueError, match=r"needs two arrays \(runs, items, columns\)"):
        paired_difference(ours, theirs[:2], video)
