"""Settings against signatures: what a config calls, with every name, key and value checked."""

import collections.abc
import json
import typing
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError

from avssl.config.errors import ConfigError, UnknownKey, joined, shortened, suggest
from avssl.config.nearby import elsewhere, family
from avssl.config.overrides import UNIONS, settle, settled
from avssl.config.signatures import bases, parameters
from avssl.config.source import Function, StandIn, is_class, locate, resolve
from avssl.config.trust import check_trust, is_dotted
from avssl.text import ODD_BYTES, STAND_INS, translated

UNRECORDED = "?unrecorded"  # stands where an object built in Python kept no word of an argument


@dataclass
class Call:
    """A call that a config makes.

    Args:
        where: the dotted key of the mapping.
        module: where the class or function is defined.
        name: its name there.
        arguments: what to pass: plain values, further calls, and lists and mappings of both.
        how: a function and a class are called; ``"parse"`` asks a class to read itself from text.
    """

    where: str
    module: str
    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
    how: Literal["function", "class", "parse"] = "class"


def plan(module: str, name: str, settings: dict[str, Any]) -> Call:
    """Check the settings of a function, everything within them too.

    Raises:
        ConfigError: at the first key, name or value that does not fit.
    """
    target = resolve(module, name)
    if not isinstance(target, Function):
        raise ConfigError(f"{module} has no function {name!r} whose source can be read")
    try:
        return call(target, settings, "")
    except UnknownKey as error:
        raise elsewhere(error, target, settings) from None


def call(target: type[StandIn] | Function, settings: dict[str, Any], where: str) -> Call:
    """Check the settings of one call against the signature."""
    name = target.node.name
    takes = parameters(target)
    listing = f"{name} takes {', '.join(takes) or 'nothing'}"
    for key in settings:
        if key not in takes:
            raise UnknownKey(where, key, suggest(key, takes), listing)
    for key, parameter in takes.items():
        if key not in settings and parameter.default is None:
            raise ConfigError(f"{joined(where, key)}: missing; {listing}")
    arguments = {key: fit(value, takes[key].hint, joined(where, key)) for key, value in settings.items()}
    return Call(where, target.module, name, arguments, "function" if isinstance(target, Function) else "class")


def fit(value: Any, hint: Any, where: str) -> Any:
    """Return what a setting means where a type is expected: a plain value, a `Call`, or a container of them.

    Raises:
        ConfigError: if the setting does not fit the type.
    """
    value = settle(value, hint, where)
    if isinstance(value, str) and value == UNRECORDED:
        raise ConfigError(f"{where}: was not recorded, for the object was built in Python and keeps no such attribute")
    if not mentions_class(hint):
        return plain(value, hint, where)
    if is_class(hint):
        return component(value, hint, where)
    origin, inside = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return fit(value, inside[0], where)
    if origin in UNIONS:
        return choose(value, inside, where)
    if origin is dict or origin is collections.abc.Mapping:
        mapping = expect(value, dict, "a mapping", where)
        return {key: fit(one, inside[1], joined(where, key)) for key, one in mapping.items()}
    items = expect(value, list, "a list", where)
    if origin is tuple and Ellipsis not in inside and len(items) != len(inside):
        raise ConfigError(f"{where}: got a list of {len(items)}; needs {len(inside)}")
    types_of_items = inside if origin is tuple and Ellipsis not in inside else inside[:1] * len(items)
    made = [fit(one, kind, joined(where, i)) for i, (one, kind) in enumerate(zip(items, types_of_items, strict=True))]
    return tuple(made) if origin is tuple else made


def mentions_class(hint: Any) -> bool:
    """Tell whether a type is, or contains, a class that a config may name."""
    if is_class(hint):
        return True
    return any(mentions_class(part) for part in typing.get_args(hint))


def choose(value: Any, options: tuple[Any, ...], where: str) -> Any:
    """Fit a value to one of several types."""
    classes = [option for option in options if mentions_class(option)]
    others = [option for option in options if not mentions_class(option)]
    try:
        if others:
            return plain(value, typing.Union[tuple(others)], where)  # noqa: UP007 (works on values)
    except ConfigError:
        if value is None or isinstance(value, bool):  # never the name of a class
            raise
    complaints = []
    for option in classes:
        try:
            return fit(value, option, where)
        except ConfigError as error:
            complaints.append(error)
    raise complaints[0]


def plain(value: Any, hint: Any, where: str) -> Any:
    """Check a value without classes of ours, strictly: text is no number, and true is no number either."""
    stand_in = translated(value, STAND_INS)
    if repr(stand_in) != repr(value):  # not by value: NaN is unlike itself
        return translated(plain(stand_in, hint, where), ODD_BYTES)
    adapter = TypeAdapter(hint, config=ConfigDict(arbitrary_types_allowed=True))
    value = settled(value)
    try:
        return adapter.validate_json(json.dumps(value), strict=True)
    except (TypeError, RecursionError):
        raise ConfigError(f"{where}: got {shortened(value)}; should be what YAML can hold") from None
    except ValidationError as error:
        if error.errors()[0]["type"] == "json_invalid":
            raise ConfigError(
                f"{where}: got {shortened(value)}; is no UTF-8 text, give the file another name"
            ) from None
        if isinstance(value, float) and value.is_integer():
            try:  # 1e4 steps are a whole number of steps
                return adapter.validate_json(json.dumps(int(value)), strict=True)
            except ValidationError:
                pass
        needs = dict.fromkeys(in_yaml(one["msg"]) for one in error.errors())
        choices = [
            option for one in error.errors() for option in one.get("ctx", {}).get("expected", "").split("'")[1::2]
        ]
        hint_at = suggest(value, choices) if isinstance(value, str) else ""
        raise ConfigError(f"{where}: got {shortened(value)}; {' or '.join(needs)}{hint_at}") from None


def in_yaml(message: str) -> str:
    """Return what pydantic asks for, which has the words of JSON, in those of YAML."""
    words = {"Input": "", "an object": "a mapping, {name: value}", "a valid array": "a list, [value, value]"}
    for theirs, ours in words.items():
        message = message.replace(theirs, ours, 1)
    return message.lstrip()


def component(value: Any, base: type[StandIn], where: str) -> Call:
    """Check a mapping (or a bare name) that names a class of a family."""
    if isinstance(value, str) and any(getattr(node, "name", "") == "parse" for node in base.node.body):
        return Call(where, base.module, base.node.name, {"text": value}, "parse")
    if isinstance(value, str):
        value = {"name": value}
    settings = dict(expect(value, dict, f"a mapping with the name of {article(base.node.name)}", where))
    known = family(base)
    if "name" not in settings:
        if set(known) != {base.node.name}:
            raise ConfigError(f"{joined(where, 'name')}: missing; {base.node.name} is one of {listed(known)}")
        return call(base, settings, where)
    name = settle(settings.pop("name"), str, joined(where, "name"))
    name = expect(name, str, "the name of a class", joined(where, "name"))
    return call(find(name, base, known, where), settings, where)


def find(name: str, base: type[StandIn], known: dict[str, type[StandIn]], where: str) -> type[StandIn]:
    """Return the class that a name means: one of the family's, or a dotted path to a person's own."""
    if name in known:
        return known[name]
    module, _, last = name.rpartition(".")
    if not module:
        raise ConfigError(
            f"{where}: unknown {base.node.name} {shortened(name)}{suggest(name, known)}; there is {listed(known)}"
        )
    if not is_dotted(name):
        raise ConfigError(f"{where}: {shortened(name)} is no name of a class; write package.module.Class")
    check_trust(module, last, where)
    if locate(module) is None:
        raise ConfigError(f"{where}: no module {shortened(module)} in the Python path; write package.module.Class")
    try:
        found = resolve(module, last)
        fits = is_class(found) and base in bases(found)
    except RecursionError:
        raise ConfigError(f"{where}: {name} is defined by itself; a class needs a base that is defined") from None
    if not is_class(found):
        raise ConfigError(f"{where}: {module} has no class {last!r}")
    if not fits:
        raise ConfigError(f"{where}: {name} is no {base.node.name}; it must inherit from it")
    return found


def expect(value: Any, kind: type, words: str, where: str) -> Any:
    if not isinstance(value, kind):
        raise ConfigError(f"{where}: got {shortened(value)}; should be {words}")
    return value


def listed(known: dict[str, Any]) -> str:
    return ", ".join(sorted(known)) or "none"


def article(name: str) -> str:
    return f"{'an' if name[0] in 'AEIOU' else 'a'} {name}"
