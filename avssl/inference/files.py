"""The files that a tool is given: named one by one, or folders of them."""

from collections.abc import Sequence
from pathlib import Path

from avssl.config import ConfigError
from avssl.files import FileError, files_named


def files_given(files: Sequence[Path], endings: frozenset[str], what: str, example: str) -> list[Path]:
    """Return the files that were named, and those in folders that were, each once, sorted by name.

    Args:
        files: as they were named.
        endings: of the files that count in folders; `avssl.files` tells the rest of the rule.
        what: they should be, in words.
        example: of a call.

    Raises:
        ConfigError: if there are none, one does not exist, or a folder holds none.
    """
    if not files:
        raise ConfigError(f"files: give at least one, such as {example}")
    try:
        return files_named(files, endings, what)
    except FileError as error:
        raise ConfigError(f"files: {error}") from error
