"""The table of the page: plain values, names for people, media by the number of a row."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from avssl.explore.media import Medium
from avssl.explore.tables import columns_of, further, html, label_of, placed
from avssl.features.search import Answers
from tests.explore.asking import rows_of


def medium(kind="film", path="a.mp4", start=1.0, end=2.5):
    return Medium(kind=kind, path=Path(path), start=start, end=end, item=0)


def test_each_row_has_its_class_by_name_its_cluster_and_words_to_search():
    rows = rows_of(["films/a.mp4", "films/b.mp4"], label=np.array([1, -1]), classes=("walk", "run"))
    found = columns_of(rows, [medium(), medium(path="b.mp4")], np.array([0, 11]))
    assert found["label"] == ["run", "none"] and found["cluster"] == ["cluster 00", "cluster 11"]
    assert found["about"] == ["a.mp4 · run", "b.mp4"] and found["path"] == ["films/a.mp4", "films/b.mp4"]
    assert {len(column) for column in found.values()} == {2}
    assert "cluster" not in columns_of(rows, [medium(), medium()])


def test_several_labels_are_named_and_those_to_be_ignored_are_not():
    rows = rows_of(["a", "b"], labels=np.array([[1, 0, 1], [0, np.nan, 0]]), classes=("dog", "rain", "wind"))
    assert [label_of(rows, row) for row in (0, 1)] == ["dog, wind", "none"]


def test_classes_without_names_are_numbers():
    assert label_of(rows_of(["a"], label=np.array([3])), 0) == "3"


@pytest.mark.parametrize(
    ("kind", "tag"), [("film", "video"), ("sound", "audio"), ("picture", "img"), ("drawn", "img"), ("nothing", "")]
)
def test_a_row_is_played_or_shown_by_its_number_alone(kind, tag):
    shown = html(7, medium(kind, path='"><script>.mp4'))
    assert shown.startswith(f'<{tag} src="/media/7' if tag else "") and "script" not in shown
    assert bool(shown) == (kind != "nothing")
    assert ("#t=1.000,2.500" in shown) == (kind in ("film", "sound"))


def test_a_part_begins_no_earlier_than_its_file():
    assert "#t=0.000,0.500" in html(0, medium(start=-0.5, end=0.5))


def test_names_that_are_not_utf_8_are_escaped():
    odd = "caf\udce9.wav"
    found = columns_of(rows_of([odd]), [medium(path=odd)])
    assert found["file"] == ["caf\\udce9.wav"] and "\\udce9" in found["path"][0] and "\\udce9" in found["group"][0]


def test_a_map_has_places_and_neighbours_by_row_with_distances():
    near = Answers(np.array([[1], [0]]), np.array([[0.25], [1.0000001]]))
    found = placed(np.array([[1, 2], [3, 4]], np.float32), near, "_other")
    assert set(found) == {"x_other", "y_other", "neighbors_other"}
    assert found["x_other"].tolist() == [1.0, 3.0] and found["y_other"].tolist() == [2.0, 4.0]
    assert found["neighbors_other"] == [{"ids": [1], "distances": [0.75]}, {"ids": [0], "distances": [0.0]}]


def test_further_columns_of_an_index_are_taken_over_unless_their_name_is_taken():
    table = pa.table(
        {
            "path": ["a"],
            "stream": ["sound"],
            "Label": ["mine"],
            "X": [1],
            "speed": [0.5],
            "Speed": [1.0],
            "raw": [b"\0"],
            "boxes": [[1, 2]],
        }
    )
    assert further(table, ["label", "file"]) == {"stream": ["sound"], "speed": [0.5]}


def test_pictures_have_no_start_and_no_end_to_be_shown():
    lasting = columns_of(rows_of(["a.mp4"], start=0.4, end=1.2), [medium()])
    assert lasting["start"] == [0.4] and lasting["end"] == [1.2]
    assert not {"start", "end"} & set(columns_of(rows_of(["a.png"]), [medium("picture", "a.png")]))
