"""How far something is: one moving line on a terminal, a line now and then elsewhere, both with the time left."""

import os
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import TypeVar

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.live import Live
from rich.text import Text

from avssl.screen import screen
from avssl.text import printable

Item = TypeVar("Item")
EVERY = 30.0  # seconds between lines where nothing can move
BEAT = 1.0  # seconds between looks at whether a line is due, though nothing was done
QUICK = 0.1  # seconds between drawings
WIDEST, NARROWEST = 20, 5  # signs of a bar
NEWER = 8  # times that a bar moved, for the pace to be that of the newer half of what was done
MARKS = 256  # times that a bar remembers when it moved
_drawing = threading.RLock()
_lines: list["Line"] = []  # the one that all bars of this process share, if any is open


class Line:
    """The line that bars within each other share: it tells of the innermost.

    Where nothing is done for long, a thread keeps it alive; processes are forked only while that thread does not draw.

    Args:
        console: where to write.
    """

    def __init__(self, console: Console):
        self.console, self.bars = console, list["Bar"]()
        self.said = self.drawn = time.monotonic()
        self._live: Live | None = None
        if console.is_terminal:
            # What goes to a file stays there: only what would cross the line on a terminal is printed above it.
            self._live = Live(
                console=console,
                auto_refresh=False,
                transient=True,
                redirect_stdout=sys.stdout.isatty(),
                redirect_stderr=sys.stderr.isatty(),
            )
            self._live.start()
        self._ended = threading.Event()
        threading.Thread(target=self._keep_alive, daemon=True).start()

    def close(self) -> None:
        """Take the line away."""
        self._ended.set()
        if self._live is not None:
            self._live.stop()

    def say(self, text: str) -> None:
        """Write a line that stays."""
        with _drawing:
            self.console.print(printable(text), markup=False)
            self.said = time.monotonic()

    def show(self, at_once: bool = False) -> None:
        """Draw the innermost bar where it was not just drawn; where nothing can move, only once in `EVERY` seconds."""
        with _drawing:
            now = time.monotonic()
            if not self.bars or self._ended.is_set():
                return
            if self._live is None:
                if now - self.said >= EVERY:
                    self.bars[-1].told = True
                    self.say("  ".join(self.bars[-1].parts()))
            elif at_once or now - self.drawn >= QUICK:
                self.drawn = now
                text = self.bars[-1].fitting(self.console.width - 1)
                self._live.update(Text(text, overflow="crop", no_wrap=True), refresh=True)

    def _keep_alive(self) -> None:
        while not self._ended.wait(BEAT):
            self.show(at_once=True)


class Bar:
    """Shows how far something is, on the error stream unless told otherwise; use it in a ``with`` block.

    Args:
        what: words for it.
        total: how many there are; None where nobody knows, and only the time taken is told.
        quiet: show nothing.
        begun: how many were done before.
        console: where; that of the bar around it, where there is one.
        warm_up: how many are done first, at a pace that says nothing about that of the others.
    """

    def __init__(
        self,
        what: str,
        total: int | None,
        quiet: bool = False,
        begun: int = 0,
        console: Console | None = None,
        warm_up: int = 0,
    ):
        self.warm_up = warm_up
        self.what, self.total, self.done, self.begun, self.quiet = what, total, begun, begun, quiet
        self.facts: Sequence[str] = ()  # more to show, the most telling first
        self.told = False  # whether a line that stays told of it
        self._console = console
        self.restart()

    def __enter__(self) -> "Bar":
        self.restart()
        if not self.quiet:
            with _drawing:
                if not _lines:
                    _lines.append(Line(self._console or screen(stderr=True)))
                _lines[0].bars.append(self)
                _lines[0].show(at_once=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self.quiet or not _lines or self not in _lines[0].bars:
            return
        with _drawing:
            line = _lines[0]
            line.bars.remove(self)
            if self.told and kind is None:
                line.say(f"{self.named()}  took {clock(time.monotonic() - self._start)}")
            if not line.bars:
                _lines.clear()
                line.close()

    def advance(self, count: int = 1) -> None:
        """Count what was done."""
        self.reach(self.done + count)

    def reach(self, done: int, at_once: bool = False) -> None:
        """Say how many are done, ``at_once`` if that may not wait for the next drawing."""
        self.done, self._last = done, time.monotonic()
        if done <= self.begun + self.warm_up:
            self._marks.clear()
        self._marks.append((self._last, done))
        if len(self._marks) > MARKS:
            del self._marks[1::2]
        self.show(at_once)

    def restart(self) -> None:
        """Count the time from now on: what came before says nothing about the pace."""
        self._start = self._last = time.monotonic()
        self._marks = [(self._start, self.done)]  # when how many were done

    def describe(self, what: str) -> None:
        """Say what is being done now."""
        self.what = what
        self.show()

    def show(self, at_once: bool = False) -> None:
        """Draw what is known, see `reach`."""
        if not self.quiet and _lines:
            _lines[0].show(at_once)

    def say(self, text: str) -> None:
        """Write a line that stays, on the bar's own console; on a terminal, above the line that moves there."""
        with _drawing:
            console = self._console or screen(stderr=True)
            for line in _lines:
                line.said = time.monotonic()
                console = line.console if line.console.is_terminal and console.is_terminal else console
            console.print(printable(text), markup=False)

    def parts(self) -> list[str]:
        """Return all there is to say, the most telling first."""
        return [self.named(), self.left(), *self.facts]

    def named(self) -> str:
        """Return what is done, and how much of it."""
        return self.what if self.total is None else f"{self.what} {self.done:>{len(str(self.total))}}/{self.total}"

    def left(self) -> str:
        """Return the time left at the pace of the newer half, or of all while little is done; else the time taken."""
        now = time.monotonic()
        since, had = self._marks[0]
        if len(self._marks) > 2 * NEWER:
            since, had = next(mark for mark in reversed(self._marks) if 2 * mark[1] <= had + self.done)
        if self.total is None or self.done <= had:
            return f"{clock(now - self._start)} so far"
        wanted = (self._last - since) / (self.done - had) * (self.total - self.done)
        return f"{clock(max(0.0, wanted - now + self._last))} left"

    def fitting(self, width: int) -> str:
        """Return what has room in a line: parts that are whole, behind a bar that takes what they leave."""
        first, *more = self.parts()
        room = width - sum(cell_len(part) + 2 for part in more[:1]) - NARROWEST - 1
        if cell_len(first) > room:  # it is the words that are too long, never the numbers
            count = first[len(self.what) :]
            first = set_cell_size(self.what, max(1, room - cell_len(count) - 1)) + "…" + count
        text = printable(first)
        for part in more:
            if cell_len(f"{text}  {part}") + NARROWEST + 1 <= width:
                text = f"{text}  {part}"
        long = min(WIDEST, width - cell_len(text) - 1)
        if long < NARROWEST or self.total is None:
            return text
        filled = round(long * min(1.0, self.done / max(1, self.total)))
        return "━" * filled + "╌" * (long - filled) + " " + text


def track(
    items: Iterable[Item],
    what: str,
    total: int | None = None,
    quiet: bool = False,
    console: Console | None = None,
) -> Iterator[Item]:
    """Yield items, and show how many of them were used.

    Args:
        items: of any kind.
        what: words for it.
        total: how many there are; None asks the items.
        quiet: show nothing.
        console: where, as of `Bar`.
    """
    if total is None:
        assert isinstance(items, Sized), "how many there are has to be told of items that do not know it"
        total = len(items)
    with Bar(what, total, quiet or not total, console=console) as bar:
        for item in items:
            yield item
            bar.advance()


def clock(seconds: float) -> str:
    """Return a time in minutes and seconds, and hours where there are any.

    Examples:
        >>> clock(65.4), clock(3661)
        ('1:05', '1:01:01')
    """
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def _alone() -> None:
    """Leave the parent's line to the parent."""
    _lines.clear()
    _drawing.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_drawing.acquire, after_in_parent=_drawing.release, after_in_child=_alone)
