"""Draw many things by several threads, with a bar, and stop at once when asked to."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from os import cpu_count
from typing import TypeVar

from avssl.progress import Bar

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
    with (
        Bar(f"drawing the demo {what}", len(things), quiet=not progress) as bar,
        ThreadPoolExecutor(workers or min(8, cpu_count() or 1)) as pool,
    ):
        try:
            for _ in pool.map(draw, things):
                bar.advance()
        except BaseException:  # Ctrl-C too: leave after the files at hand, not after all of them
            pool.shutdown(cancel_futures=True)
            raise
