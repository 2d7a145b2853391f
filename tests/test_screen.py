"""Tables that people read: no cell is ever broken, in a file, on a wide terminal and on a narrow one."""

import io

import pytest
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from avssl.screen import print_table

CELLS = ["37.7 ± 0.2", "87.7 ± 0.2 [85.1, 90.2]", "fine-tuned", "trained by this run", "[bold]9.5 ± 1.5[/]"]
WHOLE = [*CELLS[:-1], "9.5 ± 1.5"]


def scores():
    table = Table(title="Scores", title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("row")
    table.add_column("probe")
    for heading in ("1 label a class", "10 labels a class", "all labels of the set"):
        table.add_column(heading, justify="right")
    table.add_row(CELLS[3], CELLS[2], CELLS[0], CELLS[4], CELLS[1], style="bold")
    table.add_section()
    table.add_row("chance", "", "10", "10", "10")
    return table


def printed(width, terminal):
    out = io.StringIO()
    print_table(Console(file=out, width=width, force_terminal=terminal, no_color=True, legacy_windows=False), scores())
    return out.getvalue()


@pytest.mark.parametrize("width", [30, 60, 80, 100, 200])
@pytest.mark.parametrize("terminal", [True, False])
def test_no_cell_is_broken_in_any_width(width, terminal):
    text = printed(width, terminal)
    assert all(any(cell in line for line in text.splitlines()) for cell in WHOLE)
    assert "…" not in text and text.count("Scores") == 1


def test_a_narrow_terminal_gets_columns_below_each_other_behind_what_a_row_is():
    lines = [line.rstrip() for line in plain(printed(60, True)).splitlines() if line.strip()]
    assert all(len(line) <= 60 for line in lines)
    assert sum(line.startswith(" trained by this run  fine-tuned") for line in lines) == 2
    assert sum(line.startswith(" chance") for line in lines) == 2


def test_headings_are_broken_between_words_before_columns_are_moved():
    lines = [line.rstrip() for line in plain(printed(91, True)).splitlines() if line.strip()]
    assert all(len(line) <= 91 for line in lines) and sum(line.startswith(" chance") for line in lines) == 1
    assert any(line.endswith("set") for line in lines) or any("all labels of the set" in line for line in lines)


def test_a_file_is_as_wide_as_the_table():
    lines = [line for line in printed(40, False).splitlines() if "trained" in line]
    assert len(lines) == 1 and all(cell in lines[0] for cell in WHOLE)


def plain(text):
    """Return text without what makes a terminal write bold."""
    for code in ("\x1b[1m", "\x1b[0m", "\x1b[3m", "\x1b[1;3m"):
        text = text.replace(code, "")
    return text
