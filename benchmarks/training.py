"""Measure how fast training is: images a second, the share of time waiting for data, the ratio to a ready batch.

python benchmarks/training.py                                         a small net, AlexNet and ResNet-50
python benchmarks/training.py precision=bf16-mixed compile=true channels_last=true workers=8
"""

import platform
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Annotated

import torch
from lightning_fabric import Fabric
from pydantic import Field
from rich.table import Table

from avssl.config import Count, main
from avssl.data import Dataset
from avssl.methods import Method
from avssl.screen import screen
from avssl.training.feed import Batch, Feed, images
from avssl.training.loop import Accelerator, Precision, launch
from avssl.training.optim import OWN, SGD
from avssl.training.precision import halves_of
from avssl.training.progress import Pace
from avssl.training.step import update
from avssl.version import versions


@dataclass(frozen=True, kw_only=True)
class Case:
    """One row of the table.

    Args:
        title: what to call it.
        method: what to train.
        data: what to train it on.
        batch_size: items a batch.
    """

    title: str
    method: Method
    data: Dataset
    batch_size: Count = 16


def bench_training(
    *,
    cases: list[Case],
    steps: Count = 20,
    warmup: Count = 3,
    rounds: Count = 2,
    workers: Annotated[int, Field(ge=0)] = 2,
    prefetch: Count = 4,
    accelerator: Accelerator = "auto",
    precision: Precision = "32-true",
    compile: bool = False,
    channels_last: bool = False,
) -> list[dict[str, float]]:
    """Train each case for some steps on its data, then on one batch of the same shape that is always there.

    The ratio of the two speeds is what the data costs: 1.0 means that reading hides behind computing.

    Args:
        cases: what to measure.
        steps: steps to count, of each kind.
        warmup: steps before them that do not count; compiling happens there.
        rounds: how often to measure both; the best counts.
        workers: processes that load data.
        prefetch: batches that each of them keeps ready.
        accelerator: what to compute on.
        precision: of the arithmetic.
        compile: compile the encoders with ``torch.compile``.
        channels_last: lay images out with the channels last.

    Returns:
        For each case ``images_per_second``, ``waiting`` (share of the time, in [0, 1]), ``synthetic`` (images a
        second with the batch always there) and ``ratio``.
    """
    fabric = launch(accelerator, 1, "auto", precision, halves_of(precision, "auto", []))
    table = Table(title=f"Training on {hardware(fabric)}, {precision}", title_justify="left")
    for name in ("case", "frames", "images/s", "waiting", "synthetic images/s", "ratio"):
        table.add_column(name, justify="left" if name in ("case", "frames") else "right")
    rows = []
    for case in cases:
        if channels_last:
            case.method.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        if compile:
            case.method.encoder.compile()
        module, optimizer = fabric.setup(case.method, SGD(lr=1e-4)(case.method.parameter_groups()))

        def take_step(batch: Batch, module=module, optimizer=optimizer) -> None:
            update(fabric, module, {OWN: optimizer}, [batch], 0, None)

        with closing(Feed(fabric, case.data, case.batch_size, 0, 0, workers, prefetch)) as feed:
            batch = feed.take(1)[0]
            synthetic, real, waiting = 0.0, 0.0, 1.0
            for _ in range(rounds):  # in turns, and the best of each: other work on the machine disturbs both alike
                synthetic = max(synthetic, timed(lambda batch=batch: batch, take_step, steps, warmup)[0])
                feed.take(workers * prefetch)  # what was loaded ahead meanwhile is no measure of speed
                rate, share = timed(lambda feed=feed: feed.take(1)[0], take_step, steps, warmup)
                real, waiting = max((real, waiting), (rate, share))
        rows.append({"images_per_second": real, "waiting": waiting, "synthetic": synthetic, "ratio": real / synthetic})
        shape = " x ".join(map(str, batch["frames"].shape)) if "frames" in batch else ""
        table.add_row(case.title, shape, f"{real:.0f}", f"{waiting:.1%}", f"{synthetic:.0f}", f"{real / synthetic:.2f}")
    console = screen()
    console.print(table)
    console.print(versions(), markup=False)
    return rows


def timed(take: Callable[[], Batch], work: Callable[[Batch], None], steps: int, warmup: int) -> tuple[float, float]:
    """Return images a second and the share of time spent in ``take``, over ``steps`` steps after ``warmup``."""
    pace = Pace()
    pace.startup = 0.0  # every step below counts; those of the warm-up are dropped as one
    for step in range(warmup + steps):
        if step == warmup:
            pace.restart()
        start = time.perf_counter()
        batch = take()
        arrived = time.perf_counter()
        work(batch)  # ends with a transfer of the loss: the device is done
        pace.lap(arrived - start, time.perf_counter() - arrived, images(batch))
    return pace.rates()


def hardware(fabric: Fabric) -> str:
    """Return what the arithmetic runs on."""
    if fabric.device.type == "cuda":
        return torch.cuda.get_device_name(fabric.device)
    return f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads"


if __name__ == "__main__":
    main("__main__.bench_training", __doc__, default="configs/bench_training.yaml")
