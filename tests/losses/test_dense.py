"""Pairs of cells and dense losses against loops in plain Python, closed forms, and what must not change them."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from avssl.losses import cell_places, dense_contrast, info_nce, most_similar, near_pairs, pixel_consistency


def rows(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def cosine(one, other):
    dot = sum(a * b for a, b in zip(one.tolist(), other.tolist(), strict=True))
    return dot / math.sqrt(sum(a * a for a in one.tolist()) * sum(b * b for b in other.tolist()))


def windows(*boxes):
    return torch.tensor(boxes)


def still(count=1):
    return torch.zeros(count, dtype=torch.bool)


def place(box, flipped, shape, row, column):
    """Return y and x of a cell's middle in the picture."""
    top, left, height, width = box
    if flipped:
        column = shape[1] - 1 - column
    return top + (row + 0.5) * height / shape[0], left + (column + 0.5) * width / shape[1]


def slow_ratio(first, second):
    """Return distances of cells over the larger diagonal, cell by cell, of one picture."""
    sides = [(box[2] / shape[0], box[3] / shape[1]) for box, _, shape in (first, second)]
    diagonal = max(math.hypot(*side) for side in sides)
    cells = [
        [place(*view, row, column) for row in range(view[2][0]) for column in range(view[2][1])]
        for view in (first, second)
    ]
    return [[math.dist(one, other) / diagonal for other in cells[1]] for one in cells[0]]


box = st.tuples(st.integers(0, 20), st.integers(0, 20), st.integers(4, 40), st.integers(4, 40))
shape = st.tuples(st.integers(1, 4), st.integers(1, 4))
view = st.tuples(box, st.booleans(), shape)


@settings(max_examples=60, deadline=None)
@given(first=view, second=view, near=st.floats(0.2, 2.0))
def test_pairs_of_cells_are_those_of_a_slow_writing(first, second, near):
    found = near_pairs(
        *[(windows(each[0]), torch.tensor([each[1]]), each[2]) for each in (first, second)],
        near,
    )[0]
    for one, line in enumerate(slow_ratio(first, second)):
        for other, ratio in enumerate(line):
            if abs(ratio - near) > 1e-4:  # at the threshold itself rounding decides
                assert found[one, other] == (ratio < near)


def test_equal_views_pair_each_square_cell_with_itself_alone():
    view = windows((3, 5, 21, 21), (0, 0, 28, 28)), still(2), (7, 7)
    assert near_pairs(view, view).equal(torch.eye(49, dtype=torch.bool).expand(2, -1, -1))
    assert near_pairs(view, view, near=0.71).sum() > 2 * 49  # neighbours begin at 1 / sqrt(2)


@settings(max_examples=30, deadline=None)
@given(one=box, other=box, mirrored=st.booleans())
def test_the_mirrored_twin_has_the_pairs_of_the_plain_one_with_its_columns_turned_round(one, other, mirrored):
    first, boxes = (windows(one), still(), (3, 4)), windows(other)
    plain, turned = (near_pairs(first, (boxes, torch.tensor([way]), (3, 4))) for way in (mirrored, not mirrored))
    assert turned.unflatten(2, (3, 4)).flip(-1).flatten(2).equal(plain)


def test_places_are_in_pixels_of_the_picture_and_a_mirrored_view_starts_at_its_right():
    places, diagonal = cell_places(windows((10, 20, 4, 8), (10, 20, 4, 8)), torch.tensor([False, True]), (1, 2))
    assert places.tolist() == [[[12, 22], [12, 26]], [[12, 26], [12, 22]]]
    assert diagonal.tolist() == pytest.approx([math.sqrt(32)] * 2)


def test_the_consistency_is_the_mean_cosine_over_an_items_pairs():
    first, second, pairs = rows(3, 4, 5), rows(3, 6, 5, seed=1), rows(3, 4, 6, seed=2) > 0.5
    pairs[1] = False
    wanted = []
    for item in range(3):
        places = [(i, j) for i in range(4) for j in range(6) if pairs[item, i, j]]
        total = sum(cosine(first[item, i], second[item, j]) for i, j in places)
        wanted.append(-2 * total / max(1, len(places)))
    assert pixel_consistency(first, second, pairs).tolist() == pytest.approx(wanted)


def test_equal_views_of_equal_cells_are_at_minus_two_and_views_apart_at_zero_without_gradient():
    view, far = (windows((0, 0, 8, 8)), still(), (2, 2)), (windows((40, 40, 8, 8)), still(), (2, 2))
    cells = rows(1, 4, 3).requires_grad_()
    assert pixel_consistency(cells, 3 * cells, near_pairs(view, view)).item() == pytest.approx(-2)
    loss = pixel_consistency(cells, rows(1, 4, 3, seed=1), near_pairs(view, far))
    loss.sum().backward()
    assert loss.item() == 0 and cells.grad is not None and not cells.grad.any()


def test_no_gradient_reaches_the_targets():
    cells, targets = rows(1, 2, 3).requires_grad_(), rows(1, 2, 3, seed=1).requires_grad_()
    pixel_consistency(cells, targets, torch.ones(1, 2, 2, dtype=torch.bool)).sum().backward()
    assert targets.grad is None and cells.grad is not None and cells.grad.any()


def test_the_most_similar_cell_is_that_of_a_slow_writing_and_lengths_do_not_matter():
    cells, others = rows(3, 4, 5), rows(3, 6, 5, seed=1)
    wanted = [
        [max(range(6), key=lambda j: cosine(cells[item, i], others[item, j])) for i in range(4)] for item in range(3)
    ]
    assert most_similar(cells, others).tolist() == wanted
    assert most_similar(cells, others * rows(3, 6, 1, seed=2).abs()).tolist() == wanted


def test_a_dense_contrast_is_info_nce_cell_by_cell():
    queries, keys, negatives = rows(3, 4, 5), rows(3, 4, 5, seed=1), rows(6, 5, seed=2)
    counts = rows(3, 6, seed=3) > 0
    found, right = dense_contrast(queries, keys, negatives, 0.3, counts)
    for item in range(3):
        each = [
            info_nce(queries[item, i][None], keys[item, i][None], 0.3, negatives, counts=counts[item][None]).item()
            for i in range(4)
        ]
        assert found[item].item() == pytest.approx(sum(each) / 4)
        told = [
            all(
                cosine(queries[item, i], keys[item, i]) > cosine(queries[item, i], negatives[k])
                for k in range(6)
                if counts[item, k]
            )
            for i in range(4)
        ]
        assert right[item].item() == pytest.approx(sum(told) / 4)


def test_orthogonal_rows_are_at_the_log_of_all_candidates_and_an_empty_queue_at_zero():
    eye = torch.eye(8)
    queries, keys = eye[None, :1].clone().requires_grad_(), eye[None, 1:2]
    some = torch.tensor([[True] * 4 + [False] * 2])
    loss, right = dense_contrast(queries, keys, eye[2:], 0.2, some)
    assert loss.item() == pytest.approx(math.log(5)) and right == 0  # a tie is not told
    loss = dense_contrast(queries, keys, torch.zeros(6, 8), 0.2, torch.zeros_like(some))[0]
    loss.sum().backward()
    assert loss.item() == 0 and queries.grad is not None and not queries.grad.any()


def test_shapes_that_do_not_fit_are_said_in_one_line():
    with pytest.raises(ValueError, match="cells cannot be"):
        pixel_consistency(rows(1, 2, 3), rows(1, 4, 3), torch.ones(1, 2, 2, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"needs queries and keys \(N, cells, dim\)"):
        dense_contrast(rows(1, 2, 3), rows(1, 2, 3), rows(4, 3), 0.2, torch.ones(1, 3, dtype=torch.bool))
