"""Tables in files, CSV or Parquet, as text by column and number of the row, and what is wrong with one in one line."""

import csv
import io
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from avssl.data.texts import read_text
from avssl.files import FileError

BETWEEN = " | "  # parts several labels of one row
Row = dict[str, str]
END = "\0"  # no text that was read holds it: a last record, which a quote that is not closed takes in
csv.field_size_limit(2**31 - 1)  # from 128 KiB: boxes of a crowd may be longer, and the file is in memory as it is


def read_manifest_rows(manifest: Path) -> dict[int, Row]:
    """Return the rows of a manifest by number, see `read_table`; each names a file in the column ``path``.

    Raises:
        FileError: if it is no table with that column, or one row lacks it.
    """
    rows = read_table(manifest)
    first = next(iter(rows.values()), {})
    if "path" not in first:
        parted = "; cells are parted by commas" if any(sign in name for name in first for sign in ";\t") else ""
        columns = ", ".join(first) or "no rows"
        raise FileError(f"{manifest}: needs a header with a column 'path' and at least one row; got {columns}{parted}")
    for number, row in rows.items():
        if not row["path"]:
            raise FileError(f"{manifest}, row {number}: the column 'path' is empty")
    return rows


def read_table(path: Path, official: bool = False) -> dict[int, Row]:
    """Return the rows of a CSV or Parquet file as text by column, without blanks around; missing values are empty.

    Rows count from 1, the header; rows of blank cells are passed over, and so are columns without a name and cells.

    Args:
        path: the file; what does not end in ``.parquet`` is CSV.
        official: of a data set's authors, whose quotes may be odd, see `read_records`.

    Raises:
        FileError: if it cannot be read, two columns have one name, or a row has more or fewer cells than the header.
    """
    if path.suffix.lower() == ".parquet":
        rows = enumerate(read_parquet(path), start=2)
        return {number: {name: _text(value, path) for name, value in row.items()} for number, row in rows}
    records = read_records(path, official)
    header = next(((number, cells) for number, cells in records if any(cells)), None)
    if header is None:
        raise FileError(f"{path} is empty: needs a header with the names of its columns, and rows")
    names = header[1]
    _check_names(path, names)
    found: dict[int, Row] = {}
    for number, cells in records:
        if not any(cells):
            continue
        if len(cells) < len(names) or any(cells[len(names) :]):
            raise FileError(
                f"{path}, row {number}: {len(cells)} cells, but the header has {len(names)}; "
                "put a cell that holds a comma between quotes"
            )
        if cells == names:
            raise FileError(f"{path}, row {number}: the header again; were two tables joined?")
        found[number] = {name: cell for name, cell in zip(names, cells, strict=False) if name}
    return found


def read_records(path: Path, official: bool = False, comment: str = "") -> Iterator[tuple[int, list[str]]]:
    """Yield the records of a CSV file with their numbers from 1, cells without blanks around.

    Args:
        path: the file, cells parted by commas, quoted by ``"`` where they hold a comma, a quote (then doubled) or a
            line break.
        official: accept text behind a closing quote, as some data sets have.
        comment: lines that begin with it are passed over, and not counted; empty for none.

    Raises:
        FileError: if it is no text, or a quote is not closed.
    """
    lines = io.StringIO(read_text(path), newline="")
    kept = (line for line in lines if not line.startswith(comment)) if comment else lines
    table = csv.reader(chain(kept, [END]), skipinitialspace=True, strict=not official)
    number = 0
    try:
        for number, cells in enumerate(table, start=1):
            if cells and END in cells[-1]:
                if cells == [END]:
                    return
                raise FileError(f"{path}, row {number}: a quote is not closed; a quote within a cell is written twice")
            yield number, [cell.strip() for cell in cells]
    except csv.Error as error:
        closed = "unexpected end" not in str(error)
        told = "something stands behind a closing quote" if closed else "a quote is not closed"
        raise FileError(f"{path}, row {number + 1}: {told}; a quote within a cell is written twice") from error


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows as a CSV file that `read_table` reads back: every cell as text, without blanks around and NUL.

    Raises:
        FileError: if a cell cannot be written in UTF-8.
    """
    with open(path, "w", newline="", encoding="utf-8") as file:
        plain = csv.writer(file, lineterminator="\n")
        quoted = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)  # Python 3.11 leaves a bare "\r" unquoted
        plain.writerow(columns)
        for row in rows:
            values = [row.get(name) for name in columns]
            cells = ["" if value is None else str(value).replace(END, "").strip() for value in values]
            try:
                (quoted if any("\r" in cell for cell in cells) else plain).writerow(cells)
            except UnicodeEncodeError as error:
                raise FileError(f"{ascii(error.object.strip())[:100]} cannot be written in UTF-8; rename it") from error


def _check_names(path: Path, names: list[str]) -> None:
    if double := next((name for name in names if name and names.count(name) > 1), None):
        raise FileError(f"{path}: two columns are called {double!r}; rename or remove one")


def read_parquet(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a Parquet file, values as they are; None where one is missing.

    Raises:
        FileError: if it cannot be read, or two columns have one name.
    """
    import pyarrow as pa
    from pyarrow import parquet

    if not path.is_file():
        raise FileError(f"{path} does not exist; check the path")
    try:
        table = parquet.read_table(path)
        table.validate(full=True)  # before its values are touched: damaged offsets lead anywhere
        names = [name.strip() for name in table.column_names]
        columns = [column.to_pylist() for column in table.columns]
    except (pa.ArrowException, OSError, ValueError) as error:
        raise FileError(f"{path} cannot be read as Parquet ({' '.join(str(error).split())[:200]})") from error
    _check_names(path, names)
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def _text(value: Any, path: Path) -> str:
    """Return a value as a cell: numbers that are whole without a point, several texts parted as labels are."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8").strip()
        except UnicodeDecodeError as error:
            raise FileError(f"{path}: {value[:40]!r} is no text in UTF-8") from error
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return BETWEEN.join(one.strip() for one in value)
    return str(value).strip()
