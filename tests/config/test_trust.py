"""Settings of a stranger run no code but the project's own; those of a person are checked before they are imported."""

import sys
from pathlib import Path

import pytest

from avssl import config
from avssl.config import ConfigError, trusting

ROOT = Path(__file__).parents[2]
TRAP = '''
from pathlib import Path

Path(__file__).with_name("SPRUNG").touch()

from avssl.nets import SmallNet


class Net(SmallNet):
    """A net of somebody's."""


class NoNet:
    """Anything else."""
'''


@pytest.fixture
def trap(tmp_path, monkeypatch):
    """A package that leaves a mark when any of it is imported; returns the mark."""
    package = tmp_path / "trap_nets"
    (package / "inner").mkdir(parents=True)
    for name in ("__init__.py", "inner/__init__.py", "inner/small.py"):
        (package / name).write_text(
            TRAP.replace('with_name("SPRUNG")', f'parents[{name.count("/")}].joinpath("SPRUNG")')
        )
    (package / "broken.py").write_text("class Net(:\n")
    (package / "bytes.py").write_bytes(b"\xff\0")
    (package / "circle.py").write_text("class Net(Other): ...\nclass Other(Net): ...\n")
    (package / "calls.py").write_text(
        "from avssl.nets import SmallNet\n"
        "from pydantic import Field\n"
        "from typing import Annotated, Literal\n"
        "LEAST = 1\n"
        "WHERE = dict(a=LEAST)\n"
        "class Net(SmallNet):\n"
        "    def __init__(self, a: exec(\"open('SPRUNG', 'w')\") = 1, b: Annotated[int, Field(ge=LEAST)] = 1,\n"
        "                 c: 'int |' = 1, d: int[3] = 1, e: Literal[LEAST] = 1, f: this.Zen | 5 = 1): ...\n"
        "import this\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(package)
    yield package / "SPRUNG"
    for name in [name for name in sys.modules if name.startswith("trap_nets")]:
        del sys.modules[name]


def encoder(name, **more):
    return config.make({"name": name} | more, "avssl.nets.Encoder", "encoder")


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("this.Zen", "this has no class 'Zen'"),
        ("antigravity.Comic", "antigravity has no class 'Comic'"),
        ("trap_nets.Gone", "trap_nets has no class 'Gone'"),
        ("trap_nets.inner.small.NoNet", "is no Encoder; it must inherit from it"),
        ("trap_nets.gone.Net", "no module 'trap_nets.gone' in the Python path"),
        ("trap_nets.broken.Net", r"broken\.py \(trap_nets\.broken\), line 1: .*; Python cannot read it"),
        ("trap_nets.bytes.Net", r"bytes\.py \(trap_nets\.bytes\)"),
        ("trap_nets.circle.Net", "is defined by itself"),
        ("trap_nets/inner.Net", "is no name of a class; write package.module.Class"),
        ("..trap_nets.Net", "is no name of a class"),
        ("trap_nets.", "is no name of a class"),
        ("a b.Net", "is no name of a class"),
        ("trap_nets.\0.Net", "is no name of a class"),
        ("\n.Net", "is no name of a class"),
        ("numpy._core._multiarray_umath.Net", "no module '.*' in the Python path"),
        ("collections.nope.Net", "no module 'collections.nope'"),
        ("a" * 5000 + ".Net", "no module "),
    ],
)
def test_a_name_is_checked_before_anything_is_imported(trap, name, complaint):
    before = set(sys.modules)
    with pytest.raises(ConfigError, match=complaint) as caught:
        encoder(name)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500
    new = set(sys.modules) - before
    assert not trap.exists() and not new & {"this", "antigravity"} and not any("trap" in one for one in new)


def test_ones_own_class_still_works_from_any_depth(trap):
    assert type(encoder("trap_nets.inner.small.Net", dim=4)).__module__ == "trap_nets.inner.small"
    assert trap.exists()


def test_annotations_are_read_and_not_run(trap):
    planned = config.fit({"name": "trap_nets.calls.Net", "b": 3}, config.source.resolve("avssl.nets", "Encoder"), "e")
    assert planned.arguments == {"b": 3}
    assert not trap.exists() and "this" not in sys.modules


def rebuild(name="trap_nets.inner.small.Net"):
    return config.rebuild({"name": name, "dim": 4}, "avssl.nets.Encoder", "a.ckpt: encoder")


def test_a_stranger_names_no_code_of_others(trap):
    with pytest.raises(
        ConfigError, match=r"^a\.ckpt: encoder: names trap_nets\.inner\.small\.Net, .*say trust=trap_nets,"
    ):
        rebuild()
    for name in ("this.Zen", "trap_nets.Gone", "os.system", "avssl_of_others.Net"):
        with pytest.raises(ConfigError, match="which loading would run"):
            rebuild(name)
    assert not trap.exists()


def test_a_stranger_may_name_our_own_classes_within_our_own():
    assert rebuild("SmallNet").dim == rebuild("avssl.nets.small.SmallNet").dim == 4
    settings = {"name": "ShuffleAndLearn", "encoder": {"name": "trap_nets.Net"}}
    with pytest.raises(ConfigError, match=r"method\.encoder: names trap_nets\.Net"):
        config.rebuild(settings, "avssl.methods.Method", "method")


@pytest.mark.parametrize(
    ("trust", "passes"),
    [
        ("trap_nets", True),
        ("trap_nets.inner", True),
        ("trap_nets.inner.small", True),
        (["other", "trap_nets"], True),
        ("trap_nets.other", False),
        ("trap_net", False),
        ("trap_nets.inner.small.Net", False),
        ((), False),
        ("", False),
    ],
)
def test_trust_reaches_as_far_as_it_says(trap, trust, passes):
    if passes:
        with trusting(trust):
            assert rebuild().dim == 4
    else:
        with trusting(trust), pytest.raises(ConfigError, match="which loading would run"):
            rebuild()
    with pytest.raises(ConfigError, match="which loading would run"):  # and ends with the block
        rebuild()


@pytest.mark.parametrize("trust", ["*", "a b", "a..b", ["a", 3], "/tmp"])
def test_trust_is_in_packages(trust):
    with pytest.raises(ConfigError, match="is no name of a package"), trusting(trust):
        pass


def test_every_tool_that_loads_a_run_takes_trust():
    for tool in sorted((ROOT / "tools").glob("*.py")):
        text = tool.read_text()
        function = (
            text.partition('main(\n        "')[2].partition('"')[0] or text.partition('main("')[2].partition('"')[0]
        )
        if function.startswith("avssl."):
            module, _, name = function.rpartition(".")
            takes = config.signatures.parameters(config.source.resolve(module, name))
            loads = takes.keys() & {"run", "runs", "teachers", "features", "what"}
            assert ("trust" in takes) == bool(loads), tool.name


@pytest.mark.parametrize("settings", [{"dim": 10**15}, {"dim": -1}, {"dim": 0}, {"width": 10**12}])
def test_settings_that_fit_but_can_make_nothing_are_one_line(settings):
    with pytest.raises(ConfigError, match=r"^a: SmallNet cannot be made of these settings \(.*\)$|^a"):
        config.rebuild({"name": "SmallNet"} | settings, "avssl.nets.Encoder", "a")


def test_a_run_of_ones_own_code_says_so_before_it_runs(tmp_path, monkeypatch, capsys):
    (tmp_path / "fails_soon.py").write_text("from avssl.nets import SmallNet\nclass Net(SmallNet): ...\n1 / 0\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ZeroDivisionError):
        encoder("fails_soon.Net")
    assert capsys.readouterr().out.startswith("encoder: runs code of yours, fails_soon.Net in ")
