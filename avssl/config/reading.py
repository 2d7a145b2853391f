"""Files of settings, and the overrides that are laid over them."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from avssl.config.errors import ConfigError
from avssl.config.overrides import lay
from avssl.config.parsing import Dumper, parse

LARGEST = 2**20  # bytes of a file of settings; reading more takes longer than anybody waits


def read(path: str | Path, overrides: Iterable[str] = ()) -> dict[str, Any]:
    """Read a YAML file and lay overrides over it, in order.

    Args:
        path: the file.
        overrides: settings as ``dotted.key=value``, the value in YAML; a number reaches into a list.

    Raises:
        ConfigError: if the file is missing or no mapping, or an override does not fit it.
    """
    text = read_text(path)
    settings = parse(text) if text.strip() else {}
    settings = {} if settings is None else settings
    if not isinstance(settings, dict):
        raise ConfigError(f"holds a {type(settings).__name__}; a config is a mapping of keys to settings")
    for override in overrides:
        lay(settings, override)
    return settings


def read_text(path: str | Path) -> str:
    """Return the text of a file of settings.

    Raises:
        ConfigError: if it cannot be read, is no UTF-8, or is larger than settings ever are.
    """
    try:
        with open(path, "rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror or error}") from None
    except ValueError as error:  # such as a name with a NUL in it
        raise ConfigError(f"cannot be read: {error}") from None
    if len(content) > LARGEST:
        raise ConfigError(f"has more than {LARGEST} bytes; that is no config")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ConfigError(f"line {line}: is no UTF-8 text; save the file as UTF-8") from None


def write(settings: dict[str, Any], path: Path) -> None:
    """Write settings as YAML that `read` reads back alike."""
    path.write_text(
        yaml.dump(settings, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=120), encoding="utf-8"
    )
