"""What a finished run's method can do on data that its training did not measure."""

import json
from itertools import chain
from pathlib import Path
from typing import Annotated

from pydantic import Field

from avssl import config
from avssl.config import Count, Trust
from avssl.data import Dataset
from avssl.training.accelerators import Accelerator
from avssl.training.appending import append
from avssl.training.checkpoint import LAST, peek
from avssl.training.errors import TrainingError, in_one_line
from avssl.training.export import load_method
from avssl.training.feed import batches_of, is_empty, single_process
from avssl.training.run import writing_to
from avssl.training.seeding import seed_torch

FILE = "measures.jsonl"


def measure_run(
    *,
    run: Path,
    data: Dataset,
    items: Count | None = None,
    batch_size: Count = 8,
    workers: Annotated[int, Field(ge=0)] = 2,
    seed: Annotated[int, Field(ge=0)] = 0,
    accelerator: Accelerator = "auto",
    trust: Trust = (),
) -> dict[str, float]:
    """Measure the method of a run's last checkpoint on a data set, and add the scores to ``run/measures.jsonl``.

    Args:
        run: folder of the run.
        data: what to measure on.
        items: how many of it, spread evenly; None for all.
        batch_size: items a batch.
        workers: processes that load data.
        seed: fixes what measuring draws.
        accelerator: what to compute on.
        trust: packages whose classes the run may name and so run, see `avssl.load_encoder`.

    Returns:
        The scores that ``method.measure`` gives.

    Raises:
        TrainingError: if there is no checkpoint, or nothing of the data could be read.
    """
    method = load_method(run, trust=trust)
    step = peek(run / LAST)["step"]
    fabric = single_process(accelerator)
    method.to(fabric.device).eval()
    seed_torch(seed)
    failures: list[dict[str, str]] = []

    def readable():
        for batch in batches_of(fabric, data, 0, items, batch_size, workers, "measuring"):
            failures.extend(batch["failures"])
            if not is_empty(batch):
                yield batch

    batches = readable()
    first = next(batches, None)
    if first is None:
        raise TrainingError(f"none of the {len(data)} recordings could be read: {failures[0]['error']}")
    with in_one_line():
        scores = {name: float(value) for name, value in method.measure(chain([first], batches)).items()}
    record = {"step": step, "data": config.describe(data), "items": items, "left_out": len(failures)} | scores
    print("  ".join(f"{name} {value:.4f}" for name, value in scores.items()))
    with writing_to(run):
        append(run / FILE, (json.dumps(record) + "\n").encode())
    if failures:
        print(f"{len(failures)} recordings could not be read and were left out; the first: {failures[0]['error']}")
    return scores
