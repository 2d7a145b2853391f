"""Calls to objects: the first place where what a config names is imported."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib import import_module
from typing import Any

from avssl.config.check import Call, fit
from avssl.config.describe import record
from avssl.config.errors import ConfigError
from avssl.config.plainness import require_plain
from avssl.config.source import StandIn, is_class, locate, resolve
from avssl.config.trust import from_strangers

_weightless: ContextVar[bool] = ContextVar("weightless", default=False)
LIGHT = "avssl.sampling"  # needs NumPy only: what is built from it complains before torch is imported


def build(planned: Call, seed: int | None = None) -> Any:
    """Make what a plan calls, the innermost first.

    Args:
        planned: by `plan` or `fit`.
        seed: of torch, before anything that needs it is made: initial weights repeat too. None leaves it.

    Raises:
        ConfigError: if a constructor refuses its arguments; the message is its own, with the key in front.
    """
    made: dict[int, Any] = {}
    for inner in calls(planned):
        if inner.module.startswith(LIGHT):
            perform(inner, made)
    if seed is not None:
        import torch

        torch.manual_seed(seed)
    return perform(planned, made)


def calls(value: Any) -> Iterator[Call]:
    """Yield every call within a value, inner ones first."""
    if isinstance(value, Call):
        yield from calls(value.arguments)
        yield value
    elif isinstance(value, dict | list | tuple):
        for one in value.values() if isinstance(value, dict) else value:
            yield from calls(one)


def perform(value: Any, made: dict[int, Any]) -> Any:
    """Make one value; each call is made once."""
    if isinstance(value, dict):
        return {key: perform(one, made) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(perform(one, made) for one in value)
    if not isinstance(value, Call):
        return value
    if id(value) not in made:
        made[id(value)] = construct(value, {key: perform(one, made) for key, one in value.arguments.items()})
    return made[id(value)]


def construct(planned: Call, arguments: dict[str, Any]) -> Any:
    """Import and call; an object remembers its arguments."""
    if planned.how != "function" and not planned.module.startswith("avssl."):
        print(f"{planned.where}: runs code of yours, {planned.module}.{planned.name} in {locate(planned.module)}")
    target = getattr(import_module(planned.module), planned.name)
    if planned.how == "function":
        return target(**arguments)
    try:
        return target.parse(arguments["text"]) if planned.how == "parse" else record(target(**arguments), arguments)
    except ConfigError:
        raise
    except ValueError as error:
        raise ConfigError(f"{planned.where}: {error}") from error


@contextmanager
def without_weights() -> Iterator[None]:
    """Let what is built fetch no weights from elsewhere: those of a run follow, or initial ones are wanted."""
    token = _weightless.set(True)
    try:
        yield
    finally:
        _weightless.reset(token)


def weights_follow() -> bool:
    """Tell whether what is built now shall fetch no weights, see `without_weights`."""
    return _weightless.get()


def make(settings: Any, base: type | str, where: str = "") -> Any:
    """Make the object that settings name.

    Args:
        settings: a mapping with ``name`` and arguments, or a bare name.
        base: the class it must inherit from, or its dotted path.
        where: dotted key of the settings, for messages.

    Examples:
        >>> make({"name": "UniformClips", "frames": 4, "stride": "fps(8)"}, "avssl.sampling.Sampler").stride
        fps(8)
    """
    return build(fit(settings, family_of(base, where), where))


def rebuild(settings: Any, base: type | str, where: str = "") -> Any:
    """Make the object that settings out of a file of somebody else's name, as `make` does.

    Nothing that is made fetches weights. Classes of other packages than this project's are refused before they are
    looked for, unless one of `trusting` is named. What the settings cannot make, though they fit, is told in one line
    too.

    Args:
        settings: a mapping with ``name`` and arguments, or a bare name; anything else is refused.
        base: the class it must inherit from, or its dotted path.
        where: the file and the key in it, for messages.

    Raises:
        ConfigError: if nobody trusts a class, settings are not plain, or what they name cannot be made.
    """
    try:
        require_plain(settings)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None
    with from_strangers():
        planned = fit(settings, family_of(base, where), where)
    try:
        with without_weights():
            return build(planned)
    except ConfigError:
        raise
    except (ArithmeticError, LookupError, MemoryError, RuntimeError, TypeError, ValueError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ConfigError(f"{where}: {planned.name} cannot be made of these settings ({reason})") from error


def family_of(base: type | str, where: str) -> type[StandIn]:
    """Return the stand-in of a base class.

    Raises:
        ConfigError: if its source cannot be read.
    """
    path = base if isinstance(base, str) else f"{base.__module__}.{base.__qualname__}"
    module, _, name = path.rpartition(".")
    stand_in = resolve(module, name)
    if not is_class(stand_in):
        known = "imported" if module in sys.modules else "not found"
        raise ConfigError(f"{where or 'settings'}: {path} is no class whose source can be read ({module} is {known})")
    return stand_in
