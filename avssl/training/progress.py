"""What a person sees of a run: one moving line on a terminal, plain lines elsewhere, and a table at the end."""

import time
from collections.abc import Mapping

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from avssl.text import printable

SHOWN = 4  # scalars that fit on a line beside the rates


class Progress:
    """Shows how far a run is.

    Args:
        steps: of the whole run.
        begun: steps taken before.
        active: False in all processes but the first.
        console: where to write.
    """

    def __init__(self, steps: int, begun: int = 0, active: bool = True, console: Console | None = None):
        self.steps, self.begun = steps, begun
        self.console = console or screen(quiet=not active)
        # Drawn by hand, not by a thread: loading processes are forked, and threads do not survive that well.
        self._live = (
            Live(console=self.console, auto_refresh=False, transient=True) if self.console.is_terminal else None
        )
        self._start, self._drawn = time.monotonic(), 0.0

    def start(self) -> None:
        """Start the clock and the moving line."""
        self._start = time.monotonic()
        if self._live is not None:
            self._live.start()

    def stop(self) -> None:
        """Take the moving line away."""
        if self._live is not None:
            self._live.stop()

    def say(self, text: str) -> None:
        """Write a line that stays."""
        self.console.print(printable(text), markup=False)

    def show(self, step: int, scalars: Mapping[str, float], rate: float, wait: float, final: bool) -> None:
        """Show a step: redraw the moving line, or, for a ``final`` value, write a plain one.

        Args:
            step: steps taken.
            scalars: newest values.
            rate: images a second.
            wait: share of the time spent waiting for data, in [0, 1].
            final: True for a step that is logged.
        """
        if self._live is None:
            if final:
                self.say(line(step, self.steps, scalars, rate, wait))
            return
        now = time.monotonic()
        if now - self._drawn < 0.1 and not final:
            return
        self._drawn = now
        done = max(1, step - self.begun)
        left = (now - self._start) / done * (self.steps - step)
        filled = round(20 * step / self.steps)
        bar = "━" * filled + "╌" * (20 - filled)
        text = f"{bar} {line(step, self.steps, scalars, rate, wait)}  {clock(left)} left"
        self._live.update(Text(text, overflow="ellipsis", no_wrap=True), refresh=True)


def screen(quiet: bool = False) -> Console:
    """Return the place to write to: the terminal, or lines of 120 characters for a file."""
    console = Console(quiet=quiet, highlight=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = 120
    return console


def line(step: int, steps: int, scalars: Mapping[str, float], rate: float, wait: float) -> str:
    """Return one step as text."""
    values = "  ".join(f"{name} {value:.4f}" for name, value in list(scalars.items())[:SHOWN])
    return f"step {step:>{len(str(steps))}}/{steps}  {values}  {rate:.0f} images/s  waiting {wait:.0%}"


def clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def summary(columns: Mapping[str, Mapping[str, float]]) -> Table:
    """Return a table of measures, a row each, and when they were taken, a column each."""
    made = Table(title="What was learned", title_justify="left")
    made.add_column("measure")
    for name in columns:
        made.add_column(name, justify="right")
    for measure in dict.fromkeys(name for values in columns.values() for name in values):
        cells = (f"{values[measure]:.4f}" if measure in values else "" for values in columns.values())
        made.add_row(measure, *cells)
    return made


class Pace:
    """How fast a run is, and what share of its time it waits for data.

    Only steps count, not measuring and saving. The first batch, for which the loading processes must start, counts
    apart.

    Attributes:
        startup: seconds until the first batch was there.
    """

    def __init__(self):
        self.startup: float | None = None
        self._window, self._total = [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]  # seconds waited, seconds worked, images

    def lap(self, waited: float, worked: float, images: int) -> None:
        """Count a step."""
        if self.startup is None:
            self.startup, waited = waited, 0.0
        for totals in (self._window, self._total):
            for i, value in enumerate((waited, worked, images)):
                totals[i] += value

    def rates(self, whole: bool = False) -> tuple[float, float]:
        """Return images a second and the share of time waited since the last `restart` (or of the ``whole`` run)."""
        waited, worked, images = self._total if whole else self._window
        seconds = waited + worked
        return (images / seconds, waited / seconds) if seconds else (0.0, 0.0)

    def restart(self) -> None:
        """Begin a new window."""
        self._window = [0.0, 0.0, 0.0]
