"""Checkpoints: differences are named by their key, and file systems without links are served."""

import os
from pathlib import Path

import pytest

from avssl.training import TrainingError
from avssl.training.checkpoint import compare, difference, link


def test_the_first_key_that_differs_is_named():
    old = {"a": {"b": [1, 2], "c": 3}, "d": 1}
    assert difference("x", old, {"a": {"b": [1, 2], "c": 4}, "d": 2}) == ("x.a.c", 3, 4)
    assert difference("x", old, {"a": {"b": [1, 2]}, "d": 1}) == ("x.a.c", 3, None)
    assert difference("x", old, old) is None


def test_only_settings_that_decide_the_weights_bind():
    compare(Path("run/last.ckpt"), {"steps": 1, "seed": 0, "workers": 2}, {"steps": 9, "seed": 0, "workers": 4})
    data = {"name": "Pictures", "source": "a"}
    compare(Path("run/last.ckpt"), {"data": data}, {"data": data | {"cache": "file", "cache_gb": 2.0}})
    with pytest.raises(TrainingError, match=r"^run was begun with seed=0 and this config says 1"):
        compare(Path("run/last.ckpt"), {"seed": 0}, {"seed": 1})


def test_without_links_a_file_is_copied(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError("no links here")

    (tmp_path / "a").write_text("new")
    (tmp_path / "b.ckpt").write_text("old")
    monkeypatch.setattr(os, "link", refuse)
    link(tmp_path / "a", tmp_path / "b.ckpt")
    assert (tmp_path / "b.ckpt").read_text() == "new" and not (tmp_path / "b.part").exists()
