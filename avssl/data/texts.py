"""Text files of other people, opened in one place: the encoding is checked, and what is wrong is said in one line."""

import codecs
import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from avssl.files import FileError

MARKS = (  # of four bytes before those of two that they begin with
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read_bytes(path: Path) -> bytes:
    """Return what a file holds.

    Raises:
        FileError: if it is not there, or cannot be read.
    """
    try:
        return Path(path).read_bytes()
    except FileNotFoundError as error:
        raise FileError(f"{path} does not exist; check the path") from error
    except OSError as error:
        raise FileError(f"{path} cannot be read ({error.strerror})") from error


def read_text(path: Path) -> str:
    """Return a text: UTF-8, or UTF-16 or UTF-32 where a mark at its beginning says so; the mark is taken off.

    Raises:
        FileError: if it cannot be read, or is no such text; it says in which line.
    """
    data = read_bytes(path)
    mark, encoding = next((known for known in MARKS if data.startswith(known[0])), (b"", "utf-8"))
    try:
        text = data[len(mark) :].decode(encoding) if encoding == "utf-8" else data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: len(mark) + error.start].count(b"\n") + 1
        wrong = f"byte 0x{data[len(mark) + error.start]:02x}" if encoding == "utf-8" else "what stands there"
        raise FileError(f"{path}, line {line}: {wrong} is not {encoding.upper()}; save the file as UTF-8") from error
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise FileError(f"{path}, line {line}: a NUL byte; the file is damaged, or no text in UTF-8: save it as that")
    return text


def read_lines(path: Path) -> list[tuple[int, str]]:
    """Return the lines of a text that are not blank, without blanks around, with their numbers from 1.

    Lines end as on Unix, Windows or old Macs; other signs that part lines (such as U+2028) belong to them.

    Raises:
        FileError: if the file is no text.
    """
    lines = enumerate(re.split(r"\r\n|\n|\r", read_text(path)), start=1)
    return [(number, line.strip()) for number, line in lines if line.strip()]


def read_json(path: Path) -> Any:
    """Return what a JSON file holds.

    Raises:
        FileError: if it is no JSON.
    """
    try:
        return json.loads(read_text(path))
    except json.JSONDecodeError as error:
        why = f"{error.msg}, line {error.lineno}, column {error.colno}"
        raise FileError(f"{path} is no JSON ({why}); was it copied whole?") from error
    except RecursionError as error:
        raise FileError(f"{path} is no JSON that can be read: it is nested too deep") from error
    except FileError:
        raise
    except ValueError as error:  # a numeral of thousands of digits
        raise FileError(f"{path} is no JSON that can be read ({str(error).split(';')[0]})") from error


def read_xml(path: Path) -> ElementTree.Element:
    """Return the root of an XML file.

    Raises:
        FileError: if it is no XML.
    """
    try:
        return ElementTree.fromstring(read_bytes(path))
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        if isinstance(error, FileError):
            raise
        raise FileError(f"{path} is no XML ({error})") from error
