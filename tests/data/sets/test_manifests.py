"""Manifests that are written are read back as they were, whatever the names in them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from avssl.data import find_recordings
from avssl.data.sets.base import Listing
from avssl.data.sets.manifests import write_classes, write_manifest
from avssl.data.sets.prepare import prepare
from avssl.data.tables import read_table
from avssl.data.texts import read_lines
from avssl.files import FileError

SIGNS = some.characters(blacklist_categories=["Cs"], blacklist_characters="\0/")
AWKWARD = some.sampled_from(
    ["\n", "\r", "\r\n", '"', '""', ",", ";", " ", "\t", "'", "#", "é", "\u2028", "\ufeff", "\\"]
)
NAMES = some.lists(some.one_of(SIGNS, AWKWARD), min_size=1, max_size=12).map("".join).map(lambda name: f"x{name}.mp4")
CELLS = some.lists(some.one_of(SIGNS, AWKWARD), max_size=12).map("".join)


@settings(deadline=None, max_examples=60)
@given(some.lists(some.tuples(NAMES, CELLS, CELLS), min_size=1, max_size=5))
def test_every_cell_of_a_written_manifest_is_read_back(tmp_path_factory, rows):
    root = tmp_path_factory.mktemp("set")
    rows = [{"path": path, "words": words, "group": group} for path, words, group in rows]
    write_manifest(rows, root, root)
    right = [{"path": row["path"], "words": row["words"].strip(), "group": row["group"].strip()} for row in rows]
    assert list(read_table(root / "manifest.csv").values()) == right
    found, _ = find_recordings(root)
    assert [(one.path.name, one.group) for one in found] == [(row["path"], row["group"]) for row in right]
    write_manifest([*rows, {"path": "last", "points": [1.0]}], root, root)
    assert [one.path.name for one in find_recordings(root)[0]][:-1] == [row["path"] for row in right]


def prepared(root, rows, classes=()):
    def read(root):
        return Listing(name="Tiny", root=root, media="video", rows=rows, classes=classes)

    return prepare(read, None, ["--root", str(root), "--check", "none", "--workers", "0"])


@pytest.mark.parametrize(
    ("row", "about"),
    [
        ({"path": "caf\udce9.mp4"}, "its name is not in UTF-8; rename it"),
        ({"path": "a.mp4", "sound": "caf\udce9.wav"}, "its name is not in UTF-8; rename it"),
        ({"path": " a.mp4"}, "its name begins or ends with a blank; rename it"),
        ({"path": "a.mp4", "mask": "a.png "}, "its name begins or ends with a blank; rename it"),
        ({"path": "a.mp4", "label": "two\nlines"}, "the name of its class has a line break; rename it"),
    ],
)
def test_a_name_that_would_not_be_read_back_is_told_and_left_out(tmp_path, row, about, capsys):
    assert prepared(tmp_path, [row, {"path": "good.mp4"}]) == 0
    assert [one["path"] for one in read_table(tmp_path / "manifest.csv").values()] == ["good.mp4"]
    (problem,) = read_table(tmp_path / "problems.csv").values()
    assert problem["about"] == about


def test_what_cannot_be_written_is_one_line(tmp_path, capsys):
    with pytest.raises(FileError, match=r"film \\udce9' cannot be written in UTF-8; rename it"):
        write_manifest([{"path": "a.mp4", "group": "film \udce9"}], tmp_path, tmp_path)
    assert prepared(tmp_path, [{"path": "a.mp4", "group": "film \udce9"}]) == 2
    assert "cannot be written in UTF-8" in (told := capsys.readouterr().err) and told.count("\n") == 1
    assert not (tmp_path / "manifest.csv").exists()
    for rows in ([{"path": "a.mp4", "x": [1]}, {"path": "b.mp4", "x": "text"}], [{"path": "a.mp4", "x": ["\udce9"]}]):
        with pytest.raises(FileError, match="the manifest cannot be written"):
            write_manifest(rows, tmp_path, tmp_path)


def test_each_class_is_one_line(tmp_path):
    write_classes(["cat", "two\nlines", "caf\udce9"], tmp_path / "classes.txt")
    assert [name for _, name in read_lines(tmp_path / "classes.txt")] == ["cat", "two lines", r"caf\udce9"]
