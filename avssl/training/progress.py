"""What a person sees of a run: one moving line on a terminal, plain lines elsewhere, and a table at the end."""

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from avssl.progress import Bar
from avssl.screen import screen

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
        self.console = console or screen(quiet=not active)
        self.bar = Bar("step", steps, quiet=not active, begun=begun, console=self.console, warm_up=1)

    def start(self) -> None:
        """Start the clock and the moving line."""
        self.bar.__enter__()

    def stop(self) -> None:
        """Take the moving line away."""
        self.bar.told = False  # how it ended is told in other words
        self.bar.__exit__(None)

    def say(self, text: str) -> None:
        """Write a line that stays."""
        self.bar.say(text)

    def show(self, step: int, scalars: Mapping[str, float], rate: float, wait: float, final: bool) -> None:
        """Show a step: redraw the moving line, or, for a ``final`` value, write a plain one.

        Args:
            step: steps taken.
            scalars: newest values, the loss first.
            rate: images a second.
            wait: share of the time spent waiting for data, in [0, 1].
            final: True for a step that is logged.
        """
        values = [f"{name} {value:.4f}" for name, value in list(scalars.items())[:SHOWN]]
        self.bar.facts = [*values[:1], f"{rate:.0f} images/s", f"waiting {wait:.0%}", *values[1:]]
        self.bar.reach(step, at_once=final)
        if final and not self.console.is_terminal:
            self.say("  ".join(self.bar.parts()))


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
