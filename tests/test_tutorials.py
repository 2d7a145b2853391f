"""The tutorials are true: each file, command and piece of code is run in order, on small films and for few steps."""

import json
import shlex
import shutil
import sys
from contextlib import redirect_stdout
from importlib import import_module
from pathlib import Path

import pytest
from PIL import Image

from avssl import cli
from tests.pages import DOCS, TUTORIALS, lines_of, moving, name, parts, run_code, write_film

BRIEFLY = {  # settings laid over those of a command, by its tool
    "train": ["steps=2", "batch_size=2", "workers=0", "measure_items=2", "tensorboard=false", "accelerator=cpu"],
    "eval_order": ["evaluator.initialisations=1", "evaluator.layers=[output]"],
    "eval_attention": ["evaluator.initialisations=1", "evaluator.num_shown=1"],
    "eval_retrieval": ["evaluator.initialisations=1", "evaluator.num_shown=1"],
    "eval_correspondence": ["evaluator.initialisations=1", "evaluator.negatives=1"],
    "eval_probe": [
        "evaluator.initialisations=1",
        "evaluator.clusters=0",
        "evaluator.shots=[all]",
        "evaluator.probes=[{name: KNearest, k: 3}]",
    ],
    "score_sync": ["every=1", "reach=0.2"],
}
NOTEBOOK = DOCS / "notebooks" / "start.ipynb"
FETCHED = {'weights="DEFAULT"': "weights=None", "pretrained=True": "pretrained=False"}  # what the reader downloads


FOLDERS = {  # where films lie, and which
    "my_videos": range(6),
    "films/train": range(1, 5),
    "films/heldout": (0, 5),
}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A folder with films and labelled pictures."""
    root = tmp_path_factory.mktemp("reader")
    films = [root / f"{number}.mp4" for number in range(6)]
    for number, film in enumerate(films):
        write_film(film, moving(75, number), pitch=0.05 * (number + 1))
    for folder, numbers in FOLDERS.items():
        (root / folder).mkdir(parents=True)
        for number in numbers:
            shutil.copy(films[number], root / folder)
    for side, count in (("train", 4), ("test", 2)):
        for kind in range(2):
            (root / "pictures" / side / str(kind)).mkdir(parents=True)
            for number, image in enumerate(moving(count, kind)):
                Image.fromarray(image).save(root / "pictures" / side / str(kind) / f"{number}.png")
    return root


@pytest.fixture
def place(world, tmp_path, monkeypatch):
    """A copy of it that Python is called in."""
    shutil.copytree(world, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["avssl"])
    return tmp_path


def run_command(line):
    """Run a command as a shell does, with brief settings."""
    words = shlex.split(line, comments=True)
    if words[:3] == ["python", "-m", "pytest"]:
        run_tests(import_module(Path(words[3]).stem))
        return
    assert words[0] == "avssl", line
    if ">" in words:
        *words, _, file = words
        with open(file, "w", encoding="utf-8") as out, redirect_stdout(out):
            cli.main(words[1:])
    elif words[1] in {one.split()[0] for one in cli.OWN}:
        cli.main(words[1:])
    else:
        tool, _ = cli.tool_of(words[1:])
        status = 0
        try:
            cli.main([*words[1:], *BRIEFLY.get(tool.stem, [])])
        except SystemExit as stopped:
            status = stopped.code
        assert status == 0, line


def run_tests(module):
    for called, test in vars(module).items():
        if called.startswith("test_"):
            test()


@pytest.mark.parametrize("page", TUTORIALS, ids=name)
def test_a_tutorial_can_be_followed_from_top_to_bottom(page, place, capsys):
    names: dict = {"__name__": "page"}
    for part in parts(page):
        capsys.readouterr()
        if part.file:
            (place / part.file).write_text(part.text, encoding="utf-8")
        elif part.language == "python":
            for asked, instead in FETCHED.items():
                part = part._replace(text=part.text.replace(asked, instead))
            run_code(part, names, page)
            assert part.answer in capsys.readouterr().out
        elif part.language == "console":
            asked, said = part.text.removeprefix("$ avssl ").split("\n", 1)
            with pytest.raises(SystemExit):
                cli.main(shlex.split(asked))
            assert capsys.readouterr().err == said
        elif not part.language:
            for line in lines_of(part.text):
                run_command(line)


def test_the_notebook_runs_cell_by_cell_and_is_kept_without_outputs(place, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "agg")
    names: dict = {"__name__": "page"}
    for number, cell in enumerate(json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]):
        if cell["cell_type"] == "code":
            assert not cell["outputs"] and cell["execution_count"] is None
            text = "".join(cell["source"]).replace('"demo:figures"', '"films"').replace("STEPS = 200", "STEPS = 2")
            exec(compile(text, f"{name(NOTEBOOK)}: cell {number}", "exec"), names)
    assert len(names["losses"]) == 2 and len(names["plt"].get_fignums()) == 5
    names["plt"].close("all")
