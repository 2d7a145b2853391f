"""Settings of a command line: ``dotted.key=value``, laid over those of a file."""

import collections.abc
import re
import types
import typing
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import yaml

from avssl.config.errors import ConfigError
from avssl.config.parsing import parse

UNIONS = (typing.Union, types.UnionType)
LISTS = (list, tuple, collections.abc.Sequence)
MAPPINGS = (dict, collections.abc.Mapping)


@dataclass(frozen=True)
class Given:
    """A value as it was typed: what it means is known once it is known what is expected."""

    text: str

    def __repr__(self) -> str:
        return repr(self.text)

    def meaning(self, hint: Any = Any) -> Any:
        """Return the value: the text itself where a type is text alone; elsewhere what YAML reads whole, or the text.

        Raises:
            ConfigError: if it begins as a list or a mapping and is none, where text will not do.
        """
        kinds = options(hint)
        if all(is_text(kind) or kind is type(None) for kind in kinds):
            return None if type(None) in kinds and self.text in ("null", "") else self.text
        flow = self.text.lstrip()[:1] in ("[", "{")
        try:
            value = parse(self.text)
        except ConfigError:
            if flow and not any(map(is_text, kinds)):
                raise
            return self.text
        kept = isinstance(value, dict | list) == flow and not loses_comment(self.text)
        plain_text = isinstance(value, str) and self.text.lstrip()[:1] not in ("'", '"')
        return value if kept and not plain_text else self.text


def options(hint: Any) -> list[Any]:
    """Return the types that a type allows."""
    origin, inside = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return options(inside[0])
    return [kind for one in inside for kind in options(one)] if origin in UNIONS else [hint]


def is_text(kind: Any) -> bool:
    """Tell whether a type is text, or a path."""
    return kind in (str, Path, PurePath)


def loses_comment(text: str) -> bool:
    """Tell whether YAML would leave something of a text out: all that may stand between its words is room."""
    end = 0
    for token in yaml.scan(text):
        if re.search(r"\S", text[end : token.start_mark.index]):
            return True
        end = max(end, token.end_mark.index)
    return bool(text[end:].strip())


def settle(value: Any, hint: Any, where: str) -> Any:
    """Return a setting with what was typed read as its type wants; settings of classes wait until those are known.

    Raises:
        ConfigError: see `Given.meaning`.
    """
    if isinstance(value, Given):
        try:
            return value.meaning(hint)
        except ConfigError as error:
            raise ConfigError(f"{where}: {error}") from None
    if not isinstance(value, dict | list):
        return value
    kinds = MAPPINGS if isinstance(value, dict) else LISTS
    fitting = next((one for one in options(hint) if typing.get_origin(one) in kinds), None)
    if fitting is None:
        return value
    inside = typing.get_args(fitting)
    if isinstance(value, dict):
        return {key: settle(one, inside[1], f"{where}.{key}") for key, one in value.items()}
    fixed = typing.get_origin(fitting) is tuple and Ellipsis not in inside and len(inside) == len(value)
    hints = inside if fixed else inside[:1] * len(value)
    return [settle(one, kind, f"{where}.{i}") for i, (one, kind) in enumerate(zip(value, hints, strict=True))]


def settled(value: Any) -> Any:
    """Return settings with all that was typed read without knowing its type."""
    if isinstance(value, Given):
        return value.meaning()
    if isinstance(value, dict):
        return {key: settled(one) for key, one in value.items()}
    return [settled(one) for one in value] if isinstance(value, list) else value


def lay(settings: dict[str, Any], override: str) -> None:
    """Lay one ``dotted.key=value`` over settings, the value in YAML, or text where YAML would not read it whole.

    Examples:
        >>> settings = {"method": {"encoder": "SmallNet"}, "tasks": [{"weight": 1}]}
        >>> for override in ("method.encoder.dim=64", "tasks.0.weight=5e-1", "seed=3", "out=runs/try #2"):
        ...     lay(settings, override)
        >>> settings["method"], settings["tasks"], settings["seed"], settings["out"]
        ({'encoder': {'name': 'SmallNet', 'dim': 64}}, [{'weight': 0.5}], 3, 'runs/try #2')
    """
    target, key, given = place(settings, override)
    target[key] = given.meaning()


def lay_as_given(settings: dict[str, Any], override: str) -> None:
    """Lay one ``dotted.key=value`` over settings as it was typed; `avssl.config.fit` reads it as its type wants."""
    target, key, given = place(settings, override)
    target[key] = given


def place(settings: dict[str, Any], override: str) -> tuple[Any, str | int, Given]:
    """Return the mapping or list that an override reaches into, its key there, and the value as it was typed."""
    path, equals, text = override.partition("=")
    if not equals or not path:
        raise ConfigError(f"{override!r} is no override; write dotted.key=value, such as optim.lr=0.1")
    keys = path.split(".")
    target: Any = settings
    for depth, key in enumerate(keys[:-1]):
        at = index(target, key, keys[:depth])
        inner = target.get(at) if isinstance(target, dict) else target[at]
        if isinstance(inner, Given):
            inner = target[at] = inner.meaning()
        if inner is None:
            inner = target[at] = {}
        elif isinstance(inner, str):  # the short form of {name: ...}
            inner = target[at] = {"name": inner}
        target = inner
    return target, index(target, keys[-1], keys[:-1]), Given(text)


def index(target: Any, key: str, parents: list[str]) -> str | int:
    """Return ``key`` as an index of ``target``, a mapping or a list."""
    where = ".".join(parents)
    if isinstance(target, dict):
        return key
    if isinstance(target, list):
        if key.isdecimal() and len(key) < 9 and int(key) < len(target):
            return int(key)
        raise ConfigError(f"{where}.{key}: {where} is a list of {len(target)}; reach into it by 0 to {len(target) - 1}")
    raise ConfigError(f"{where}.{key}: {where} is {target!r}, which holds no keys")
