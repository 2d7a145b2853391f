"""What is said of settings that cannot be used."""

from collections.abc import Iterable
from difflib import get_close_matches


class ConfigError(ValueError):
    """A setting that cannot be used: where it is, what came, and what would work, in one line."""


def suggest(name: str, options: Iterable[str]) -> str:
    """Return a hint at the option that ``name`` nearly is, or nothing.

    Examples:
        >>> suggest("dropot", ["dropout", "encoder"])
        " (did you mean 'dropout'?)"
    """
    near = get_close_matches(str(name), list(options), 1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def joined(location: str, key: str | int) -> str:
    """Return the dotted path of a key: ``method.encoder.dim``."""
    return f"{location}.{key}" if location else str(key)
