"""Many files: verdicts are kept as they come, a stopped run goes on, a file that kills its process is found."""

import importlib
import json

import pytest

from avssl.data.sets import checks as checking
from avssl.data.sets.checks import CRASHED, Journal, check_files, look_at_all
from avssl.data.sets.fixtures.media import write_video
from avssl.data.sets.inspection import Verdict


@pytest.fixture
def films(tmp_path):
    names = [f"{number}.avi" for number in range(6)]
    for name in names:
        write_video(tmp_path / name, frames=3, size=(16, 16), seed=name)
    return tmp_path, names


@pytest.fixture
def looked(monkeypatch):
    """Which files are really looked at."""
    seen = []
    real = checking.inspect

    def look(path, media, depth):
        seen.append(path.name)
        return real(path, media, depth)

    monkeypatch.setattr(checking, "inspect", look)
    return seen


def check(films, depth="open", workers=0):
    root, names = films
    return check_files(root, names, "video", depth, root / "journal.jsonl", workers)


def test_a_second_run_looks_at_nothing_and_says_the_same(films, looked):
    first = check(films)
    assert looked == films[1] and {verdict.frames for verdict in first.values()} == {3}
    assert check(films) == first and len(looked) == 6


def test_only_files_that_changed_or_were_bad_are_looked_at_again(films, looked):
    root, _ = films
    (root / "1.avi").write_text("no video")
    assert check(films)["1.avi"].kind == "undecodable"
    write_video(root / "4.avi", frames=5, size=(16, 16))
    looked.clear()
    assert check(films)["4.avi"].frames == 5 and sorted(looked) == ["1.avi", "4.avi"]


def test_who_decoded_has_opened_but_who_opened_has_not_decoded(films, looked):
    check(films, "decode")
    check(films, "open")
    assert len(looked) == 6
    (films[0] / "journal.jsonl").unlink()
    check(films, "open")
    check(films, "decode")
    assert len(looked) == 18


def test_a_stopped_run_goes_on_where_it_stopped(films, looked, monkeypatch):
    class Stop(Exception):
        pass

    def stop(count):
        if len(looked) == 3:
            raise Stop

    root, names = films
    with pytest.raises(Stop):
        check_files(root, names, "video", "open", root / "journal.jsonl", 0, stop)
    check(films)
    assert looked == names  # each once


def test_a_line_that_was_cut_short_costs_one_look_and_spoils_no_other(films, looked):
    check(films)
    journal = films[0] / "journal.jsonl"
    journal.write_bytes(journal.read_bytes()[:-20])
    looked.clear()
    check(films)
    assert looked == ["5.avi"]
    with Journal(journal, "open") as kept:
        assert len(kept.good) == 6


def test_without_a_look_nothing_is_opened_and_nothing_is_kept(films, looked):
    assert check(films, "none") == {} and not looked
    (films[0] / "2.avi").unlink()
    verdicts = check(films, "exists")
    assert verdicts["2.avi"].kind == "missing" and not (films[0] / "journal.jsonl").exists()


CHECK = """
import os
from avssl.data.sets.inspection import Verdict

def check(path):
    if path.name == "13":
        os._exit(1)
    return Verdict(frames=int(path.name))
"""


def test_a_file_that_kills_its_process_is_named_and_all_others_are_looked_at(tmp_path, monkeypatch):
    (tmp_path / "crashing.py").write_text(CHECK)
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("crashing")
    monkeypatch.setattr(checking, "TOGETHER", 2)
    paths = [tmp_path / str(number) for number in range(20)]
    verdicts = dict(look_at_all(paths, module.check, workers=1))
    assert verdicts.pop(tmp_path / "13") == CRASHED
    assert verdicts == {path: Verdict(frames=int(path.name)) for path in paths if path.name != "13"}


def test_several_processes_find_what_one_does(films):
    (films[0] / "3.avi").write_text("no video")
    alone = check(films)
    (films[0] / "journal.jsonl").unlink()
    assert check(films, workers=2) == alone
    lines = (films[0] / "journal.jsonl").read_text().splitlines()
    assert sorted(json.loads(line)["path"] for line in lines) == [f"{number}.avi" for number in (0, 1, 2, 4, 5)]
