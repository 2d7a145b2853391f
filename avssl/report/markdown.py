"""Tables in Markdown."""

from collections.abc import Iterable, Sequence


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    r"""Return the lines of a table in Markdown; a bar within a cell parts no cells.

    Examples:
        >>> markdown_table(["row", "kNN"], [["a|b", "81.0"]])
        ['| row | kNN |', '|---|---|', '| a\\|b | 81.0 |']
    """
    lines = [columns, *rows]
    head, *body = ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]
    return [head, "|" + "---|" * len(columns), *body]
