"""Whether settings are plain: text, numbers, lists and mappings, no more than settings ever hold, none in itself."""

from collections.abc import Iterator
from typing import Any

from avssl.config.errors import ConfigError, shortened

MOST = 100_000  # values
DEEPEST = 64  # levels


def require_plain(value: Any) -> None:
    """Complain of settings that are not plain.

    Raises:
        ConfigError: if they hold an object, a key that is no text, themselves, or more than settings ever do.
    """
    for number, _ in enumerate(walk(value, ())):
        if number >= MOST:
            raise ConfigError(f"holds more than {MOST} values, what is said again counted again; settings hold few")


def walk(value: Any, above: tuple[Any, ...]) -> Iterator[Any]:
    """Yield every value within settings, each time that it is said."""
    yield value
    if value is None or isinstance(value, bool | int | float | str):
        return
    if not isinstance(value, dict | list | tuple):
        raise ConfigError(f"holds a {type(value).__name__}; settings are text, numbers, lists and mappings")
    if any(value is one for one in above):
        raise ConfigError("holds an anchor that refers to itself; write the settings out")
    if len(above) >= DEEPEST:
        raise ConfigError(f"is nested deeper than {DEEPEST} levels; settings are flatter")
    for key in value if isinstance(value, dict) else ():
        if not isinstance(key, str):
            raise ConfigError(f"has the key {shortened(key)}, which is no text")
    for one in value.values() if isinstance(value, dict) else value:
        yield from walk(one, (*above, value))
