"""What is said of settings that cannot be used."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

LONGEST = 120  # characters of a value in a message


class ConfigError(ValueError):
    """A setting that cannot be used: where it is, what came, and what would work, in one line."""


class UnknownKey(ConfigError):
    """A key that is none of those that a call takes.

    Args:
        where: the dotted key of the call.
        key: that is unknown.
        near: a hint, see `suggest`.
        listing: what the call takes.
    """

    def __init__(self, where: str, key: str, near: str, listing: str):
        super().__init__(f"{joined(where, key)}: unknown{near}; {listing}")
        self.where, self.key, self.near, self.listing = where, key, near, listing


def nearest(name: str, options: Iterable[str]) -> str | None:
    """Return the option that ``name`` nearly is, or None."""
    return next(iter(get_close_matches(str(name)[:LONGEST], list(options), 1)), None)


def suggest(name: str, options: Iterable[str]) -> str:
    """Return a hint at the option that ``name`` nearly is, or nothing.

    Examples:
        >>> suggest("dropot", ["dropout", "encoder"])
        " (did you mean 'dropout'?)"
    """
    near = nearest(name, options)
    return f" (did you mean {near!r}?)" if near else ""


def joined(location: str, key: str | int) -> str:
    """Return the dotted path of a key: ``method.encoder.dim``."""
    word = str(key)
    word = word if word.isprintable() and len(word) <= LONGEST else shortened(word)
    return f"{location}.{word}" if location else word


def shortened(value: Any) -> str:
    r"""Return a value as it is shown in a message: in one line, and not longer than anybody reads.

    Examples:
        >>> shortened("a\nb"), len(shortened("a" * 5000))
        ("'a\\nb'", 120)
    """
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 4]} ..."
