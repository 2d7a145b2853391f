"""YAML files, and the overrides that a command line lays over them."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from avssl.config.errors import ConfigError
from avssl.text import EXACT


class Loader(yaml.SafeLoader):
    """YAML by the rules of version 1.2: ``5e-4`` is a number, ``no`` is a word, a key stands once."""

    yaml_implicit_resolvers: dict[str | None, list] = {}  # noqa: RUF012 (replaces PyYAML's table of 1.1)
    # As in PyYAML, but for names of files that are not UTF-8, whose odd bytes come as lone surrogates
    NON_PRINTABLE = re.compile("[^\t\n\r -~\x85\xa0-\ud7ff\udc80-\udcff\ue000-\ufffd\U00010000-\U0010ffff]")

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        """Refuse a key that stands twice; PyYAML would keep the last in silence."""
        seen: dict[Any, int] = {}
        for key_node, _ in node.value:
            key, line = self.construct_object(key_node, deep=True), key_node.start_mark.line + 1
            if key in seen:
                raise ConfigError(f"line {line}: the key {key!r} stands twice, first on line {seen[key]}; keep one")
            seen[key] = line
        return super().construct_mapping(node, deep)


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
        kind.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"^(?:{pattern})$"), first)


def whole(loader: Loader, node: Any) -> int:
    """Read a whole number in tens; YAML 1.1 would read 010 as eight."""
    return int(loader.construct_scalar(node))


Loader.add_constructor("tag:yaml.org,2002:int", whole)


def parse(text: str) -> Any:
    """Return what a piece of YAML says.

    Raises:
        ConfigError: if it is no YAML, or a key stands twice.

    Examples:
        >>> parse("{lr: 5e-4, name: no, size: [32, 48]}")
        {'lr': 0.0005, 'name': 'no', 'size': [32, 48]}
    """
    try:
        return yaml.load(text, Loader)
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise ConfigError(f"{line}this is no YAML: {error.problem}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"this is no YAML: {' '.join(str(error).split())}") from None


def read(path: str | Path, overrides: Iterable[str] = ()) -> dict[str, Any]:
    """Read a YAML file and lay overrides over it, in order.

    Args:
        path: the file.
        overrides: settings as ``dotted.key=value``, the value in YAML; a number reaches into a list.

    Raises:
        ConfigError: if the file is missing or no mapping, or an override does not fit it.
    """
    try:
        text = Path(path).read_text(encoding="utf-8", errors=EXACT)
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror or error}") from None
    settings = parse(text) if text.strip() else {}
    settings = {} if settings is None else settings
    if not isinstance(settings, dict):
        raise ConfigError(f"holds a {type(settings).__name__}; a config is a mapping of keys to settings")
    for override in overrides:
        lay(settings, override)
    return settings


def lay(settings: dict[str, Any], override: str) -> None:
    """Lay one ``dotted.key=value`` over settings.

    Examples:
        >>> settings = {"method": {"encoder": "SmallNet"}, "tasks": [{"weight": 1}]}
        >>> for override in ("method.encoder.dim=64", "tasks.0.weight=5e-1", "seed=3"):
        ...     lay(settings, override)
        >>> settings
        {'method': {'encoder': {'name': 'SmallNet', 'dim': 64}}, 'tasks': [{'weight': 0.5}], 'seed': 3}
    """
    path, equals, text = override.partition("=")
    if not equals or not path:
        raise ConfigError(f"{override!r} is no override; write dotted.key=value, such as optim.lr=0.1")
    keys = path.split(".")
    target: Any = settings
    for depth, key in enumerate(keys[:-1]):
        place = index(target, key, keys[:depth])
        inner = target.get(place) if isinstance(target, dict) else target[place]
        if inner is None:
            inner = target[place] = {}
        elif isinstance(inner, str):  # the short form of {name: ...}
            inner = target[place] = {"name": inner}
        target = inner
    target[index(target, keys[-1], keys[:-1])] = parse(text)


def index(target: Any, key: str, parents: list[str]) -> str | int:
    """Return ``key`` as an index of ``target``, a mapping or a list."""
    where = ".".join(parents)
    if isinstance(target, dict):
        return key
    if isinstance(target, list):
        if key.isdecimal() and int(key) < len(target):
            return int(key)
        raise ConfigError(f"{where}.{key}: {where} is a list of {len(target)}; reach into it by 0 to {len(target) - 1}")
    raise ConfigError(f"{where}.{key}: {where} is {target!r}, which holds no keys")


def write(settings: dict[str, Any], path: Path) -> None:
    """Write settings as YAML that `read` reads back alike."""
    path.write_text(
        yaml.dump(settings, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=120), encoding="utf-8"
    )
