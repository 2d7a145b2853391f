"""A run tells how long it was trained, on what, and of which commit."""

import json
import shutil
import subprocess
from types import SimpleNamespace

import pytest
import torch

from avssl.report.records import read_sessions
from avssl.training.journal import SESSIONS, Journal
from avssl.training.sessions import Session, commit_of

CPU = SimpleNamespace(device=torch.device("cpu"), world_size=2)


def test_a_session_is_a_line_that_the_page_can_read(tmp_path):
    journal = Journal(tmp_path, None, tensorboard=False)
    journal.end(Session(CPU, 5).line(9))
    journal.close()
    left_out = []
    (found,) = read_sessions(tmp_path / SESSIONS, left_out)
    assert not left_out and (found.from_step, found.to_step) == (5, 9) and 0 <= found.seconds < 60
    assert found.device == "2 processes, each on cpu" and "torch " in found.versions and "Python" in found.machine
    assert set(json.loads((tmp_path / SESSIONS).read_text())) == set(type(found).model_fields)


@pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")
def test_the_commit_is_told_and_whether_files_differ_from_it(tmp_path):
    assert commit_of(tmp_path) == ""

    def git(*words):
        subprocess.run(["git", "-C", tmp_path, *words], check=True, capture_output=True)

    git("init")
    (tmp_path / "a").write_text("1")
    git("add", "a")
    git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-m", "a")
    assert len(commit_of(tmp_path)) == 12
    (tmp_path / "a").write_text("2")
    assert commit_of(tmp_path).endswith(", with changes")
