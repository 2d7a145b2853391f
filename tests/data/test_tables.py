"""Manifests as people have them: blanks, encodings, quotes and rows that do not fit are read right or named."""

import re

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from pyarrow import parquet

from avssl.data import Scenes, Stills, find_recordings
from avssl.data.persons import Persons
from avssl.files import FileError

HEAD = "path,label\n"


def read(folder, content, name="m.csv"):
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return find_recordings(folder / name)


def labels(folder, content):
    found, classes = read(folder, content)
    return [classes[one.label] if classes else one.label for one in found]


def test_blanks_around_cells_and_headers_do_not_count(tmp_path):
    text = 'path , label , split\na.mp4, cat ,train\nb.mp4,cat\t,train \n"c, c.mp4", "dog",  train\n'
    found, classes = read(tmp_path, text)
    assert classes == ["cat", "dog"] and [one.label for one in found] == [0, 0, 1]
    assert found[2].path == tmp_path / "c, c.mp4"
    assert len(find_recordings(tmp_path / "m.csv", "train")[0]) == 3


@pytest.mark.parametrize(
    ("cells", "right"),
    [
        (["1", "2"], [1, 2]),
        (["01", "1"], ["01", "1"]),
        (["01", "02"], ["01", "02"]),
        (["1", "1.0"], ["1", "1.0"]),
        (["1", "+1"], ["1", "+1"]),
        (["-1", "3"], [-1, 3]),
        (["-2", "3"], ["-2", "3"]),
        (["12345678901234567890", "3"], ["12345678901234567890", "3"]),
        (["٣", "3"], ["٣", "3"]),
    ],
)
def test_labels_that_are_written_apart_stay_apart(tmp_path, cells, right):
    assert labels(tmp_path, HEAD + "".join(f"{number}.mp4,{cell}\n" for number, cell in enumerate(cells))) == right


def test_several_labels_may_have_blanks_and_bars_around(tmp_path):
    found, classes = read(tmp_path, "path,labels\na.jpg,dog  |  cat |\nb.jpg, ? dog\n")
    assert classes == ["cat", "dog"] and found[0].labels == (1, 1) and found[1].labels[0] == 0


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_texts_with_a_mark_are_read_in_their_encoding(tmp_path, encoding, end):
    assert labels(tmp_path, f"path,label{end}é.mp4,Käse{end}".encode(encoding)) == ["Käse"]


def test_signs_that_part_lines_in_some_programs_belong_to_cells(tmp_path):
    found, _ = read(tmp_path, "path\na\u2028b\x0bc\x85.mp4\n")
    assert [one.path.name for one in found] == ["a\u2028b\x0bc\x85.mp4"]


def test_cells_may_be_long_and_hold_commas_quotes_and_line_breaks(tmp_path):
    long = "x" * 200_000
    found, _ = read(tmp_path, f'path,group\n"a, ""b""\nc.mp4",{long}\n')
    assert found[0].path.name == 'a, "b"\nc.mp4' and found[0].group == long


def test_blank_rows_and_columns_without_a_name_are_passed_over(tmp_path):
    found, _ = read(tmp_path, ",path,,\n\n0,a.mp4,,\n,,,\n1,b.mp4,,\n\n")
    assert [one.path.name for one in found] == ["a.mp4", "b.mp4"]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is empty: needs a header"),
        (b" \n,\n", "is empty: needs a header"),
        (b"path;label\na.mp4;cat\n", "got path;label; cells are parted by commas"),
        (b"path\tlabel\na.mp4\tcat\n", "cells are parted by commas"),
        (b"path,label\na.mp4,cat\nb.mp4\n", "row 3: 1 cells, but the header has 2"),
        (
            b"path,label\na.mp4,cat\nb, b.mp4,cat\n",
            "row 3: 3 cells, but the header has 2; put a cell that holds a comma",
        ),
        (b"path,label,label\na.mp4,cat,dog\n", "two columns are called 'label'"),
        (b"path,label, label \na.mp4,cat,dog\n", "two columns are called 'label'"),
        (b"path,label\na.mp4,cat\npath,label\nb.mp4,dog\n", "row 3: the header again; were two tables joined?"),
        (b"path,label\n,cat\n", "row 2: the column 'path' is empty"),
        (b'path,label\na.mp4,cat\n"b.mp4,cat\nc.mp4,dog\n', "row 3: a quote is not closed"),
        (b'path,label\na.mp4,"cat\nb.mp4,"dog\n', "row 2: something stands behind a closing quote"),
        (b'path,label\na.mp4,"cat\nb.mp4,cat"\n', "row 2: the cell in column 'label' runs over lines"),
        ("path,label\na.mp4,Käse\n".encode("latin-1"), "line 2: byte 0xe4 is not UTF-8; save the file as UTF-8"),
        (b"path,label\na.mp4,c\0at\n", "line 2: a NUL byte"),
        ("path,label\na.mp4,cat\n".encode("utf-16-le"), "line 1: a NUL byte"),
        ("path,label\na.mp4,cat\n".encode("utf-16")[:-1], "is not UTF-16"),
        (b"path,start\na.mp4,nan\n", "row 2: 'nan' in column 'start' is not a number of seconds"),
        (b"path,end\na.mp4,1e999\n", "row 2: '1e999' in column 'end' is not a number of seconds"),
        (b"path,votes\na.mp4,two\n", "row 2: 'two' in column 'votes' is not a number of boxes"),
        (b"path,votes\na.mp4,-1\n", "row 2: votes are above 0; got -1"),
        (b"path,label,labels\na.mp4,cow,cat | dog\n", "row 2: the label 'cow' is none of those in the column 'labels'"),
        (
            b"path,sounding\na.mp4,0 0 nan 1\n",
            "row 2: a box is left, top, right, bottom between 0 and 1; got",
        ),
    ],
)
def test_what_is_wrong_with_a_manifest_is_said_in_one_line(tmp_path, content, complaint):
    with pytest.raises(ValueError, match=re.escape(complaint)) as error:
        read(tmp_path, content)
    assert str(tmp_path / "m.csv") in str(error.value) and "\n" not in str(error.value)


def test_other_readers_of_manifests_say_the_same(tmp_path):
    (tmp_path / "manifest.csv").write_bytes("path,boxes\nKäse.png,0 0 1 inf dog\n".encode("latin-1"))
    for kind in (Scenes, Stills):
        with pytest.raises(ValueError, match=r"manifest\.csv, line 2: byte 0xe4 is not UTF-8"):
            kind(tmp_path)
    (tmp_path / "manifest.csv").write_text("path,boxes\na.png,0 0 1 inf dog\n")
    with pytest.raises(ValueError, match=r"row 2: the box '0 0 1 inf dog' has no extent"):
        Scenes(tmp_path)


# --- Parquet ----------------------------------------------------------------------------------------------------------
def test_numbers_texts_and_missing_values_of_parquet_are_read_as_those_of_csv(tmp_path):
    columns = {
        " path ": ["a.mp4", "b.mp4", "c.mp4"],
        "label": [3.0, float("nan"), None],
        "group": [b"film", b" x", None],
    }
    parquet.write_table(pa.table(columns), tmp_path / "m.parquet")
    found, classes = find_recordings(tmp_path / "m.parquet")
    assert classes == [] and [(one.label, one.group) for one in found] == [(3, "film"), (-1, "x"), (-1, "")]


def test_lists_of_labels_in_parquet_are_several_labels(tmp_path):
    parquet.write_table(pa.table({"path": ["a.mp4", "b.mp4"], "labels": [["cat", "dog"], []]}), tmp_path / "m.parquet")
    found, classes = find_recordings(tmp_path / "m.parquet")
    assert classes == ["cat", "dog"] and [one.labels for one in found] == [(1, 1), (0, 0)]


@pytest.mark.parametrize(
    ("column", "values"), [("skeleton", [b"mpii", None]), ("split", [1.0, None]), ("path", [["a"], ["b"]])]
)
def test_a_manifest_of_people_with_other_types_is_named(tmp_path, column, values):
    columns = {"path": ["a", "b"], "skeleton": ["mpii"] * 2, "points": [[[0.0, 0.0]] * 16] * 2}
    columns["visible"] = [[True] * 16] * 2
    parquet.write_table(pa.table(columns | {column: values}), tmp_path / "m.parquet")
    with pytest.raises(FileError, match=rf"row 2: the column '{column}' should hold text"):
        Persons(tmp_path / "m.parquet", split="train")


@pytest.mark.parametrize("content", [b"", b"path\na.mp4\n", b"PAR1" + bytes(40) + b"PAR1"])
def test_a_parquet_file_that_is_none_is_named(tmp_path, content):
    (tmp_path / "m.parquet").write_bytes(content)
    for open_it in (find_recordings, Persons):
        with pytest.raises(ValueError, match=r"m\.parquet cannot be read as Parquet") as error:
            open_it(tmp_path / "m.parquet")
        assert "\n" not in str(error.value)


@settings(deadline=None)
@given(some.text(some.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=200))
def test_any_text_is_a_manifest_or_is_answered_in_one_line(tmp_path_factory, text):
    folder = tmp_path_factory.mktemp("any")
    (folder / "m.csv").write_text("path,label,start\n" + text, encoding="utf-8", newline="")
    told = None
    try:
        assert find_recordings(folder / "m.csv")[0]
    except FileError as error:
        told = str(error)
    assert told is None or (str(folder) in told and "\n" not in told)


def test_many_rows_are_read_in_little_time(tmp_path):
    names = np.arange(20_000)
    found, classes = read(tmp_path, "path,label\n" + "".join(f"{name}.mp4,class {name % 7}\n" for name in names))
    assert len(found) == len(names) and len(classes) == 7
