"""Which classes a setting may name, and where else in a config a key belongs that is unknown where it stands."""

import typing
from collections.abc import Iterator
from typing import Any

from avssl.config.errors import ConfigError, UnknownKey, joined, nearest
from avssl.config.overrides import UNIONS, settled
from avssl.config.signatures import bases, is_abstract, parameters
from avssl.config.source import Function, StandIn, exports, is_class, resolve


def home(base: type[StandIn]) -> str:
    """Return the package that exports a class, and with it the rest of its family."""
    package = base.module
    while package:
        if base.node.name in exports(package) and resolve(package, base.node.name) is base:
            return package
        package = package.rpartition(".")[0]
    return base.module


def family(base: type[StandIn]) -> dict[str, type[StandIn]]:
    """Return what may be named where ``base`` is expected: what its home exports and can be made."""
    package = home(base)
    found = {name: resolve(package, name) for name in exports(package)} | {base.node.name: base}
    known = {name: one for name, one in found.items() if is_class(one) and base in bases(one) and not is_abstract(one)}
    if len(known) > 1:
        known.pop(base.node.name, None)
    return known


def elsewhere(error: UnknownKey, target: type[StandIn] | Function, settings: dict[str, Any]) -> UnknownKey:
    """Return what is said of an unknown key, with where the whole config takes one of that name, or of a like one."""
    everywhere: dict[str, list[str]] = {}
    try:
        for location, key in keys_of(target, settings, ""):
            everywhere.setdefault(key, []).append(joined(location, key))
    except (ConfigError, RecursionError):  # of other settings that are odd too; those are told of next
        return error
    known = error.key if error.key in everywhere else "" if error.near else nearest(error.key, everywhere)
    if not known:
        return error
    places = sorted(everywhere[known], key=lambda path: path.count("."))[:3]
    hint = f" (did you mean {' or '.join(map(repr, places))}?)"
    return UnknownKey(error.where, error.key, hint, error.listing)


def keys_of(target: type[StandIn] | Function, settings: dict[str, Any], where: str) -> Iterator[tuple[str, str]]:
    """Yield every key that a call takes, and the calls within it, as far as its settings name them; with its place."""
    for key, parameter in parameters(target).items():
        yield where, key
        for suffix, inner, own in named_in(settings.get(key), parameter.hint):
            yield from keys_of(inner, own, joined(where, f"{key}{suffix}"))


def named_in(value: Any, hint: Any) -> Iterator[tuple[str, type[StandIn], dict[str, Any]]]:
    """Yield the classes that a setting names: where below it, which, and its settings."""
    value = settled(value)
    if is_class(hint):
        mapping = {"name": value} if isinstance(value, str) else value if isinstance(value, dict) else {}
        found = family(hint).get(str(mapping.get("name", hint.node.name)))
        if mapping and found is not None:
            yield "", found, mapping
        return
    origin, inside = typing.get_origin(hint), typing.get_args(hint)
    if isinstance(value, list) and origin not in (*UNIONS, typing.Annotated):
        for number, one in enumerate(value):
            kind = inside[number] if number < len(inside) and Ellipsis not in inside else inside[0] if inside else Any
            yield from ((f".{number}{suffix}", found, own) for suffix, found, own in named_in(one, kind))
        return
    for part in inside:
        yield from named_in(value, part)
