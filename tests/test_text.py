"""Names of files that are not UTF-8 reach people as text, and come back exact from whatever is read again."""

import io
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from avssl import config
from avssl.config import ConfigError
from avssl.config.check import plan
from avssl.config.reading import lay, read, write
from avssl.data import Pictures
from avssl.data.base import DataError
from avssl.data.sets.base import Problem
from avssl.data.sets.manifests import write_manifest, write_problems
from avssl.evaluation.finish import report
from avssl.evaluation.runner import write_csv
from avssl.features.extraction import Rows
from avssl.features.files import read_features, write_features
from avssl.files import FileError
from avssl.media import OpenError, open_sound, open_video
from avssl.media.errors import MediaError
from avssl.report.figures import confusion_picture, picture_table
from avssl.report.page import write_report
from avssl.text import from_column, to_column, to_json
from avssl.training import TrainingError
from avssl.training.journal import FAILURES, LOG, Journal
from tests.media.recording import Tape, chirp, record

ODD = os.fsdecode(b"caf\xe9 \xff")  # Latin-1, and a byte that nothing means


@pytest.fixture
def folder(tmp_path) -> Path:
    """A folder with such a name; where the file system has none, there is nothing to test."""
    try:
        (made := tmp_path / ODD).mkdir()
    except OSError:
        pytest.skip("this file system takes no such names")
    return made


def strict(text: str) -> None:
    """Write text as a page or a terminal does."""
    io.TextIOWrapper(io.BytesIO(), encoding="utf-8").write(text)


def test_recordings_and_pictures_of_such_names_are_read_and_kept(folder):
    Image.new("RGB", (8, 6), (9, 9, 9)).save(folder / f"{ODD}.png")
    record(folder / "a.wav", chirp(np.arange(8000) / 8000)[None].astype(np.float32), Tape(rate=8000, film=None))
    (folder / "a.wav").rename(folder / f"{ODD}.wav")
    for _ in range(2):  # scanned, and from the cache
        assert len(open_video(folder)) == 1 and read_one(folder / f"{ODD}.png") == 9
        assert open_sound(folder / f"{ODD}.wav").sound([[0, 1]], 8000).valid.all()
    assert Pictures(folder)[0]["path"] == str(folder / f"{ODD}.png")


def read_one(path: Path) -> int:
    return int(open_video(path).frames([0]).data[0, 0, 0, 0])


@pytest.mark.parametrize("name", ["\ud800.png", "a\0b.png"])
def test_a_name_that_no_file_can_have_is_one_line(name):
    with pytest.raises(OpenError, match="cannot be reached"):
        open_video(name)


@pytest.mark.parametrize("error", [MediaError("is bad", source=ODD), DataError(f"{ODD}: is bad")])
def test_errors_that_name_such_a_file_can_be_written_anywhere(error):
    strict(str(error))
    assert "caf\\udce9 \\udcff" in str(error)


def test_json_keeps_such_names_exact_and_others_readable():
    strict(text := to_json({"path": ODD, "name": "café"}))
    assert json.loads(text) == {"path": ODD, "name": "café"} and "café" in text


def test_settings_with_such_names_are_written_read_and_laid_over_exactly(tmp_path):
    write({"data": {"source": ODD}, "lr": 5e-4}, tmp_path / "config.yaml")
    strict((tmp_path / "config.yaml").read_text(encoding="utf-8"))
    assert read(tmp_path / "config.yaml") == {"data": {"source": ODD}, "lr": 5e-4}
    (tmp_path / "raw.yaml").write_bytes(b"source: caf\xe9 \xff\n")  # by hand they are written as escapes, "\udce9"
    with pytest.raises(ConfigError, match="line 1: is no UTF-8 text"):
        read(tmp_path / "raw.yaml")
    lay(settings := {}, f"source={ODD}")
    assert settings == {"source": ODD}
    arguments = plan("avssl.evaluation.finish", "report", {"run": ODD, "runs": ODD}).arguments
    assert {str(value) for value in arguments.values()} == {ODD}


@pytest.mark.parametrize("lists", [False, True])
def test_a_manifest_names_no_such_file_and_says_so_in_a_line(folder, tmp_path, lists):
    rows = [{"path": f"{ODD}/a.png", "label": "x"} | ({"points": [1.0, 2.0]} if lists else {})]
    for given, root, out in ((rows, tmp_path, tmp_path), ([{"path": "a.png"}], folder, tmp_path)):
        with pytest.raises(FileError, match="cannot be written") as caught:
            write_manifest(given, root, out)
        strict(str(caught.value))
    assert not list(tmp_path.glob("manifest*"))


def test_what_people_read_of_such_files_is_utf_8(tmp_path):
    write_problems([Problem(kind="odd", path=ODD, about="")], tmp_path / "problems.csv")
    write_csv(tmp_path / "items.csv", [{"path": ODD}])
    for name in ("problems.csv", "items.csv"):
        assert "caf\\udce9" in (tmp_path / name).read_text(encoding="utf-8")


def test_features_of_such_files_lead_back_to_them(folder):
    count = 2
    rows = Rows(
        path=np.array([f"{ODD}.png", "b.png"]), item=np.arange(count), clip=np.zeros(count, int), start=np.zeros(count),
        end=np.zeros(count), label=np.zeros(count, int), group=np.array(["", ODD]), classes=(ODD, "b"),
        labels=None, box=None, keypoints=None, visible=None,
    )  # fmt: skip
    write_features(folder, {"output": np.ones((count, 3), np.float32)}, rows)
    _, found = read_features(folder)
    assert found.path.tolist() == rows.path.tolist() and found.group.tolist() == rows.group.tolist()
    assert found.classes == rows.classes


def test_a_column_is_text_unless_a_name_needs_its_bytes():
    assert to_column(["a", "é"]) == ["a", "é"]
    assert [from_column(value) for value in to_column(["a", ODD])] == ["a", ODD]


def test_a_run_with_such_files_has_its_log_and_its_report(tmp_path, folder, capsys):
    for run in (tmp_path / "run", folder):
        run.mkdir(exist_ok=True)
        journal = Journal(run, None, tensorboard=False)
        journal.write(1, {"train/loss": 1.0})
        journal.fail(1, [{"path": f"{ODD}.mp4", "error": f"{ODD}.mp4: is bad"}])
        journal.close()
        write({"method": "X", "data": {"name": "Pictures", "source": ODD}}, run / "config.yaml")
        scores = {"evaluator": "E", "time": "2026-01-01T00:00:00+00:00", "seconds": 1.0, "version": "1", "title": ODD,
                  "numbers": {}, "protocol": {"data": ODD}, "table": [{"row": ODD}], "notes": [ODD]}  # fmt: skip
        (run / "scores.jsonl").write_text(to_json(scores) + "\n", encoding="utf-8")
        page = write_report(run).read_text(encoding="utf-8")
        assert "caf\\udce9 \\udcff.mp4" in page
        assert json.loads((run / FAILURES).read_text().splitlines()[0])["path"] == f"{ODD}.mp4"
        assert (run / LOG).exists()
    report(folder)
    strict(capsys.readouterr().out)


def test_tensorboard_refuses_such_a_folder_in_one_line(folder):
    with pytest.raises(TrainingError, match="name another, or tensorboard=false"):
        Journal(folder, None)


def test_sheets_and_tables_show_such_names():
    assert confusion_picture(np.eye(2), [ODD, "b"], ODD).width > 0
    assert picture_table({ODD: np.zeros((2, 3, 8, 8), np.uint8)}, ODD).width > 0


def test_a_command_prints_such_names_whatever_the_terminal(monkeypatch, folder):
    screen = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="strict")
    monkeypatch.setattr(sys, "stdout", screen)
    write({"method": "X"}, folder / "config.yaml")
    config.main("avssl.evaluation.finish.report", "", arguments=[f"run={folder}"])
    screen.flush()
    assert b"caf\\udce9 \\udcff/report.html" in screen.buffer.getvalue()
