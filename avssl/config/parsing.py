"""YAML of version 1.2 as settings; what is no plain settings is refused in one line."""

import re
from collections.abc import Callable
from copy import deepcopy
from itertools import islice
from typing import Any

import yaml

from avssl.config.errors import ConfigError, shortened
from avssl.config.plainness import DEEPEST, require_plain, walk

TAG = "tag:yaml.org,2002:"
MERGE = "<<"
MOST_MERGED = 10_000  # values that merge keys may bring, what is merged again counted again
COLLECTIONS = ("seq", "map")
SCALARS = ("null", "bool", "int", "float", "str")


class Loader(yaml.SafeLoader):
    """YAML by the rules of version 1.2: ``5e-4`` is a number, ``no`` is a word, a key stands once and is text.

    Of version 1.1 it keeps the merge key: ``{<<: *data, split: test}`` holds what ``data`` holds, with another split.
    """

    yaml_implicit_resolvers: dict[str | None, list] = {}  # noqa: RUF012 (replaces PyYAML's table of 1.1)
    yaml_constructors: dict[str | None, Any] = {}  # noqa: RUF012 (likewise: no dates, sets or bytes)
    depth = 0
    merged = 0  # values that merge keys brought so far

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Refuse what is nested deeper than settings ever are, before Python's own stack ends."""
        self.depth += 1
        if self.depth > DEEPEST:
            line = self.peek_event().start_mark.line + 1  # pyright: ignore[reportAttributeAccessIssue]
            raise ConfigError(f"line {line}: is nested deeper than {DEEPEST} levels; settings are flatter")
        made = super().compose_node(parent, index)
        self.depth -= 1
        return made

    def construct_document(self, node: yaml.Node) -> Any:
        """Construct in the order of the text, so that what a merge key names is whole before it is taken in."""
        return self.construct_object(node, deep=True)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Refuse a value within itself."""
        if node in self.recursive_objects:
            line = node.start_mark.line + 1
            raise ConfigError(f"line {line}: holds an anchor that refers to itself; write the settings out")
        return super().construct_object(node, deep)

    def construct_mapping(self, node: yaml.Node, deep: bool = False) -> dict:
        """Refuse a key that stands twice, of which PyYAML would keep the last in silence, and a key that is no text."""
        if not isinstance(node, yaml.MappingNode):
            raise ConfigError(f"line {node.start_mark.line + 1}: {shortened(node.value)} cannot be read as map")
        seen: dict[str, int] = {}
        merged, own = {}, {}
        for key_node, value_node in node.value:
            key, line = self.construct_object(key_node, deep=True), key_node.start_mark.line + 1
            if not isinstance(key, str):
                raise ConfigError(f"line {line}: the key {shortened(key)} is no text; put it in quotes if it should be")
            if key in seen:
                raise ConfigError(f"line {line}: the key {key!r} stands twice, first on line {seen[key]}; keep one")
            seen[key] = line
            value = self.construct_object(value_node, deep=True)
            if key == MERGE and key_node.style is None:  # in quotes it is a key like others
                merged = self.take_in(value, line)
            else:
                own[key] = value
        return merged | own

    def take_in(self, value: Any, line: int) -> dict[str, Any]:
        """Return what a merge key brings: copies of a mapping's settings, or of several, of which the first counts."""
        parts = value if isinstance(value, list) else [value]
        if not parts or not all(isinstance(part, dict) for part in parts):
            told = "<< takes in a mapping, such as *data, or a list of mappings"
            raise ConfigError(f"line {line}: {told}; got {shortened(value)}")
        self.merged += sum(1 for _ in islice(walk(parts, ()), MOST_MERGED + 1 - self.merged))
        if self.merged > MOST_MERGED:
            raise ConfigError(f"line {line}: << takes in more than {MOST_MERGED} values in all; settings hold few")
        found: dict[str, Any] = {}
        for part in parts:
            for key, one in part.items():
                found.setdefault(key, one)
        return deepcopy(found)


class Dumper(yaml.SafeDumper):
    """Writes what `Loader` reads back alike: text that looks like a number of 1.2 is put in quotes."""

    yaml_implicit_resolvers: dict[str | None, list] = {}  # noqa: RUF012 (as above)


for tag, pattern, first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+", list("-+0123456789")),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
):
    for kind in (Loader, Dumper):
        kind.add_implicit_resolver(f"{TAG}{tag}", re.compile(f"^(?:{pattern})$"), first)


def scalar(tag: str) -> Callable[[Loader, Any], Any]:
    """Return what reads scalars of a kind; whole numbers are in tens, where YAML 1.1 would read 010 as eight."""
    construct = yaml.SafeLoader.yaml_constructors[TAG + tag]

    def read_scalar(loader: Loader, node: Any) -> Any:
        try:
            return int(loader.construct_scalar(node)) if tag == "int" else construct(loader, node)
        except (ValueError, KeyError):  # a tag that does not fit, or more digits than Python reads
            line, value = node.start_mark.line + 1, shortened(node.value)
            raise ConfigError(f"line {line}: {value} cannot be read as {tag}") from None

    return read_scalar


def foreign(_: Loader, node: yaml.Node) -> Any:
    """Refuse a tag that would make an object."""
    line, written = node.start_mark.line + 1, node.tag.replace(TAG, "!!")
    raise ConfigError(f"line {line}: the tag {shortened(written)} is not read; settings are text, numbers and lists")


# Only the writer needs to know it by itself: a key that would be read as a merge key is then written in quotes.
Dumper.add_implicit_resolver(f"{TAG}merge", re.compile(f"^{MERGE}$"), ["<"])
for tag in COLLECTIONS:
    Loader.add_constructor(TAG + tag, yaml.SafeLoader.yaml_constructors[TAG + tag])
for tag in SCALARS:
    Loader.add_constructor(TAG + tag, scalar(tag))
Loader.add_constructor(None, foreign)  # pyright: ignore[reportArgumentType]


def parse(text: str) -> Any:
    """Return what a piece of YAML says.

    Raises:
        ConfigError: if it is no YAML, a key stands twice or is no text, or it is not plain: objects, itself again, or
            more than settings ever hold.

    Examples:
        >>> parse("{lr: 5e-4, name: no, size: [32, 48]}")
        {'lr': 0.0005, 'name': 'no', 'size': [32, 48]}
        >>> parse("{data: &data {source: mine.csv, split: train}, held_out: {<<: *data, split: test}}")["held_out"]
        {'source': 'mine.csv', 'split': 'test'}
    """
    try:
        found = yaml.load(text, Loader)
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise ConfigError(f"{line}this is no YAML: {error.problem}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"this is no YAML: {' '.join(str(error).split())}") from None
    require_plain(found)
    return found
