"""Classes under one numbering: names decide, numbers only where nobody has names."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avssl.config import ConfigError
from avssl.features.alignment import align_classes, align_rows, check_common
from tests.evaluation.retrieval.worlds import rows

SIDES = ["training", "test"]
NAMES = st.lists(st.sampled_from("abcdef"), unique=True, min_size=1).map(tuple)


def aligned(*sides):
    return align_rows([replace(rows(label, **about), classes=names) for names, label, about in sides], SIDES)


@given(NAMES, NAMES)
def test_every_row_keeps_the_name_of_its_class(ours, theirs):
    sides = aligned((ours, range(len(ours)), {}), (theirs, range(len(theirs)), {}))
    for side, names in zip(sides, (ours, theirs), strict=True):
        assert tuple(side.classes[label] for label in side.label) == names
    assert sides[0].classes == sides[1].classes and set(sides[0].classes) == {*ours, *theirs}
    assert sides[0].label.tolist() == list(range(len(ours)))  # the first side's numbers stay


def test_columns_of_tables_go_where_their_names_are():
    about = {"labels": [[1, np.nan]]}
    first, second = aligned((("cat", "dog"), [-1], about), (("dog", "ape"), [-1], about))
    assert first.classes == ("cat", "dog", "ape")
    np.testing.assert_array_equal(first.labels, [[1, np.nan, 0]])
    np.testing.assert_array_equal(second.labels, [[0, 1, np.nan]])


def test_rows_without_a_class_stay_without_one():
    first, second = aligned((("a",), [-1, 0], {}), (("b", "a"), [1, -1], {}))
    assert first.label.tolist() == [-1, 0] and second.label.tolist() == [0, -1]


def test_bare_numbers_are_matched_as_numbers_and_by_names_that_are_numbers():
    first, second = aligned(((), [0, 4], {}), ((), [7, 4], {}))
    assert first.label.tolist() == [0, 4] and second.label.tolist() == [7, 4]
    first, second = aligned(((), [0, 4], {}), (("4", "9"), [0, 1], {}))
    assert second.label[0] == 4 and first.classes[second.label[1]] == "9"
    first, second = aligned((("a", "b"), [0, 1], {}), ((), [-1, -1], {}))  # no label, no number
    assert second.label.tolist() == [-1, -1]


@pytest.mark.parametrize(
    ("names", "used", "complaint"),
    [
        (
            [("cat", "dog"), ()],
            [[0, 1], [0, 1]],
            r"test data are numbers without names \('0', '1'\), those of the train",
        ),
        ([("cat", "cat"), ("cat",)], [[0], [0]], "the training data name the class 'cat' twice"),
        ([("cat",), ("cat",)], [[0], [0, 3]], "the test data name 1 classes, but labels go up to 3; name all"),
    ],
)
def test_what_cannot_be_matched_is_told(names, used, complaint):
    with pytest.raises(ConfigError, match=complaint):
        align_classes(names, [np.array(one) for one in used], SIDES)


def test_sides_without_a_common_class_are_told_and_long_lists_are_cut():
    names = [f"c{number}" for number in range(12)]
    first = np.arange(12) < 10
    with pytest.raises(ConfigError, match=r"no class in common .*'c7' and 2 more; 'c10', 'c11'"):
        check_common(first, ~first, names, ("training", "the test"))
    check_common(first, np.arange(12) > 8, names, ("training", "the test"))
