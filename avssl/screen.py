"""What people read: the place to write to, and tables whose cells stay whole in any width."""

from collections.abc import Sequence
from textwrap import wrap

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table

WIDE = 10_000  # columns of a table that may be as wide as it likes


def screen(quiet: bool = False, stderr: bool = False) -> Console:
    """Return the place to write to: the terminal, or lines of 120 characters for a file."""
    console = Console(quiet=quiet, stderr=stderr, highlight=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = 120
    return console


def print_table(console: Console, table: Table) -> None:
    """Print a table without breaking a cell.

    In a file it is as wide as it has to be. On a terminal that is too narrow, headings are broken between their words;
    where that is not enough, columns come below each other, behind those that say what a row is.

    Args:
        console: where to write.
        table: of text; its first columns that are not justified to the right say what a row is.
    """
    room = console.width if console.is_terminal else WIDE
    every = range(len(table.columns))
    whole = columns_of(console, table, every)
    if width_of(console, whole) <= room:
        console.print(Whole(whole), soft_wrap=True)
        return
    lead = next((number for number in every if number and table.columns[number].justify == "right"), 1)
    chosen, rest = list(range(lead)), list(range(lead, len(table.columns)))
    title = table.title
    while rest:
        pieces = [columns_of(console, table, chosen + rest[:taken], fold=True) for taken in range(1, len(rest) + 1)]
        taken = max([1, *(count for count, one in enumerate(pieces, 1) if width_of(console, one) <= room)])
        pieces[taken - 1].title, title = title, None
        console.print(Whole(pieces[taken - 1]), soft_wrap=True)
        rest = rest[taken:]


def columns_of(console: Console, table: Table, numbers: Sequence[int], fold: bool = False) -> Table:
    """Return some columns of a table, none of whose cells breaks.

    Args:
        console: where it will be printed.
        table: of text.
        numbers: which columns.
        fold: break headings between words, to the width of what stands below them.
    """
    made = Table(
        title=table.title, title_justify=table.title_justify, box=table.box, padding=table.padding, style=table.style
    )
    columns = [table.columns[number] for number in numbers]
    cells = [list(column.cells) for column in columns]
    for column, below in zip(columns, cells, strict=True):
        words = str(column.header).split()
        widest = max([console.measure(cell).maximum for cell in below] + [cell_len(word) for word in words] + [1])
        heading = "\n".join(wrap(str(column.header), widest, break_on_hyphens=False)) if fold else column.header
        made.add_column(heading, justify=column.justify, no_wrap=True)
    for row, *values in zip(table.rows, *cells, strict=True):
        made.add_row(*values, style=row.style, end_section=row.end_section)
    return made


class Whole:
    """A table as wide as it is, wherever it is printed."""

    def __init__(self, table: Table):
        self.table = table

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = max(width_of(console, self.table), cell_len(str(self.table.title or "")))
        yield from console.render(self.table, options.update(width=width))


def width_of(console: Console, table: Table) -> int:
    """Return how wide a table is if nothing of it is broken."""
    return console.measure(table, options=console.options.update(width=WIDE)).maximum
