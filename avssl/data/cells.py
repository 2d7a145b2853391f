"""What the cells of a manifest say: words of splits, classes, seconds, boxes."""

import math
import re
from collections.abc import Iterable

from avssl.data.tables import BETWEEN, Row
from avssl.files import FileError

NUMBER = re.compile(r"-1|0|[1-9][0-9]{0,8}")  # a label that is a number and no name; -1 for none
IGNORED = "?"  # before a label: neither there nor not there


def is_of(split: str, cell: str) -> bool:
    """Tell whether a cell of the column ``split`` names a split: as a whole, or as one of its words.

    Examples:
        >>> is_of("train1", "train1 test2"), is_of("train", "train1 test2"), is_of("held out", "held out")
        (True, False, True)
    """
    return cell == split or split in cell.split()


def class_names(labels: Iterable[str]) -> list[str]:
    """Return the names of the classes that labels are, sorted; none if all are numbers of classes.

    A number is written without sign and leading zeros: ``01`` is a name, and with one name all are names.

    Examples:
        >>> class_names(["7", "10"]), class_names(["01", "1"]), class_names(["dog", "cat", "dog"])
        ([], ['01', '1'], ['cat', 'dog'])
    """
    found = set(labels)
    return [] if all(NUMBER.fullmatch(label) for label in found) else sorted(found)


def parts_of(cell: str) -> list[str]:
    """Return what a cell of the column ``labels`` names.

    Examples:
        >>> parts_of("dog  | ?cat |"), parts_of("")
        (['dog', '?cat'], [])
    """
    return [part.strip() for part in f" {cell} ".split(BETWEEN) if part.strip()]


def name_of(part: str) -> str:
    """Return a label without the sign that it is to be ignored."""
    return part.removeprefix(IGNORED).strip()


def presence(cell: str, numbers: dict[str, int]) -> tuple[float, ...]:
    """Return for each class 1 if a cell of the column ``labels`` names it, NaN if with a ``?``, else 0.

    Examples:
        >>> presence("dog | ?cat", {"cat": 0, "cow": 1, "dog": 2})
        (nan, 0.0, 1.0)
    """
    found = [0.0] * len(numbers)
    for part in parts_of(cell):
        found[numbers[name_of(part)]] = math.nan if part.startswith(IGNORED) else 1.0
    return tuple(found)


def check_labels(row: Row, where: str) -> None:
    """Complain about a label that runs over lines, as it does where a quote is left open."""
    for column in ("label", "labels", "split"):
        if re.search(r"[\r\n]", row.get(column, "")):
            raise FileError(f"{where}: the cell in column {column!r} runs over lines; is a quote left open?")


def number_in(row: Row, column: str, what: str, where: str) -> float | None:
    """Return a finite number of a row, or None where it is blank.

    Raises:
        FileError: if it is something else; ``where`` says in which row, ``what`` what it should be.
    """
    text = row.get(column, "")
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise FileError(f"{where}: {text[:80]!r} in column {column!r} is not {what}")
    return value


def boxes_of(text: str, where: str) -> tuple[tuple[float, ...], ...]:
    """Return the boxes in a cell of a manifest, such as ``"0 0 0.5 1 | 0.2 0.2 0.4 0.4"``.

    Raises:
        FileError: if they are no boxes; ``where`` says in which row.
    """
    boxes = []
    for part in parts_of(text):
        try:
            left, top, right, bottom = map(float, part.split())
        except ValueError:
            left = top = right = bottom = math.nan
        if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
            raise FileError(f"{where}: a box is left, top, right, bottom between 0 and 1; got {part[:80]!r}")
        boxes.append((left, top, right, bottom))
    return tuple(boxes)
