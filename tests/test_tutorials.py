"""The tutorials are true: each file, command and piece of code is run in order, on small films and for few steps."""

import shlex
import sys
from contextlib import redirect_stdout

import pytest

from avssl import cli
from tests.pages import TUTORIALS, lines_of, moving, name, parts, run_code, write_film

BRIEFLY = {  # settings laid over those of a command, by its tool
    "train": ["steps=2", "batch_size=2", "workers=0", "measure_items=2", "tensorboard=false", "accelerator=cpu"],
    "eval_order": ["evaluator.initialisations=1", "evaluator.layers=[output]"],
    "eval_attention": ["evaluator.initialisations=1", "evaluator.num_shown=1"],
    "eval_retrieval": ["evaluator.initialisations=1", "evaluator.num_shown=1"],
}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A reader's folder, which Python is called in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["avssl"])
    (tmp_path / "my_videos").mkdir()
    for number in range(6):
        write_film(tmp_path / "my_videos" / f"{number}.mp4", moving(75, number), pitch=0.05 * (number + 1))
    return tmp_path


def run_command(line):
    """Run a command as a shell does, with brief settings."""
    words = shlex.split(line, comments=True)
    assert words[0] == "avssl", line
    if ">" in words:
        *words, _, file = words
        with open(file, "w", encoding="utf-8") as out, redirect_stdout(out):
            cli.main(words[1:])
    elif words[1] in {one.split()[0] for one in cli.OWN}:
        cli.main(words[1:])
    else:
        tool, _ = cli.tool_of(words[1:])
        try:
            cli.main([*words[1:], *BRIEFLY.get(tool.stem, [])])
        except SystemExit as stopped:
            assert not stopped.code, line


@pytest.mark.parametrize("page", TUTORIALS, ids=name)
def test_a_tutorial_can_be_followed_from_top_to_bottom(page, place, capsys):
    names: dict = {"__name__": "page"}
    for part in parts(page):
        if part.file:
            (place / part.file).write_text(part.text, encoding="utf-8")
        elif part.language == "python":
            capsys.readouterr()
            run_code(part, names, page)
            assert part.answer in capsys.readouterr().out
        elif not part.language:
            for line in lines_of(part.text):
                run_command(line)
