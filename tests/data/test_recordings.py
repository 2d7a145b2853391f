"""Sources of recordings: folders and manifests as people have them, and clear words where they are wrong."""

import math
import re

import pyarrow as pa
import pytest
from pyarrow import parquet

from avssl.data import find_recordings
from avssl.data.recordings import ENDINGS, PICTURES, SOUNDS
from avssl.files import FileError


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def test_a_folder_of_class_folders_gives_labels_in_the_order_of_the_names(tmp_path):
    touch(tmp_path, "run/b.mp4", "jump/-a.AVI", "run/deep/c.mkv", "run/notes.txt")
    recordings, classes = find_recordings(tmp_path)
    assert classes == ["jump", "run"]
    assert [(r.path.name, r.label) for r in recordings] == [("-a.AVI", 0), ("b.mp4", 1), ("c.mkv", 1)]


def test_a_flat_folder_has_no_labels(tmp_path):
    recordings, classes = find_recordings(str(touch(tmp_path, "b.mp4", "a b.webm")))
    assert [r.path.name for r in recordings] == ["a b.webm", "b.mp4"]
    assert classes == [] and {r.label for r in recordings} == {-1}


@pytest.mark.parametrize(("name", "endings"), [("a.MP4", ENDINGS), ("a.png", PICTURES), ("a.wav", SOUNDS)])
def test_one_file_is_a_data_set_of_one(tmp_path, name, endings):
    touch(tmp_path, name, "b.mp4")
    recordings, classes = find_recordings(tmp_path / name, None, endings)
    assert [(one.path, one.label) for one in recordings] == [(tmp_path / name, -1)] and classes == []
    with pytest.raises(FileError, match=r"is one \w+, which has no split 'train'; set split=null"):
        find_recordings(tmp_path / name, "train", endings)


def test_a_split_of_a_folder_is_its_subfolder(tmp_path):
    touch(tmp_path, "train/run/a.mp4", "test/run/b.mp4")
    assert [r.path.name for r in find_recordings(tmp_path, "test")[0]] == ["b.mp4"]


def test_a_csv_manifest_with_windows_line_ends_and_a_mark_is_read(tmp_path):
    text = "path,label,split,start,end\r\na.mp4,run,train,1.5,3\r\nb.mp4,jump,heldout,,\r\n"
    (tmp_path / "list.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    recordings, classes = find_recordings(tmp_path / "list.csv", "train")
    assert classes == ["jump", "run"]  # of the whole manifest: splits number their classes alike
    (only,) = recordings
    assert (only.path, only.label, only.start, only.end) == (tmp_path / "a.mp4", 1, 1.5, 3.0)


def test_a_parquet_manifest_says_the_same_as_csv(tmp_path):
    columns = {"path": ["a.mp4", "b.mp4"], "label": [3, None], "end": [2.0, None]}
    parquet.write_table(pa.table(columns), tmp_path / "list.parquet")
    recordings, classes = find_recordings(tmp_path / "list.parquet")
    assert classes == [] and [(r.label, r.end) for r in recordings] == [(3, 2.0), (-1, None)]


def test_a_folder_with_a_manifest_is_read_by_its_manifest(tmp_path):
    touch(tmp_path, "a.mp4", "b.mp4")
    (tmp_path / "manifest.csv").write_text("path\nb.mp4\n")
    assert [r.path.name for r in find_recordings(tmp_path)[0]] == ["b.mp4"]


@pytest.mark.parametrize(
    ("files", "source", "split", "complaint"),
    [
        ([], "nowhere", None, "nowhere does not exist; give a video, a folder of videos"),
        (
            ["x.txt"],
            "x.txt",
            None,
            "x.txt is neither a folder nor a .csv or .parquet manifest, nor by its ending a video",
        ),
        (["x.txt"], "", None, "holds no video; known endings: .3gp"),
        (["run/a.mp4", "b.mp4"], "", None, "mixes class folders and loose files (b.mp4)"),
        (["run/a.mp4"], "", "test", "split 'test' of the folder"),
    ],
)
def test_wrong_sources_are_answered_in_one_line(tmp_path, files, source, split, complaint):
    touch(tmp_path, *files)
    with pytest.raises(ValueError, match=re.escape(complaint)) as error:
        find_recordings(tmp_path / source, split)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "split", "complaint"),
    [
        ("file\na.mp4\n", None, "needs a header with a column 'path' and at least one row; got file"),
        ("path\n", None, "got no rows"),
        ("path,split\na.mp4,train\n", "test", "no row has split 'test'; there is 'train'"),
        ("path,start\na.mp4,\nb.mp4,soon\n", None, "row 3: 'soon' in column 'start' is not a number"),
    ],
)
def test_wrong_manifests_are_answered_in_one_line(tmp_path, text, split, complaint):
    (tmp_path / "m.csv").write_text(text)
    with pytest.raises(ValueError, match=re.escape(complaint)):
        find_recordings(tmp_path / "m.csv", split)


def test_what_was_never_gathered_says_how_to_gather_it():
    with pytest.raises(ValueError, match=r"has no manifest; make it with: python datasets/nothing/prepare\.py"):
        find_recordings("cache:nothing")


def test_what_was_gathered_into_the_cache_is_read_from_there(tmp_path, monkeypatch):
    monkeypatch.setenv("AVSSL_CACHE", str(tmp_path))
    (touch(tmp_path / "samples", "a.mp4") / "manifest.csv").write_text("path,split\na.mp4,train\n")
    assert [r.path for r in find_recordings("cache:samples", "train")[0]] == [tmp_path / "samples" / "a.mp4"]


def test_a_split_is_one_of_the_words_of_its_cell(tmp_path):
    (tmp_path / "list.csv").write_text("path,split\na.mp4,train1 test2\nb.mp4,test1 train2\nc.mp4,test1\n")
    found, _ = find_recordings(tmp_path / "list.csv", "test1")
    assert [recording.path.name for recording in found] == ["b.mp4", "c.mp4"]
    with pytest.raises(ValueError, match=r"no row has split 'test'; there is 'test1', 'test2', 'train1', 'train2'"):
        find_recordings(tmp_path / "list.csv", "test")


def test_several_labels_are_told_for_each_class_and_doubtful_ones_are_to_be_ignored(tmp_path):
    rows = "path,labels,group\na.jpg,dog | person,film 1\nb.jpg,?dog | cat,film 2\nc.jpg,,film 2\n"
    (tmp_path / "list.csv").write_text(rows)
    found, classes = find_recordings(tmp_path / "list.csv")
    assert classes == ["cat", "dog", "person"]
    assert [recording.labels for recording in found][0::2] == [(0, 1, 1), (0, 0, 0)]
    assert found[1].labels[0] == 1 and math.isnan(found[1].labels[1])
    assert [recording.group for recording in found] == ["film 1", "film 2", "film 2"]


def test_folders_of_pictures_and_of_sounds_are_found_by_their_endings(tmp_path):
    for name in ("a.png", "b.wav", "c.mp4"):
        (tmp_path / name).touch()
    assert [find_recordings(tmp_path, endings=kind)[0][0].path.name for kind in (PICTURES, SOUNDS)] == [
        "a.png",
        "b.wav",
    ]
    (tmp_path / "b.wav").unlink()
    with pytest.raises(ValueError, match=r"holds no sound; known endings: \.aac"):
        find_recordings(tmp_path, endings=SOUNDS)
