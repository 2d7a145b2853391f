"""Settings become objects; those that cannot say where they are wrong and what would do, before torch is imported."""

import ast
import copy
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from avssl import config
from avssl.config import ConfigError
from avssl.config.check import plain
from avssl.config.reading import lay, parse
from avssl.config.signatures import parameters
from avssl.config.source import exports, is_class, resolve

ROOT = Path(__file__).parents[1]
METHOD = {"name": "ShuffleAndLearn", "encoder": "SmallNet"}
OWN = '''
"""A person's own parts."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from avssl.nets import Encoder, SmallNet
from avssl.sampling import Sampler, Stride


class Mine(SmallNet):
    """A net of one's own.

    Args:
        size: in pixels,
            either way.
    """

    def __init__(self, size: int = 32, parts: "dict[str, Encoder] | None" = None):
        super().__init__(dim=4, width=1)
        self.size, self.parts = size, parts


@dataclass(frozen=True, kw_only=True)
class Odd(Sampler):
    kind: ClassVar[int] = 3
    strides: Sequence[Stride] = ()
    pair: tuple[Sampler, int] | None = None
    hidden: int = field(default=0, init=False)
    later: list[int] = field(default_factory=list)

    def __call__(self, timeline, rng=None):
        raise RuntimeError
'''


@pytest.fixture
def own(tmp_path, monkeypatch):
    (tmp_path / "own_parts.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    yield "own_parts"
    sys.modules.pop("own_parts", None)


def make(base="avssl.methods.Method", **settings):
    return config.make(METHOD | settings, base, "method")


def test_names_become_objects():
    made = make(dropout=0.5, encoder={"name": "SmallNet", "dim": 8, "width": 2})
    assert type(made).__name__ == "ShuffleAndLearn" and made.encoder.dim == 8


def test_a_list_of_objects_and_text_that_a_type_reads_itself(own):
    made = config.make(
        {
            "name": "own_parts.Odd",
            "strides": ["frames(4)", "fps(8)"],
            "pair": [{"name": "UniformClips", "frames": 2}, 5],
        },
        "avssl.sampling.Sampler",
    )
    assert [str(stride) for stride in made.strides] == ["frames(4)", "fps(8)"]
    assert made.pair[0].frames == 2 and made.pair[1] == 5


def test_a_mapping_of_objects_and_code_of_ones_own_says_that_it_runs(own, capsys):
    settings = {"name": "own_parts.Mine", "parts": {"a": "SmallNet", "b": {"name": "SmallNet", "dim": 3}}}
    made = config.make(settings, "avssl.nets.Encoder", "encoder")
    assert made.parts["b"].dim == 3
    assert "encoder: runs code of yours, own_parts.Mine in" in capsys.readouterr().out


def test_an_object_describes_itself_with_its_defaults_and_is_made_again_from_that(own, capsys):
    settings = {"name": "own_parts.Mine", "parts": {"b": {"name": "SmallNet", "dim": 3}}}
    said = config.describe(config.make(settings, "avssl.nets.Encoder"))
    assert said == {
        "name": "own_parts.Mine",
        "size": 32,
        "parts": {"b": {"name": "SmallNet", "dim": 3, "width": 24, "norm": "batch"}},
    }
    assert config.describe(config.make(said, "avssl.nets.Encoder")) == said


def test_what_an_object_built_in_python_did_not_keep_is_refused_later():
    class Net:
        def __init__(self, width=3):
            self.other = width

    said = config.describe(Net())
    assert said["width"] == config.UNRECORDED
    with pytest.raises(ConfigError, match=r"encoder\.width: was not recorded"):
        config.make({"name": "SmallNet", "width": said["width"]}, "avssl.nets.Encoder", "encoder")


def test_fields_of_a_dataclass_are_its_parameters(own):
    assert list(parameters(resolve("own_parts", "Odd"))) == ["strides", "pair", "later"]


def test_docstrings_say_what_arguments_are(own):
    assert parameters(resolve("own_parts", "Mine"))["size"].about == "in pixels, either way."


@pytest.mark.parametrize(
    ("hint", "complaint"),
    [
        (Mapping[str, int], r"^runs: got 3; should be a mapping, \{name: value\}$"),
        (Sequence[int], r"^runs: got 3; should be a list, \[value, value\]$"),
        (Mapping[str, int] | None, r"^runs: got 3; should be a mapping, \{name: value\}$"),
    ],
)
def test_what_is_needed_is_said_in_words_of_yaml(hint, complaint):
    with pytest.raises(ConfigError, match=complaint):
        plain(3, hint, "runs")


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        (
            {"dropot": 0.3},
            r"^method\.dropot: unknown \(did you mean 'dropout'\?\); ShuffleAndLearn takes encoder, head",
        ),
        ({"dropout": "fast"}, r"^method\.dropout: got 'fast'; should be a valid number$"),
        ({"dropout": True}, r"^method\.dropout: got True; should be a valid number$"),
        ({"hidden": 1.5}, r"^method\.hidden: got 1\.5; should be a valid integer$"),
        (
            {"head": "mpl"},
            r"^method\.head: got 'mpl'; should be 'relation', 'mlp' or 'linear' \(did you mean 'mlp'\?\)$",
        ),
        (
            {"encoder": "SmalNet"},
            r"^method\.encoder: unknown Encoder 'SmalNet' \(did you mean 'SmallNet'\?\); there is A",
        ),
        ({"encoder": 3}, r"^method\.encoder: got 3; should be a mapping with the name of an Encoder$"),
        ({"encoder": {"dim": 3}}, r"^method\.encoder\.name: missing; Encoder is one of AlexNet"),
        ({"encoder": {"name": 4}}, r"^method\.encoder\.name: got 4; should be the name of a class$"),
        ({"encoder": "subprocess.Popen"}, r"^method\.encoder: subprocess has no class 'Popen'"),
        ({"encoder": "argparse.ArgumentParser"}, r"^method\.encoder: argparse has no class"),
        ({"encoder": "avssl.nets.RelationHead"}, r"^method\.encoder: avssl\.nets\.RelationHead is no Encoder; it must"),
        ({"encoder": "nowhere.Net"}, r"^method\.encoder: no module 'nowhere' in the Python path"),
        ({"views": [{"name": "Crop"}]}, r"^method\.views\.0\.size: missing; Crop takes size"),
        ({"views": [{"name": "Crop", "size": 8}, {"name": "Flp"}]}, r"^method\.views\.1: unknown Transform 'Flp'"),
        ({"views": "Crop"}, r"^method\.views: got 'Crop'; should be a list$"),
        ({"negatives": 1.0}, r"^method: negatives must be a share in \(0, 1\); got 1\.0$"),
    ],
)
def test_mistakes_are_explained_in_one_line(settings, complaint):
    with pytest.raises(ConfigError, match=complaint) as error:
        make(**settings)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({}, r"^optim\.lr: missing; SGD takes lr, momentum, weight_decay, nesterov$"),
        ({"lr": -1}, r"^optim\.lr: got -1; should be greater than 0$"),
        ({"lr": 0.1, "momentum": 2}, r"^optim\.momentum: got 2; should be less than or equal to 1$"),
    ],
)
def test_numbers_out_of_range_and_missing_keys_are_explained(settings, complaint):
    with pytest.raises(ConfigError, match=complaint):
        config.make({"name": "SGD"} | settings, "avssl.training.Optim", "optim")


def test_a_value_that_is_no_number_is_refused_in_one_line_where_one_is_wanted():
    for value in (float("nan"), [float("nan")]):  # which is unlike itself
        with pytest.raises(ConfigError, match=r"batch_size: got \[?nan\]?; should be a valid integer"):
            config.fit(value, int, "batch_size")


def test_whole_numbers_may_be_written_as_floats_and_may_be_none():
    made = config.make(parse("{name: AdamW, lr: 1e-3, betas: [9e-1, 0.99]}"), "avssl.training.Optim")
    assert made.lr == 0.001 and made.betas == (0.9, 0.99)
    assert config.plan("avssl.training", "train", settings(steps=1e3)).arguments["steps"] == 1000
    assert config.plan("avssl.training", "train", settings(schedule=None)).arguments["schedule"] is None


def settings(**more):
    optim = {"name": "SGD", "lr": 1.0}
    data = {"name": "Videos", "source": "x", "sampler": {"name": "OrderedFrames"}}
    return {"method": METHOD, "data": data, "optim": optim, "steps": 1, "batch_size": 1, "out": "x"} | more


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5e-4", 5e-4),
        ("1E3", 1000.0),
        (".5", 0.5),
        ("-3", -3),
        ("010", 10),
        ("no", "no"),
        ("true", True),
        ("~", None),
        ("1:30", "1:30"),
        ("2020-01-01", "2020-01-01"),
        ("'5'", "5"),
        ("1_000", "1_000"),
        (".inf", float("inf")),
    ],
)
def test_yaml_is_read_by_the_rules_of_1_2(text, value):
    assert parse(text) == value and type(parse(text)) is type(value)


values = st.floats(allow_nan=False) | st.integers(-(10**12), 10**12) | st.booleans() | st.none()


@given(values | st.text("abcefnotruy e-+:._1'\n", max_size=6) | st.lists(values, max_size=3))
@example("1e5")
@example("no")
def test_what_is_written_is_read_back(value):
    with tempfile.TemporaryDirectory() as folder:
        config.write({"key": value}, Path(folder) / "c.yaml")
        read = config.read(Path(folder) / "c.yaml")["key"]
    assert read == value and type(read) is type(value)


def test_a_key_that_stands_twice_is_refused_with_its_line(tmp_path):
    (tmp_path / "c.yaml").write_text("a: 1\nb: {c: 1,\n  c: 2}\n")
    with pytest.raises(ConfigError, match=r"^line 3: the key 'c' stands twice, first on line 2; keep one$"):
        config.read(tmp_path / "c.yaml")


@pytest.mark.parametrize(
    ("text", "complaint"), [("a: [1", r"^line 2: this is no YAML"), ("- 1", "holds a list; a config is a mapping")]
)
def test_a_file_that_is_no_config_is_explained(tmp_path, text, complaint):
    (tmp_path / "c.yaml").write_text(text + "\n")
    with pytest.raises(ConfigError, match=complaint):
        config.read(tmp_path / "c.yaml")


def test_an_empty_file_holds_no_settings(tmp_path):
    (tmp_path / "c.yaml").write_text("# nothing yet\n")
    assert config.read(tmp_path / "c.yaml", ["a.b=1"]) == {"a": {"b": 1}}


@pytest.mark.parametrize(
    ("override", "complaint"),
    [
        ("steps", r"'steps' is no override; write dotted\.key=value"),
        ("list.7=1", r"list\.7: list is a list of 2; reach into it by 0 to 1"),
        ("number.sub=1", r"number\.sub: number is 3, which holds no keys"),
        ("a={b: 1, b: 2}", r"the key 'b' stands twice"),
    ],
)
def test_overrides_that_do_not_fit_are_explained(override, complaint):
    with pytest.raises(ConfigError, match=complaint):
        lay({"list": [1, 2], "number": 3}, override)


def tool(*words, **settings):
    """Run tools/train.py and report its status and last words, and whether torch was imported on the way."""
    code = (
        "import sys, runpy; sys.argv = sys.argv[1:]\n"
        "try: runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "finally: print('TORCH' if 'torch' in sys.modules else 'LIGHT')"
    )
    command = [sys.executable, "-c", code, str(ROOT / "tools/train.py"), *words]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False, **settings)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["nosuch.yaml"], "nosuch.yaml: there is no such config; `python -m avssl list configs` lists them"),
        (["method.encoder.dmi=3"], "configs/shuffle_learn.yaml: method.encoder.dmi: unknown (did you mean 'dim'?)"),
        (["steps=-1"], "configs/shuffle_learn.yaml: steps: got -1; should be greater than or equal to 1"),
        (["data.sampler.count=0"], "configs/shuffle_learn.yaml: data.sampler: OrderedFrames: count must be"),
    ],
)
def test_a_mistake_ends_the_tool_with_one_line_before_torch_is_imported(words, complaint):
    status, out, error = tool(*words)
    assert status == 2 and out.strip() == "LIGHT"
    assert error.startswith(complaint) and error.count("\n") == 1


def test_help_shows_the_usage_and_every_setting_with_its_default():
    status, out, error = tool("--help")
    assert status == 0 and not error and "LIGHT" in out
    assert "Stop it with Ctrl-C" in out
    assert "  steps (needed): optimiser steps to take in all." in out
    assert "  log_every (default 10): steps between records of the log." in out


def function_of(tool):
    """Return the dotted path of the function that a tool or a benchmark runs."""
    calls = [node for node in ast.walk(ast.parse(tool.read_text())) if isinstance(node, ast.Call)]
    path = next(call.args[0].value for call in calls if getattr(call.func, "id", "") == "main")
    return path.replace("__main__", f"{tool.parent.name}.{tool.stem}")


BENCHMARKS = {"bench_training": "training", "bench_pretext": "transforms", "bench_views": "views"}
BENCHMARKS |= {"bench_clustering": "clustering", "bench_contrast": "contrast"}
BENCHMARKS |= {"bench_propagation": "propagation", "bench_looks": "looks", "bench_looks_real": "looks"}
TRAINED = ("tracked_patches",)  # methods that begin like another tool's name


@pytest.mark.parametrize("path", sorted(ROOT.glob("configs/*.yaml")), ids=lambda path: path.stem)
def test_every_config_we_ship_fits_the_tool_it_is_for(path):
    tools = [tool for tool in ROOT.glob("tools/*.py") if path.stem.startswith(tool.stem) and path.stem not in TRAINED]
    tools = sorted(tools, key=lambda tool: len(tool.stem), reverse=True)  # compare_features is not of compare
    if path.stem.startswith("suite_"):
        tools = [ROOT / "tools/compare.py"]
    if path.stem in BENCHMARKS:
        tools = [ROOT / "benchmarks" / f"{BENCHMARKS[path.stem]}.py"]
    function = function_of(tools[0] if tools else ROOT / "tools/train.py")
    module, _, name = function.rpartition(".")
    config.plan(module, name, config.read(path))


@pytest.mark.parametrize("package", ["avssl.nets", "avssl.data", "avssl.transforms", "avssl.methods", "avssl.training"])
def test_the_tables_of_names_point_where_the_names_are(package):
    for name, (module, original) in exports(package).items():
        if module.startswith("avssl."):
            assert resolve(module, original) is not None, name
            assert is_class(resolve(package, name)) or not name[0].isupper() or name in ("Scope",), name


def test_the_default_config_is_found_from_any_folder(tmp_path):
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools/train.py"), "steps=x"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert "steps: got 'x'; should be a valid integer" in done.stderr


def test_a_persons_mistake_inside_a_run_is_one_line_too(monkeypatch, capsys, tmp_path):
    (tmp_path / "own_tool.py").write_text(
        "from avssl.media.errors import OpenError\n"
        "def work(*, kind: str = 'ours'):\n"
        "    '''Work.'''\n"
        "    if kind == 'ours':\n"
        "        raise OpenError('no video stream', source='a.mp4')\n"
        "    if kind == 'stop':\n"
        "        raise KeyboardInterrupt('stopped after step 3')\n"
        "    raise ValueError('a fault')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(SystemExit, match="2"):
        config.main("own_tool.work", None, arguments=["kind=ours"])
    assert capsys.readouterr().err == "a.mp4: no video stream (open)\n"
    with pytest.raises(SystemExit, match="130"):
        config.main("own_tool.work", None, arguments=["kind=stop"])
    with pytest.raises(ValueError, match="a fault"):
        config.main("own_tool.work", None, arguments=["kind=x"])
    with pytest.raises(SystemExit):
        config.main("own_tool.work", None, arguments=[])
    assert "give a config" in capsys.readouterr().err


def test_what_follows_is_called_with_the_folder_that_was_written(monkeypatch, tmp_path):
    (tmp_path / "own_later.py").write_text(
        "from pathlib import Path\n"
        "def work(*, out: Path):\n"
        "    '''Work.'''\n"
        "    out.mkdir()\n"
        "def look(out):\n"
        "    (out / 'seen').touch()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    config.main("own_later.work", None, arguments=[f"out={tmp_path}/run"], then="own_later.look")
    assert (tmp_path / "run" / "seen").exists()
    monkeypatch.setenv("RANK", "1")  # one of several processes of one run
    config.main("own_later.work", None, arguments=[f"out={tmp_path}/other"], then="own_later.look")
    assert not (tmp_path / "other" / "seen").exists()


class Kept(config.Recorded):
    def __init__(self, inner=None, *, width=24):
        self.inner, self.cells = inner, width**2


def test_what_remembers_its_arguments_survives_copies_and_processes():
    made = Kept(Kept(width=3))
    for one in (made, copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        said = config.describe(one)
        assert said["width"] == 24 and said["inner"]["width"] == 3 and one.inner.cells == 9
    with pytest.raises(TypeError, match="unexpected keyword"):
        Kept(depth=3)
