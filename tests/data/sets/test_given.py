"""What is bad in a folder is named, and what is good becomes a manifest that data sets read."""

import json
import math

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from avssl.data import Pictures, find_recordings
from avssl.data.sets.fixtures.media import write_video
from avssl.data.sets.given import check_data
from avssl.files import FileError
from tests.data.sets.spoiling import write_wave
from tests.media.filming import film_grey


@pytest.fixture
def folder(tmp_path):
    for number, name in enumerate(["cat/a", "cat/b", "dog/c"]):
        path = tmp_path / "source" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8, 3), number * 50, np.uint8)).save(path)
    return tmp_path / "source"


def test_a_good_folder_becomes_the_same_data_by_a_manifest(folder, tmp_path):
    assert check_data(source=str(folder), out=tmp_path / "out", workers=0) == 0
    was, now = Pictures(folder), Pictures(tmp_path / "out")
    assert now.classes == was.classes and [one.label for one in now.recordings] == [0, 0, 1]
    assert [one.path.resolve() for one in now.recordings] == [one.path.resolve() for one in was.recordings]


def test_one_file_is_checked_too(folder, tmp_path):
    assert check_data(source=str(folder / "cat" / "a.png"), out=tmp_path / "out", workers=0) == 0
    assert [one.path.name for one in Pictures(tmp_path / "out").recordings] == ["a.png"]
    with pytest.raises(FileError, match=r"nowhere\.png is no folder, manifest or recording that is there"):
        check_data(source=str(folder / "nowhere.png"), out=tmp_path / "out", workers=0)


def test_broken_and_doubled_files_are_left_out_and_named(folder, tmp_path, capsys):
    (folder / "cat" / "bad.png").write_bytes((folder / "cat" / "a.png").read_bytes()[:40])
    (folder / "dog" / "copy.png").write_bytes((folder / "cat" / "a.png").read_bytes())
    assert check_data(source=str(folder), out=tmp_path / "out", workers=0) == 1
    assert [one.path.name for one in Pictures(tmp_path / "out").recordings] == ["a.png", "b.png", "c.png"]
    told = (tmp_path / "out" / "problems.csv").read_text()
    assert "undecodable,cat/bad.png" in told and "doubled: the same as cat/a.png" in told


def test_the_manifest_of_the_source_is_never_written_over(folder):
    with pytest.raises(FileError, match="give another folder with out="):
        check_data(source=str(folder), out=folder, workers=0)


def test_files_beside_and_lists_of_a_manifest_are_found_from_the_new_one(folder, tmp_path):
    rows = {
        "path": ["cat/a.png", "cat/b.png"],
        "annotations": ["a.npz", "b.npz"],
        "points": [[[1.0, 2.0]], [[3.0, 4.0]]],
    }
    parquet.write_table(pa.table(rows), folder / "manifest.parquet")
    assert check_data(source=str(folder), out=tmp_path / "out", workers=0) == 0
    written = parquet.read_table(tmp_path / "out" / "manifest.parquet").to_pydict()
    assert written["points"] == rows["points"] and written["annotations"] == [
        str(folder / name) for name in rows["annotations"]
    ]


def test_videos_shorter_than_asked_are_named(tmp_path, capsys):
    (tmp_path / "source").mkdir()
    film_grey(tmp_path / "source" / "short.mp4", np.zeros((3, 16, 16), np.uint8))
    film_grey(tmp_path / "source" / "long.mp4", np.ones((9, 16, 16), np.uint8))
    assert check_data(source=str(tmp_path / "source"), out=tmp_path / "out", min_frames=5, workers=0) == 1
    assert "short,short.mp4,3 frames" in (tmp_path / "out" / "problems.csv").read_text()
    assert [one.path.name for one in find_recordings(tmp_path / "out")[0]] == ["long.mp4"]


def test_sounds_without_anything_to_hear_are_named_with_level_and_limit(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    for name, height in (("loud", 0.1), ("faint", 1e-4), ("nothing", 0.0)):
        write_wave(source / f"{name}.wav", np.full(8000, height))
    assert check_data(source=str(source), out=tmp_path / "out", workers=0) == 1
    told = (tmp_path / "out" / "problems.csv").read_text()
    assert "silent,faint.wav,its loudest second has -80.8 dB; the limit is -60 dB" in told
    assert "silent,nothing.wav,digital silence; the limit is -60 dB" in told and "loud.wav" not in told
    assert check_data(source=str(source), out=tmp_path / "out", silence=-90, workers=0) == 1
    assert "faint" not in (tmp_path / "out" / "problems.csv").read_text()


def test_videos_need_sound_only_where_it_is_asked(tmp_path, capsys):
    source = tmp_path / "source"
    source.mkdir()
    write_video(source / "tone.mp4", frames=10, rate=20, sound_rate=16000)
    write_video(source / "mute.mp4", frames=10, rate=20, seed=1)
    assert check_data(source=str(source), out=tmp_path / "out", workers=0) == 0
    assert check_data(source=str(source), out=tmp_path / "out", sound=True, silence=0, workers=0) == 1
    told = (tmp_path / "out" / "problems.csv").read_text()
    assert "silent,mute.mp4,no sound track" in told and "silent,tone.mp4,its loudest second has" in told
    capsys.readouterr()
    assert check_data(source=str(source), out=tmp_path / "out", silence=0, workers=0) == 0
    assert "without a second louder than 0 dB: 1; sound=true leaves such videos out" in capsys.readouterr().out


def test_verdicts_of_before_levels_were_told_are_not_believed(tmp_path):
    (tmp_path / "source").mkdir()
    write_wave(tmp_path / "source" / "nothing.wav", np.zeros(8000))
    check_data(source=str(tmp_path / "source"), out=tmp_path / "out", silence=-math.inf, workers=0)
    journal = tmp_path / "out" / ".avssl-checks.jsonl"
    lines = [json.loads(line) for line in journal.read_text().splitlines() if line]
    for line in lines:
        line["verdict"] = {"kind": None, "about": "", "frames": None, "seconds": 1.0}
    journal.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    assert check_data(source=str(tmp_path / "source"), out=tmp_path / "out", workers=0) == 1


def test_a_folder_that_cannot_be_written_to_is_answered_with_the_setting_of_this_command(folder, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(FileError, match=r"cannot be written to \(.*\); give another folder with out="):
        check_data(source=str(folder), out=tmp_path / "file" / "out", workers=0)
