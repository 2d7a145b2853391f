"""Draw many things by several threads, with a bar, and stop at once when asked to."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from os import cpu_count
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Thing = TypeVar("Thing")


def draw_all(
    draw: Callable[[Thing], None], things: Sequence[Thing], what: str, workers: int | None, progress: bool
) -> None:
    """Call ``draw`` for each thing.

    Args:
        draw: writes its files whole or not at all.
        things: what to draw.
        what: the word for the bar.
        workers: threads; None for one per core, at most 8.
        progress: show a bar.
    """
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with (
        Progress(*columns, console=Console(stderr=True), disable=not progress) as bar,
        ThreadPoolExecutor(workers or min(8, cpu_count() or 1)) as pool,
    ):
        task = bar.add_task(f"drawing the demo {what}", total=len(things))
        try:
            for _ in pool.map(draw, things):
                bar.advance(task)
        except BaseException:  # Ctrl-C too: leave after the files at hand, not after all of them
            pool.shutdown(cancel_futures=True)
            raise
