"""The command ``avssl``: tools, configs and parts by name, from a checkout and from a wheel."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from avssl import cli
from avssl.config import ConfigError
from avssl.config.finding import find
from avssl.installed import configs, datasets, extra, spoken, tool, tools

ROOT = Path(__file__).parents[1]


def said(capsys, *words):
    cli.main(words)
    return capsys.readouterr().out


def refused(capsys, *words):
    with pytest.raises(SystemExit) as caught:
        cli.main(words)
    assert caught.value.code == 2
    return capsys.readouterr().err.strip()


def test_help_names_every_tool_with_a_line_of_its_own(capsys):
    lines = said(capsys).splitlines()
    for name in tools():
        assert any(line.startswith(f"  {spoken(name)} ") and line.endswith((".", "?")) for line in lines), name
    assert "python" not in "".join(line for line in lines if line.startswith("  "))


def test_every_tool_is_reached_by_its_words():
    for name, path in tools().items():
        assert cli.tool_of([*spoken(name).split(), "steps=1"]) == (path, ["steps=1"])


def test_a_command_is_the_call_of_its_tool(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["avssl"])
    ours = said(capsys, "eval", "probe", "--help")
    theirs = subprocess.run([sys.executable, "tools/eval_probe.py", "--help"], cwd=ROOT, capture_output=True, text=True)
    assert ours == theirs.stdout and "evaluator" in ours


@pytest.mark.parametrize("kind", cli.KINDS)
def test_each_kind_is_listed_with_a_line_for_each_name(capsys, kind):
    lines = said(capsys, "list", kind).splitlines()
    assert lines and all(len(line.split()) > 1 for line in lines)
    named = {line.split()[0] for line in lines}
    known = {"methods": "SimCLR", "encoders": "SmallNet", "samplers": "RandomClip", "losses": "nt_xent"}
    assert known.get(kind, lines[0].split()[0]) in named
    assert {"configs": set(configs()), "datasets": set(datasets())}.get(kind, named) == named


def test_every_listed_class_is_shown(capsys):
    for kind in cli.FAMILIES:
        for name, one in cli.members(kind).items():
            assert said(capsys, "show", name).startswith(f"{one.module}.{name}\n")


def test_what_a_class_takes_is_shown_with_types_and_defaults(capsys):
    text = said(capsys, "show", "SimCLR")
    assert "  temperature: float = 0.1\n" in text and "  encoder: Encoder needed\n" in text
    assert "2002.05709" in text  # the paper


def test_a_config_is_printed_as_it_stands(capsys):
    assert said(capsys, "config", "shuffle_learn") == (ROOT / "configs" / "shuffle_learn.yaml").read_text()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["trian"], "avssl has no command 'trian' (did you mean 'train'?); `avssl --help` lists them"),
        (["eval", "prob"], "eval: got prob (did you mean 'probe'?); needs one of attention, "),
        (["list", "method"], "list: got method (did you mean 'methods'?); needs one of methods, "),
        (["show", "SimCRL"], "show: got SimCRL (did you mean 'SimCLR'?); `avssl list KIND` lists the names"),
        (["config", "shufle_learn"], "there is no such config (did you mean 'shuffle_learn'?)"),
        (["prepare", "fashion"], "got fashion; needs a data set (did you mean 'fashion_mnist'?): audioset, "),
        (["completion"], "completion: got nothing; needs one of bash, zsh, fish"),
    ],
)
def test_a_wrong_word_is_told_in_one_line_with_the_nearest_right_one(capsys, words, told):
    error = refused(capsys, *words)
    assert error.startswith(told) and "\n" not in error


def test_a_config_is_found_by_name_and_the_nearest_folder_wins(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for word in ("simclr_clips", "simclr_clips.yaml", "configs/simclr_clips.yaml", "configs/simclr_clips"):
        assert Path(find(word)).resolve() == ROOT / "configs" / "simclr_clips.yaml"
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "simclr_clips.yaml").write_text("{}")
    assert Path(find("simclr_clips")) == Path("configs/simclr_clips.yaml")
    (tmp_path / "simclr_clips").write_text("{}")
    assert find("simclr_clips") == "simclr_clips"
    with pytest.raises(ConfigError, match="did you mean 'simclr_clips'"):
        find("simclr_clip")


def test_a_folder_is_no_config_and_hides_none_of_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("simclr_clips", "runs/mine", "empty"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "runs" / "mine" / "config.yaml").write_text("{}")
    assert Path(find("simclr_clips")).resolve() == ROOT / "configs" / "simclr_clips.yaml"
    with pytest.raises(ConfigError, match=r"is a folder, and a config is a file$"):
        find("empty")
    with pytest.raises(
        ConfigError, match=r"is a folder, .* of this run is runs/mine/config.yaml; .* as run=runs/mine$"
    ):
        find("runs/mine")


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("avssl eval key", ["keypoints"]),
        ("avssl prepare fash", ["fashion_mnist"]),
        ("avssl show SimC", ["SimCLR"]),
        ("avssl completion z", ["zsh"]),
        ("avssl eval probe eval_probe_fr", ["eval_probe_frames"]),
        ("avssl config simclr_cl", ["simclr_clips"]),
    ],
)
def test_tab_completes_commands_kinds_names_and_configs(capsys, monkeypatch, line, found):
    monkeypatch.setenv("COMP_LINE", line)
    assert said(capsys, "complete").split() == found


def test_bash_completes_by_the_line_that_it_is_given(capsys, tmp_path):
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("no bash")
    line = said(capsys, "completion", "bash")
    shown = subprocess.run([bash, "-c", f"{line}complete -p avssl"], capture_output=True, text=True).stdout
    assert "avssl complete" in shown


def test_hints_fit_a_checkout_and_a_wheel(monkeypatch, tmp_path):
    assert tool("eval_probe") == "python tools/eval_probe.py" and extra("mocap").endswith('install -e ".[mocap]"')
    monkeypatch.setattr("avssl.installed.HOME", ROOT / "avssl")
    assert tool("eval_probe") == "avssl eval probe" and extra("mocap").endswith('install "avssl[mocap]"')


def test_the_drawing_of_samplers_answers_a_call_for_help_and_draws_nothing(capsys, monkeypatch):
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda *_, **__: pytest.fail("it drew"))
    with pytest.raises(SystemExit) as ended:
        cli.main(["draw-samplers", "--help"])  # the one that takes no config
    assert not ended.value.code and "OUT" in capsys.readouterr().out.upper()


def test_a_wheel_carries_tools_configs_and_data_scripts_and_runs_without_the_checkout(tmp_path):
    pytest.importorskip("setuptools", minversion="77")
    source = tmp_path / "source"
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("avssl", "tools", "configs", "datasets"):
        shutil.copytree(ROOT / name, source / name, ignore=ignored)
    for name in ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    build = "from setuptools.build_meta import build_wheel; build_wheel('../dist')"
    quiet = {"cwd": source, "capture_output": True, "check": True, "text": True}
    subprocess.run([sys.executable, "-W", "ignore", "-c", build], **quiet)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        inside = set(file.namelist())
        file.extractall(tmp_path / "site")
    assert {f"avssl/configs/{name}.yaml" for name in configs()} <= inside
    assert {f"avssl/tools/{name}.py" for name in set(tools()) - {"draw_samplers"}} <= inside
    assert {f"avssl/datasets/{name}/prepare.py" for name in datasets()} <= inside
    assert any(name.endswith("entry_points.txt") for name in inside)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    away = {
        "cwd": elsewhere,
        "capture_output": True,
        "text": True,
        "env": os.environ | {"PYTHONPATH": f"{tmp_path}/site"},
    }
    avssl = [sys.executable, "-m", "avssl"]
    assert "SimCLR" in subprocess.run([*avssl, "list", "methods"], **away).stdout
    assert "encoder" in subprocess.run([*avssl, "train", "--help"], **away).stdout
    wrong = subprocess.run([*avssl, "train", "shuffle_learn", "stepss=3"], **away)
    assert wrong.returncode == 2 and "did you mean 'steps'" in wrong.stderr
