"""Average precision of boxes: hand-made cases, a slow second writing, scikit-learn, and the kit's conventions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import precision_recall_curve

from avssl.metrics import boxes
from avssl.metrics.boxes import Found, Truth

OBJECT = [0.0, 0.0, 10.0, 10.0]
HALF = [0.0, 0.0, 10.0, 5.0]  # overlaps OBJECT by exactly 0.5
AWAY = [50.0, 50.0, 60.0, 60.0]


def found(*rows):
    """Rows of picture, score, box; all of class 0."""
    return Found(
        picture=np.array([row[0] for row in rows], np.int64),
        kind=np.zeros(len(rows), np.int64),
        score=np.array([row[1] for row in rows], float),
        box=np.array([row[2] for row in rows], float).reshape(-1, 4),
    )


def truth(*rows, ignored=()):
    return Truth(
        picture=np.array([row[0] for row in rows], np.int64),
        kind=np.zeros(len(rows), np.int64),
        box=np.array([row[1] for row in rows], float).reshape(-1, 4),
        ignored=np.array([number in ignored for number in range(len(rows))], bool),
    )


def ap(boxes_found, objects, **settings):
    return boxes.average_precision(boxes_found, objects, 0, **settings)


def test_the_overlap_of_edges_and_of_the_kits_pixels():
    assert boxes.overlap(np.array([OBJECT]), np.array([HALF, AWAY, OBJECT])).tolist() == [[0.5, 0.0, 1.0]]
    pixel = np.array([[3.0, 3.0, 3.0, 3.0]])  # one pixel, named first and last
    assert boxes.overlap(pixel, pixel, "devkit").tolist() == [[1.0]]
    assert boxes.overlap(pixel, pixel).tolist() == [[0.0]]  # as edges it is empty


def test_a_box_that_touches_the_threshold_is_right_by_the_kit_and_wrong_by_the_strict_comparison():
    assert ap(found((0, 1, HALF)), truth((0, OBJECT))) == 1.0
    assert ap(found((0, 1, HALF)), truth((0, OBJECT)), comparison=">") == 0.0


def test_each_object_is_found_once_and_by_the_surest():
    judged = boxes.match_boxes(found((0, 0.5, OBJECT), (0, 0.9, HALF), (0, 0.1, OBJECT)), truth((0, OBJECT)), 0)
    assert judged.score.tolist() == [0.9, 0.5, 0.1]
    assert judged.right.tolist() == [1.0, 0.0, 0.0]


def test_a_second_box_on_a_taken_object_may_not_fall_back_on_another():
    near = [0.0, 0.0, 10.0, 9.0]
    judged = boxes.match_boxes(found((0, 0.9, OBJECT), (0, 0.8, OBJECT)), truth((0, OBJECT), (0, near)), 0)
    assert judged.right.tolist() == [1.0, 0.0]


def test_an_ignored_object_counts_neither_found_nor_missed():
    objects = truth((0, OBJECT), (1, OBJECT), ignored=(0,))
    assert ap(found((0, 0.9, OBJECT), (0, 0.8, OBJECT), (1, 0.7, OBJECT)), objects) == 1.0
    assert ap(found((1, 0.7, OBJECT)), objects) == 1.0
    assert np.isnan(ap(found((0, 0.9, OBJECT)), truth((0, OBJECT), ignored=(0,))))


def test_a_box_in_another_picture_finds_nothing():
    assert ap(found((1, 0.9, OBJECT)), truth((0, OBJECT))) == 0.0


def test_no_box_at_all_scores_nothing():
    assert ap(found(), truth((0, OBJECT))) == 0.0
    assert ap(found(), truth((0, OBJECT)), points="11 points") == 0.0


def test_area_and_eleven_points_of_a_curve_made_by_hand():
    # right, wrong, right of two objects: recall 0.5, 0.5, 1 and precision 1, 1/2, 2/3
    rows = found((0, 0.9, OBJECT), (0, 0.8, AWAY), (1, 0.7, OBJECT))
    objects = truth((0, OBJECT), (1, OBJECT))
    assert ap(rows, objects) == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    assert ap(rows, objects, points="11 points") == pytest.approx((6 * 1 + 5 * 2 / 3) / 11)


def test_three_of_ten_objects_reach_the_recall_of_three_tenths():
    """In floating point 3 * 0.1 is above 3 / 10, and the point would be lost."""
    rows = found(*[(picture, 1 - picture / 100, OBJECT) for picture in range(3)])
    objects = truth(*[(picture, OBJECT) for picture in range(10)])
    assert ap(rows, objects, points="11 points") == pytest.approx(4 / 11)


@st.composite
def worlds(draw):
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    many, objects = draw(st.integers(1, 25)), draw(st.integers(1, 8))
    corner = rng.integers(0, 6, (many + objects, 2))
    every = np.concatenate([corner, corner + rng.integers(1, 6, (many + objects, 2))], 1).astype(float)
    rows = found(*zip(rng.integers(0, 3, many), rng.permutation(many) / many, every[:many], strict=True))
    return rows, truth(*zip(rng.integers(0, 3, objects), every[many:], strict=True), ignored=(int(rng.integers(0, 9)),))


def slowly(rows, objects, points):
    """The kit's loop, one box at a time, and precision as the best at each recall or beyond."""
    order = np.argsort(-rows.score, kind="stable")
    taken, hits, misses, curve = set(), 0, 0, []
    for one in order:
        best, which = -1.0, None
        for other in range(len(objects.kind)):
            if objects.picture[other] == rows.picture[one]:
                share = boxes.overlap(rows.box[[one]], objects.box[[other]])[0, 0]
                if share > best:
                    best, which = share, other
        if which is not None and best >= 0.5 and objects.ignored[which]:
            continue
        if which is not None and best >= 0.5 and which not in taken:
            taken.add(which)
            hits += 1
        else:
            misses += 1
        curve.append((hits, hits / (hits + misses)))
    total = (~objects.ignored).sum()
    if points == "11 points":
        tops = [max([p for r, p in curve if r * 10 >= t * total], default=0.0) for t in range(11)]
        return sum(tops) / 11
    tops = [max([p for r, p in curve if r >= hit], default=0.0) for hit in range(1, total + 1)]
    return sum(tops) / total


@settings(max_examples=60, deadline=None)
@given(worlds())
def test_the_fast_writing_equals_the_slow_one(world):
    rows, objects = world
    if objects.ignored.all():
        return
    for points in ("area", "11 points"):
        assert ap(rows, objects, points=points) == pytest.approx(slowly(rows, objects, points))


@settings(max_examples=30, deadline=None)
@given(worlds())
def test_the_curve_equals_that_of_scikit_learn_where_every_object_is_found(world):
    rows, objects = world
    judged = boxes.match_boxes(rows, objects, 0)
    counted = ~np.isnan(judged.right)
    hits = int(np.nansum(judged.right))
    if not hits:
        return
    recall, precision = boxes.curve(judged, hits)
    theirs, reached, _ = precision_recall_curve(judged.right[counted], judged.score[counted])
    # theirs runs from low scores to high, and ends with a made-up point; all scores differ here
    last = len(theirs) - 1
    assert precision[:last] == pytest.approx(theirs[:-1][::-1][: len(precision)])
    assert recall[:last] == pytest.approx(reached[:-1][::-1][: len(recall)])


@settings(max_examples=30, deadline=None)
@given(worlds())
def test_the_kits_widths_on_pixels_equal_plain_widths_on_edges(world):
    rows, objects = world
    if objects.ignored.all():
        return
    pixels = np.array([1, 1, 0, 0])  # edges 0, 10 are the pixels 1 to 10
    shifted = Found(picture=rows.picture, kind=rows.kind, score=rows.score, box=rows.box + pixels)
    named = Truth(picture=objects.picture, kind=objects.kind, box=objects.box + pixels, ignored=objects.ignored)
    assert ap(shifted, named, convention="devkit") == ap(rows, objects)


def test_the_mean_leaves_out_classes_without_objects_and_takes_every_threshold():
    rows, objects = found((0, 0.9, HALF)), truth((0, OBJECT))
    assert boxes.mean_average_precision(rows, objects, classes=3) == 1.0
    assert boxes.mean_average_precision(rows, objects, classes=3, thresholds=(0.5, 0.75)) == 0.5
    with pytest.raises(ValueError, match="no object counts: there is none, or all are to be ignored"):
        boxes.mean_average_precision(rows, truth(), classes=1)


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        (lambda: boxes.overlap(np.zeros(4), np.zeros((1, 4))), r"boxes must be \(boxes, 4\)"),
        (lambda: boxes.overlap(np.zeros((1, 4)), np.zeros((1, 4)), "coco"), "convention must be 'edges' or 'devkit'"),
        (lambda: boxes.area_of(np.ones(1), np.ones(1), "101"), "points must be 'area' or '11 points'"),
        (lambda: ap(found(), truth((0, OBJECT)), comparison="=="), "comparison must be '>=' or '>'"),
    ],
)
def test_what_is_not_defined_is_refused(call, complaint):
    with pytest.raises(ValueError, match=complaint):
        call()
