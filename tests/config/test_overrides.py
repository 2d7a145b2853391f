"""What is typed on a command line arrives whole where text or a path is expected, and as YAML elsewhere."""

import os
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from avssl import config
from avssl.config import ConfigError

TOOL = '''
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal


def work(
    *,
    text: str = "",
    path: Path = Path(),
    maybe: str | Path | None = "x",
    files: Sequence[Path] = (),
    names: Mapping[str, str] | None = None,
    number: float = 0.0,
    count: int = 0,
    size: tuple[int, int] | None = (1, 1),
    either: int | Literal["auto"] = "auto",
    several: str | Sequence[str] = (),
    anything: Any = None,
):
    """Return what came."""
    return locals()
'''
ODD = [
    *("/films #2", "a: b", "a, b", "'a'", '"a', "it's", "[a]", "[a", "{a}", "{a: 1}", "-x", "- x", "--x", "~", "~/a"),
    *("*a", "&a", "!a", "!!python/object:x", "%a", "@a", "`a`", "a=b", "=", "é/日本/🎬", "", " a ", "a\tb", "a\nb"),
    *("1e3", "010", "true", "None", "2020-01-01", "# all", "? a", "| a", "> a", "--- a", "...", "\x9b", "null.mp4"),
]


@pytest.fixture(autouse=True, scope="module")
def tool(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    (folder / "typed_tool.py").write_text(TOOL)
    patch = pytest.MonkeyPatch()
    patch.syspath_prepend(folder)
    yield
    patch.undo()


def ran(*words, **more):
    return config.main("typed_tool.work", None, arguments=words, **more)


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
@settings(max_examples=60, deadline=None)
def test_any_text_arrives_whole(value):
    found = ran(f"text={value}", f"path={value}", f"names.one={value}")
    assert (found["text"], found["path"], found["names"]["one"]) == (value, Path(value), value)


@pytest.mark.parametrize("value", ODD)
def test_odd_text_arrives_whole_in_every_form(value):
    found = ran(
        f"--text={value}", f"--path={value}", f"maybe=/{value}", f"files.0={value}", "files=[x]", f"files.0={value}"
    )
    assert (found["text"], found["path"], found["maybe"]) == (value, Path(value), f"/{value}")
    assert found["files"] == [Path(value)]
    if not value.startswith("--"):
        assert ran("--text", value)["text"] == value


@pytest.mark.parametrize("value", [one for one in ODD if one and "=" not in one and not one.startswith("--")])
def test_bare_words_arrive_whole(value):
    assert ran(value, takes="path")["path"] == Path(value)
    assert ran(value, "b", takes="files")["files"] == [Path(value), Path("b")]


@pytest.mark.parametrize(
    ("word", "key", "value"),
    [
        ("number=1e-3", "number", 0.001),
        ("count=1e3", "count", 1000),
        ("size=[36, 36]", "size", [36, 36]),
        ("size=null", "size", None),
        ("maybe=null", "maybe", None),
        ("maybe=", "maybe", None),
        ("text=null", "text", "null"),
        ("either=5", "either", 5),
        ("either=auto", "either", "auto"),
        ("several=[a, b]", "several", ["a", "b"]),
        ("several=a #2", "several", "a #2"),
        ("several=[a #2", "several", "[a #2"),
        ('several=["a #2"]', "several", ["a #2"]),
        ("names={a: 'b #2'}", "names", {"a": "b #2"}),
        ("anything={a: [1, x]}", "anything", {"a": [1, "x"]}),
        ("anything=5 # five", "anything", "5 # five"),
        ("anything=a: b", "anything", "a: b"),
        ("anything='5'", "anything", "5"),
    ],
)
def test_what_is_no_text_is_yaml(word, key, value):
    found = ran(word)[key]
    assert (list(found) if isinstance(found, tuple) else found) == value


@pytest.mark.parametrize(
    ("word", "complaint"),
    [
        ("count=3 # three", "count: got '3 # three'; should be a valid integer\n"),
        ("size=[1, 2", "size: line 1: this is no YAML: "),
        ("files=[a #2]", "files: line 1: this is no YAML: "),
        ("size=a\nb", "size: got 'a\\nb'; should be "),
        (f"files.{'9' * 5000}=1", "is a list of 1; reach into it by 0 to 0"),
    ],
)
def test_what_does_not_fit_is_one_line(word, complaint, capsys):
    with pytest.raises(SystemExit):
        ran("files=[x]", word)
    told = capsys.readouterr().err
    assert complaint in told and told.count("\n") == 1


def test_a_class_within_is_named_and_filled_from_the_command_line():
    base = ["method={name: ShuffleAndLearn, encoder: SmallNet}", "method.encoder.dim=8", "method.encoder.name=SmallNet"]
    made = {}
    for word in base:
        config.overrides.lay_as_given(made, word)
    planned = config.fit(made["method"], config.source.resolve("avssl.methods", "Method"), "method")
    assert planned.arguments["encoder"].arguments == {"dim": 8}


def test_a_config_whose_path_holds_an_equals_sign_is_read(tmp_path):
    (tmp_path / "a=b.yaml").write_text("text: read\n")
    assert ran(str(tmp_path / "a=b.yaml"))["text"] == "read"
    assert ran("--config", str(tmp_path / "a=b.yaml"), "count=2")["text"] == "read"


@given(st.text(max_size=12))
@example("/films #2")
@settings(max_examples=60, deadline=None)
def test_laid_without_a_type_nothing_is_cut(value):
    found: dict = {}
    try:
        config.overrides.lay(found, f"a={value}")
    except ConfigError:
        assert value.lstrip()[:1] in ("[", "{")
        return
    if isinstance(found["a"], str) and value.lstrip()[:1] not in ("'", '"'):
        assert found["a"] == value


def test_a_name_that_is_no_unicode_arrives_whole():
    name = os.fsdecode(b"/films \xff")
    assert list(map(str, ran(name, "b", takes="files")["files"])) == [name, "b"]


def test_a_word_longer_than_any_path_is_a_value():
    assert ran(f"text={'a' * 5000}")["text"] == ran(f"text={'a' * 5000}", takes="path")["text"] == "a" * 5000
