"""Files that are no settings are refused in one line, soon, and without doing what they say."""

import time

import pytest

from avssl import config
from avssl.config import ConfigError

LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
MERGED_LAUGHS = "a: &k0 {x: 1}\n" + "".join(f"k{n}: &k{n} {{<<: *k{n - 1}, y{n}: *k{n - 1}}}\n" for n in range(1, 40))
MANY = "{" + ", ".join(f"k{n}: {n}" for n in range(1000)) + "}"
WIDE = f"a: &a {MANY}\nb: {{<<: [{', '.join(['*a'] * 120)}]}}\n"
FILES = {
    "no UTF-8": (b"a: 1\nb: \xff\xfe\n", "line 2: is no UTF-8 text"),
    "UTF-16": ("a: 1\n".encode("utf-16"), "is no UTF-8 text"),
    "too deep, flow": (b"a: " + b"[" * 5000 + b"]" * 5000, "nested deeper than 64 levels"),
    "too deep, block": ("".join(f"{' ' * n}a:\n" for n in range(500)).encode(), "nested deeper than 64 levels"),
    "deep by anchors": (
        b"a: &a " + b"[" * 50 + b"]" * 50 + b"\nb: &b " + b"[" * 50 + b"*a" + b"]" * 50,
        "deeper than 64",
    ),
    "itself": (b"a: &a {b: *a}", "refers to itself"),
    "itself in a list": (b"a: &a [*a]", "refers to itself"),
    "itself in a list of its own": (b"a: &a {b: [1, {c: *a}]}", "line 1: holds an anchor that refers to itself"),
    "itself merged": (b"a: 1\nb: &b {<<: *b}\n", "line 2: holds an anchor that refers to itself"),
    "itself in what is merged": (b"b: &b {c: {<<: *b}}", "line 1: holds an anchor that refers to itself"),
    "merged laughs": (MERGED_LAUGHS.encode(), "more than 10000 values"),
    "wide merges": (WIDE.encode(), "more than 10000 values"),
    "merged too deep": (
        b"a: &a {b: " + b"[" * 50 + b"]" * 50 + b"}\nc: " + b"[" * 30 + b"{<<: *a}" + b"]" * 30,
        "deeper than 64",
    ),
    "two merge keys": (b"a: &a {b: 1}\nc: {<<: *a, <<: *a}\n", "line 2: the key '<<' stands twice"),
    "a key twice beside a merge": (b"a: &a {b: 1}\nc: {<<: *a, b: 2, b: 3}\n", "line 2: the key 'b' stands twice"),
    "merge of text": (b"a: 1\nb: {<<: x}\n", r"line 2: << takes in a mapping, such as \*data, .*; got 'x'"),
    "merge of nothing": (b"a: {<<: }\n", "line 1: << takes in a mapping, .*; got None"),
    "merge of a list of numbers": (b"a: {<<: [1]}\n", r"line 1: << takes in a mapping, .*; got \[1\]"),
    "merge of an empty list": (b"a: {<<: []}\n", r"line 1: << takes in a mapping, .*; got \[\]"),
    "merge before its anchor": (b"a: {<<: *b}\nb: &b {c: 1}\n", "line 1: this is no YAML: found undefined alias"),
    "merge by tag": (b"a: &a {b: 1}\nc: {!!merge x: *a}\n", "line 2: the tag '!!merge' is not read"),
    "mapping by force": (b"a: !!map x\n", "line 1: 'x' cannot be read as map"),
    "list by force": (b"a: !!seq x\n", "line 1: .*expected a sequence"),
    "itself as a key": (b"&a {*a : 1}", "line 1: holds an anchor that refers to itself"),
    "billion laughs": (LAUGHS.encode(), "more than 100000 values"),
    "a key twice": (b"a: 1\na: 2\n", "line 2: the key 'a' stands twice"),
    "tab": (b"a:\n\tb: 1\n", "line 2: this is no YAML"),
    "NUL": (b"a: \0\n", "this is no YAML"),
    "long number": (b"a: " + b"9" * 5000, "cannot be read as int"),
    "number as key": (b"1: x\n", "line 1: the key 1 is no text"),
    "list as key": (b"[1]: x\n", r"line 1: the key \[1\] is no text"),
    "mapping as key": (b"{a: 1}: x\n", "line 1: the key .* is no text"),
    "null as key": (b"a: {~: x}\n", "line 1: the key None is no text"),
    "date": (b"a: !!timestamp 2020-01-01\n", "line 1: the tag '!!timestamp' is not read"),
    "set": (b"a: !!set {b, c}\n", "the tag '!!set' is not read"),
    "bytes": (b"a: !!binary aGk=\n", "the tag '!!binary' is not read"),
    "python": (
        b"a: !!python/object/apply:os.system ['true']\n",
        "the tag '!!python/object/apply:os.system' is not read",
    ),
    "own tag": (b"a: !mine {b: 1}\n", "the tag '!mine' is not read"),
    "number by force": (b"a: !!int x\n", "line 1: 'x' cannot be read as int"),
    "float by force": (b"a: !!float x\n", "cannot be read as float"),
    "truth by force": (b"a: !!bool maybe\n", "cannot be read as bool"),
    "two documents": (b"a: 1\n---\nb: 2\n", "line 2: this is no YAML: .*another document"),
    "unknown anchor": (b"a: *b\n", "this is no YAML: found undefined alias"),
    "huge": (b"a: b\n" * 300_000, "more than 1048576 bytes"),
    "huge, cut in a letter": ("é".encode() * 600_000 + b"x", "more than 1048576 bytes"),
    "text": (b"just words\n", "holds a str; a config is a mapping"),
}


@pytest.mark.parametrize(("content", "complaint"), list(FILES.values()), ids=list(FILES))
def test_a_file_that_is_no_settings_is_one_line_soon(tmp_path, content, complaint):
    (tmp_path / "c.yaml").write_bytes(content)
    started = time.process_time()
    with pytest.raises(ConfigError, match=complaint) as caught:
        config.read(tmp_path / "c.yaml")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300
    assert time.process_time() - started < 10  # what grows by powers takes hours


@pytest.mark.parametrize(
    ("path", "complaint"),
    [("", "Is a directory"), ("gone.yaml", "No such file"), ("a\0b.yaml", "null"), ("a" * 5000, "too long")],
)
def test_what_is_no_file_is_one_line(tmp_path, path, complaint):
    with pytest.raises(ConfigError, match=f"cannot be read: .*{complaint}"):
        config.read(f"{tmp_path}/{path}")


@pytest.mark.parametrize("content", [b"", b"\n\n", b"# nothing\n", b"---\n", b"null\n", b"\xef\xbb\xbf# marked\n"])
def test_an_empty_file_holds_nothing(tmp_path, content):
    (tmp_path / "c.yaml").write_bytes(content)
    assert config.read(tmp_path / "c.yaml") == {}


def test_what_is_said_once_and_meant_often_is_still_read(tmp_path):
    (tmp_path / "c.yaml").write_text("a: &a {b: [1, 2]}\nc: *a\nd: 2020-01-01\n'1': x\n")
    assert config.read(tmp_path / "c.yaml") == {"a": {"b": [1, 2]}, "c": {"b": [1, 2]}, "d": "2020-01-01", "1": "x"}


def test_a_key_with_a_line_end_stays_one_line():
    with pytest.raises(ConfigError, match="unknown") as caught:
        config.make({"name": "SmallNet", "di\nm": 3}, "avssl.nets.Encoder", "encoder")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [object(), {1, 2}, b"x", 5 + 1j])
def test_an_object_in_settings_is_one_line(value):
    with pytest.raises(ConfigError, match=r"^encoder\.dim: got .*; should be what YAML can hold$"):
        config.make({"name": "SmallNet", "dim": value}, "avssl.nets.Encoder", "encoder")


def test_a_merge_key_takes_in_what_is_not_said_again(tmp_path):
    (tmp_path / "c.yaml").write_text(
        "data: &data\n  source: mine.csv\n  split: train\n  sampler: {count: 4}\n"
        "held_out:\n  <<: *data\n  split: test\n  size: [2, 3]\n"
    )
    found = config.read(tmp_path / "c.yaml")["held_out"]
    assert found == {"source": "mine.csv", "split": "test", "sampler": {"count": 4}, "size": [2, 3]}
    assert list(found) == ["source", "split", "sampler", "size"]


def test_of_several_merged_mappings_the_first_counts_and_what_is_said_counts_most(tmp_path):
    (tmp_path / "c.yaml").write_text("a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc: {z: 3, <<: [*a, *b]}\n")
    assert config.read(tmp_path / "c.yaml")["c"] == {"x": 1, "y": 1, "z": 3}


def test_merged_settings_are_copies_that_overrides_change_in_one_place(tmp_path):
    (tmp_path / "c.yaml").write_text("data: &data {size: [1, 2], sampler: {count: 4}}\nheld_out: {<<: *data}\n")
    found = config.read(tmp_path / "c.yaml", ["data.sampler.count=8", "held_out.size.0=5"])
    assert found["data"] == {"size": [1, 2], "sampler": {"count": 8}}
    assert found["held_out"] == {"size": [5, 2], "sampler": {"count": 4}}


def test_what_is_written_is_resolved_and_a_quoted_merge_key_is_a_key(tmp_path):
    (tmp_path / "c.yaml").write_text("a: &a {x: [1]}\nb: {<<: *a, y: <<}\nc: {'<<': 1}\n")
    found = config.read(tmp_path / "c.yaml")
    assert found == {"a": {"x": [1]}, "b": {"x": [1], "y": "<<"}, "c": {"<<": 1}}
    config.write(found, tmp_path / "written.yaml")
    text = (tmp_path / "written.yaml").read_text()
    assert config.read(tmp_path / "written.yaml") == found and "&" not in text and "*" not in text
