"""Measure what the transforms of picture tasks cost beside the trunk, and how often the trunk sees each picture.

python benchmarks/transforms.py                            256 pictures of 128 px, ResNet-18
python benchmarks/transforms.py pictures=64 rounds=1       sooner
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import torch
from pydantic import Field
from rich.table import Table
from torch import Tensor, nn

from avssl.config import Count, main
from avssl.methods import Method
from avssl.screen import screen
from avssl.training.feed import Batch
from avssl.version import versions


@dataclass(frozen=True, kw_only=True)
class Task:
    """One row of the table.

    Args:
        title: what to call it.
        method: whose transforms and trunk to time.
    """

    title: str
    method: Method


def bench_pretext(
    *,
    tasks: list[Task] = Field(min_length=1),  # noqa: B008
    pictures: Count = 256,
    size: Count = 128,
    trunk: Count = 16,
    rounds: Count = 3,
) -> list[dict[str, float]]:
    """Time what each task does to a batch of pictures before its encoder sees them, and the encoder on what it sees.

    *Transforms* is all of ``forward`` before the first pass of the encoder: views, tiles, turns, colours, guards.
    *After* is what ``forward`` does behind the encoder: targets, heads, loss. *Trunk* is forward and backward of the
    encoder on its own task's input, taken on some rows and scaled to all, since all at once need tens of gigabytes.
    Times are of the CPU, over all threads, the least of all rounds, which take turns.

    Args:
        tasks: what to measure.
        pictures: of a batch; noise, of which nothing here depends.
        size: side of the pictures, in pixels.
        trunk: rows of input that the trunk is timed on, and pictures that *after* is timed on.
        rounds: how often to measure each; once more before, which does not count.

    Returns:
        For each task ``passes`` of the encoder a picture; ``transforms``, ``trunk`` and ``after``, seconds a batch;
        ``ratio`` of transforms to trunk; ``plain_ratio``, to one pass of the same trunk for each picture as it is.
    """
    table = Table(title=f"{pictures} pictures of {size} px, CPU seconds a batch", title_justify="left")
    names = ("task", "passes", "size", "transforms", "trunk", "ratio", "to plain", "after")
    for name in names:
        table.add_column(name, justify="left" if name == "task" else "right")
    rows = []
    for task in tasks:
        row, shape = measured(task.method, pictures, size, trunk, rounds)
        rows.append(row)
        times = [f"{row[name]:.2f}" for name in ("transforms", "trunk", "after")]
        shares = [f"{row[name]:.3f}" for name in ("ratio", "plain_ratio")]
        sides = " x ".join(map(str, shape))
        table.add_row(task.title, f"{row['passes']:g}", sides, *times[:2], *shares, times[2])
    console = screen()
    console.print(table)
    console.print(versions(), markup=False)
    return rows


def measured(method: Method, pictures: int, size: int, trunk: int, rounds: int) -> tuple[dict[str, float], list[int]]:
    """Return a row of the table, and height and width of what the encoder sees."""
    batch, few = noise(pictures, size), noise(min(pictures, trunk), size)
    method.train()
    seen = shown(method, batch)[0]
    rows, plain = seen[:trunk].clone(), few["frames"].flatten(0, 2).float() / 255
    transforms, own, other, after = [], [], [], []
    for turn in range(rounds + 1):
        found = (shown(method, batch)[1], passed(method, rows), passed(method, plain), behind(method, few))
        for times, seconds in zip((transforms, own, other, after), found, strict=True):
            times += [seconds] if turn else []
    scale = len(seen) / len(rows)
    row = {
        "passes": len(seen) / pictures,
        "transforms": min(transforms),
        "trunk": min(own) * scale,
        "after": min(after) * pictures / len(plain),
        "ratio": min(transforms) / (min(own) * scale),
        "plain_ratio": min(transforms) / (min(other) * pictures / len(plain)),
    }
    return row, list(seen.shape[-2:])


def noise(pictures: int, size: int) -> Batch:
    """Return a batch as `avssl.data.Pictures` makes it, of noise."""
    chance = torch.Generator().manual_seed(0)
    frames = torch.randint(0, 256, (pictures, 1, 1, 3, size, size), dtype=torch.uint8, generator=chance)
    return {"frames": frames, "key": torch.stack([torch.tensor([0, 0, number]) for number in range(pictures)])}


def shown(method: Method, batch: Batch) -> tuple[Tensor, float]:
    """Return what the encoder is first shown, ``(rows, 3, H, W)``, and the seconds until then."""
    seen: list[Tensor] = []

    def stop(_module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        seen.append(inputs[0])
        raise _Reached

    def work() -> None:
        with suppress(_Reached):  # what follows is not timed
            method(batch)

    handle = method.encoder.register_forward_pre_hook(stop)
    try:
        with torch.no_grad():
            seconds = timed(work)
    finally:
        handle.remove()
    return seen[0], seconds


def passed(method: Method, pictures: Tensor) -> float:
    """Return the seconds that the encoder takes forward and backward."""
    seconds = timed(lambda: method.encoder(pictures).sum().backward())
    method.zero_grad()
    return seconds


def behind(method: Method, batch: Batch) -> float:
    """Return the seconds of ``forward`` behind the encoder's last pass."""
    ends: list[float] = []

    def note(*_: object) -> None:
        ends.append(time.process_time())

    handle = method.encoder.register_forward_hook(note, always_call=True)
    try:
        with torch.no_grad():
            method(batch)
    finally:
        handle.remove()
    return time.process_time() - ends[-1]


def timed(work: Callable[[], object]) -> float:
    """Return the seconds of CPU that some work takes, over all threads."""
    start = time.process_time()
    work()
    return time.process_time() - start


class _Reached(Exception):
    """The encoder is about to see its first pictures."""


if __name__ == "__main__":
    main("__main__.bench_pretext", __doc__, default="configs/bench_pretext.yaml")
