"""Names of files in text: any stream and page takes what is shown, and what is read back is exact.

A name that is not UTF-8 reaches Python with its odd bytes as lone surrogates, which no UTF-8 can hold.
"""

import io
import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

# Pydantic takes no lone surrogates: letters that nobody has given a meaning stand in for them
STAND_INS = {0xDC00 + byte: 0x10FC00 + byte for byte in range(0x80, 0x100)}
ODD_BYTES = {letter: byte for byte, letter in STAND_INS.items()}
EXACT = "surrogateescape"  # how files that are read back are opened, so that such names come and go byte by byte


def printable(value: object) -> str:
    r"""Return a text, or a path as one, for people: what no UTF-8 can hold as an escape.

    Examples:
        >>> printable("caf\udce9.wav")
        'caf\\udce9.wav'
    """
    return str(value).encode("utf-8", "backslashreplace").decode("utf-8")


def to_json(value: Any, **options: Any) -> str:
    r"""Return a value as JSON, readable in UTF-8; odd bytes of names are escapes, which ``json.loads`` turns back.

    Examples:
        >>> to_json({"path": "café\udcff.wav"}), json.loads(to_json("\udcff")) == "\udcff"
        ('{"path": "café\\udcff.wav"}', True)
    """
    return printable(json.dumps(value, ensure_ascii=False, **options))


def to_column(names: Iterable[str]) -> list[Any]:
    """Return names for a column of a table that holds UTF-8 alone: all as bytes where one is not UTF-8."""
    names = list(names)
    return names if all(printable(name) == name for name in names) else [os.fsencode(name) for name in names]


def from_column(value: Any) -> str:
    """Return a name out of a column as `to_column` wrote it."""
    return os.fsdecode(value) if isinstance(value, bytes) else str(value)


def translated(value: Any, letters: dict[int, int]) -> Any:
    """Return a value of plain types with the letters of all its texts and paths exchanged."""
    if isinstance(value, str):
        return value.translate(letters)
    if isinstance(value, Path):
        return type(value)(str(value).translate(letters))
    if isinstance(value, dict):
        return {translated(key, letters): translated(inner, letters) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return type(value)(translated(inner, letters) for inner in value)
    return value


def accept_any_name() -> None:
    """Let this process print any name of a file: escaped, where the terminal's coding cannot hold it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
