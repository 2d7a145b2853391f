"""The prepare command: counts, report, manifest and exit status; options of the reader; stopped at any moment."""

import csv
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from avssl.data import Pictures, Videos, find_recordings
from avssl.data.sets.base import Count, Listing, Problem, SetError
from avssl.data.sets.checks import JOURNAL
from avssl.data.sets.fixtures.media import write_picture, write_video
from avssl.data.sets.prepare import prepare
from avssl.data.sets.summary import differs, falls_short
from avssl.sampling import UniformClips

SCRIPT = Path(__file__).parents[3] / "datasets" / "ucf101" / "prepare.py"


KILLED = """
import os, runpy, signal, sys
from avssl.data.sets.checks import Journal

add, told = Journal.add, []

def dies_at_the_third(*arguments):
    add(*arguments)
    told.append(1)
    if len(told) == 3:
        os.kill(os.getpid(), signal.SIGKILL)

Journal.add, sys.argv = dies_at_the_third, sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture
def root(tmp_path):
    """Four videos."""
    for number in range(4):
        write_video(tmp_path / "data" / f"{number}.mp4", frames=4 + number, seed=number, rate=10)
    return tmp_path / "data"


def reader(counts=(), problems=(), rows=None, classes=(), media="video"):
    """Return a reader that lists what lies in the root."""

    def read(root):
        names = sorted(path.name for path in root.iterdir() if path.suffix in (".mp4", ".png"))
        listed = rows or [{"path": name, "split": "train" if name < "2" else "test extra"} for name in names]
        return Listing(
            name="Set", root=root, media=media, rows=listed, counts=counts, problems=problems, classes=classes
        )

    return read


def run(read, root, *options):
    return prepare(read, "Check it.", ["--root", str(root), "--workers", "0", *options])


def table(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_whole_tree_ends_in_success_and_a_manifest_that_videos_read(root, capsys):
    assert run(reader([Count(what="videos", found=4, published=4)], classes=["b", "a"]), root) == 0
    told = capsys.readouterr().out
    assert "videos      4          4" in told and "4 rows are in" in told and "splits: extra 2, test 2, train 2" in told
    assert (root / "classes.txt").read_text() == "b\na\n" and table(root / "problems.csv") == []
    videos = Videos(source=root / "manifest.csv", split="extra", sampler=UniformClips(frames=2))
    assert [Path(videos[index]["path"]).name for index in range(2)] == ["2.mp4", "3.mp4"]


def test_a_file_that_cannot_be_read_is_left_out_told_and_a_failure(root, capsys):
    (root / "1.mp4").write_text("no video")
    assert run(reader(), root) == 1
    assert [row["path"] for row in table(root / "manifest.csv")] == ["0.mp4", "2.mp4", "3.mp4"]
    (problem,) = table(root / "problems.csv")
    assert (problem["kind"], problem["path"]) == ("undecodable", "1.mp4") and problem["about"]
    assert "undecodable: 1\n  1.mp4 (" in capsys.readouterr().out


def test_only_the_first_problems_are_shown_and_the_file_has_all(root, capsys):
    problems = [Problem(kind="unlisted", path=f"{number}[x]:cat:.mp4", about="in no list") for number in range(9)]
    assert run(reader(problems=problems), root) == 0
    told = capsys.readouterr().out
    assert "unlisted: 9\n  0[x]:cat:.mp4 (in no list)\n" in told and "and 6 more" in told and "8[x]" not in told
    assert len(table(root / "problems.csv")) == 9


@pytest.mark.parametrize(
    ("found", "published", "tolerant", "failure"),
    [(9, 10, False, True), (10, 10, False, False), (9, 10, True, False), (11, 10, True, True), (9, None, False, False)],
)
def test_fewer_than_published_is_a_failure_unless_that_is_normal(found, published, tolerant, failure):
    count = Count(what="videos", found=found, published=published, tolerant=tolerant)
    assert differs(count) == falls_short([count], []) == failure


def test_missing_files_are_a_failure_unless_they_vanish_from_the_web():
    missing = [Problem(kind="missing", path="a.mp4")]
    assert falls_short([], missing) and falls_short([Count(what="videos", found=1)], missing)
    assert not falls_short([Count(what="videos", found=1, published=2, tolerant=True)], missing)
    assert falls_short([Count(what="v", found=1, tolerant=True)], [Problem(kind="undecodable", path="a.mp4")])
    assert not falls_short([], [Problem(kind=kind, path="a") for kind in ("short", "unlisted", "unlabelled", "odd")])


def test_short_recordings_are_left_out_where_that_is_asked_for(root):
    assert run(reader(), root, "--min-frames", "6") == 0
    assert [row["path"] for row in table(root / "manifest.csv")] == ["2.mp4", "3.mp4"]
    assert [(row["kind"], row["about"]) for row in table(root / "problems.csv")] == [
        ("short", "4 frames"), ("short", "5 frames")
    ]  # fmt: skip
    run(reader(), root, "--min-seconds", "0.65")
    assert [row["path"] for row in table(root / "manifest.csv")] == ["3.mp4"]


def test_lengths_are_not_asked_for_where_nothing_is_opened(root, capsys):
    with pytest.raises(SystemExit):
        run(reader(), root, "--check", "exists", "--min-frames", "3")
    assert "--min-... needs open or decode" in capsys.readouterr().err


def test_another_folder_gets_everything_and_names_files_in_full(root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = sorted(root.iterdir())
    assert run(reader(), "data", "--out", "out/report") == 0
    assert sorted(root.iterdir()) == before
    assert {path.name for path in (tmp_path / "out" / "report").iterdir()} == {"manifest.csv", "problems.csv", JOURNAL}
    recordings, _ = find_recordings(tmp_path / "out" / "report")
    assert [recording.path for recording in recordings] == [root / f"{number}.mp4" for number in range(4)]


def test_rows_with_lists_become_parquet_and_take_the_place_of_an_older_manifest(tmp_path):
    write_picture(tmp_path / "0.png")
    rows = [{"path": "0.png", "points": np.array([[1.0, np.nan]]), "scale": ""}, {"path": "0.png", "scale": 2.5}]
    (tmp_path / "manifest.csv").write_text("path\nold.png\n")
    assert run(reader(rows=rows, media="picture"), tmp_path) == 0
    assert not (tmp_path / "manifest.csv").exists()
    from pyarrow import parquet

    first, second = parquet.read_table(tmp_path / "manifest.parquet").to_pylist()
    assert first["points"][0][0] == 1 and first["scale"] is None and second == {
        "path": "0.png", "points": None, "scale": 2.5
    }  # fmt: skip
    assert len(Pictures(source=tmp_path)) == 2
    run(reader(rows=[{"path": "0.png"}], media="picture"), tmp_path)
    assert [path.name for path in tmp_path.glob("manifest.*")] == ["manifest.csv"]


def test_a_file_of_several_rows_is_looked_at_and_told_once(root):
    (root / "1.mp4").write_text("no video")
    rows = [{"path": "1.mp4", "start": 0}, {"path": "1.mp4", "start": 1}, {"path": "2.mp4", "start": 0}]
    run(reader(rows=rows), root)
    assert len(table(root / "manifest.csv")) == 1 and len(table(root / "problems.csv")) == 1


def test_where_nothing_is_left_no_manifest_is_written(tmp_path, capsys):
    (tmp_path / "0.mp4").write_text("no video")
    assert run(reader(), tmp_path) == 1
    assert not (tmp_path / "manifest.csv").exists() and "no manifest was written" in capsys.readouterr().out


def test_what_the_reader_refuses_is_one_line_and_leaves_no_trace(tmp_path, capsys):
    def read(root):
        raise SetError(f"{root} holds nothing of the kind")

    assert run(read, tmp_path) == 2
    assert capsys.readouterr().err.endswith(f"{tmp_path} holds nothing of the kind\n") and not list(tmp_path.iterdir())
    assert run(read, tmp_path / "nowhere") == 2
    assert "does not exist" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_to_is_said_before_the_work(root, capsys):
    (root / "file").touch()
    assert run(reader(), root, "--out", str(root / "file")) == 2
    assert "cannot be written to" in (told := capsys.readouterr().err) and "--out" in told


def test_arguments_of_the_reader_become_options_with_their_own_words(root, capsys):
    asked = {}

    def read(root, part: Literal["a", "b"] = "a", size: int | None = None, to: Path | None = None, deep: bool = True):
        """Read it.

        Args:
            root: the folder.
            part: which part of
                100 %.
            size: how large.
        """
        asked.update(part=part, size=size, to=to, deep=deep)
        return reader()(root)

    run(read, root, "--check", "none")
    assert asked == {"part": "a", "size": None, "to": None, "deep": True}
    run(read, root, "--check", "none", "--part", "b", "--size", "3", "--to", "x", "--no-deep")
    assert asked == {"part": "b", "size": 3, "to": Path("x"), "deep": False}
    with pytest.raises(SystemExit):
        run(read, root, "--part", "c")
    with pytest.raises(SystemExit):
        run(read, root, "--help")
    assert "which part of 100 %." in capsys.readouterr().out


def test_ctrl_c_is_answered_by_one_line(root, capsys, monkeypatch):
    def read(root):
        raise KeyboardInterrupt

    assert run(read, root) == 130
    assert "stopped; call it again to go on" in capsys.readouterr().err


def test_a_run_that_was_killed_goes_on_and_says_what_an_unbroken_one_says(tmp_path):
    from avssl.data.sets.ucf101 import read

    tree, clips = tmp_path / "tree", [f"Walking/v_Walking_g01_c{number:02d}.avi" for number in range(1, 9)]
    write_video(tree / "UCF-101" / clips[0], frames=40, size=(240, 320))
    for clip in clips[1:]:
        (tree / "UCF-101" / clip).write_bytes((tree / "UCF-101" / clips[0]).read_bytes())
    lists = tree / "ucfTrainTestlist"
    lists.mkdir()
    (lists / "classInd.txt").write_text("1 Walking\r\n")
    for number in "123":
        (lists / f"trainlist0{number}.txt").write_text("".join(f"{clip} 1\r\n" for clip in clips))
        (lists / f"testlist0{number}.txt").touch()
    journal = tree / JOURNAL
    words = [sys.executable, "-c", KILLED, str(SCRIPT), "--root", str(tree), "--check", "decode", "--workers", "0"]
    assert subprocess.run(words, check=False).returncode == -signal.SIGKILL
    kept = journal.read_bytes()  # what was told is on the disk, though nobody closed the file
    assert kept.count(b"\n") == 3 and not (tree / "manifest.csv").exists()
    assert run(read, tree, "--check", "decode") == 1  # far fewer than published
    assert journal.read_bytes().startswith(kept)  # nothing is looked at twice
    checked = [json.loads(line)["path"] for line in journal.read_text().splitlines() if line.endswith("}")]
    assert len(checked) == len(set(checked)) == len(clips) == len(table(tree / "manifest.csv"))
