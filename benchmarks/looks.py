"""Measure what several looks at a recording cost: clips a second where each decoding gives one, two or four of them.

python benchmarks/looks.py                       VideoMAE on the demo figures, as configs/videomae.yaml
python benchmarks/looks.py clips=16 rounds=1     sooner
python benchmarks/looks.py configs/bench_looks_real.yaml    real recordings at a usual size
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field
from rich.table import Table

from avssl.config import Count, main
from avssl.data import Dataset, collate
from avssl.methods import Method
from avssl.training.progress import screen
from avssl.version import versions

sys.path.insert(0, str(Path(__file__).parents[1]))  # what times transforms lies beside

from benchmarks.transforms import timed


@dataclass(frozen=True, kw_only=True)
class Looks:
    """One row of the table.

    Args:
        count: clips of each item.
        data: whose sampler gives so many.
    """

    count: Count
    data: Dataset


def bench_looks(
    *,
    method: Method,
    looks: list[Looks] = Field(min_length=1),  # noqa: B008
    clips: Count = 48,
    rounds: Count = 3,
) -> list[dict[str, float]]:
    """Time reading of as many clips by each row, and one step (forward and backward) on them.

    All rows read the same recordings, spread over the data; those with fewer looks read them more often. Times are of
    the CPU in one process, the least of all rounds, in which the rows take turns. The first round opens each recording
    for the first time and does not count.

    Args:
        method: learns from the clips.
        looks: the rows; the others are compared with the first one.
        clips: that each row reads, a multiple of all counts; as many recordings as the row with most looks needs.
        rounds: how often to measure each; once more before, which does not count.

    Returns:
        For each row ``looks``; ``read`` and ``learn``, seconds a clip; ``rate``, clips a second of both together;
        ``read_ratio`` and ``ratio``, how many times the clips a second of the first row, by reading alone and in all.

    Raises:
        ValueError: if the clips cannot be shared out, or a sampler gives another number of them.
    """
    most = max(one.count for one in looks)
    recordings = clips // most
    if odd := [one.count for one in looks if most % one.count or clips % most or len(one.data) < recordings]:
        raise ValueError(f"clips: {clips} is no multiple of {most} and {odd[0]} looks, or more than the data have")
    times: list[list[tuple[float, float]]] = [[] for _ in looks]
    for turn in range(rounds + 1):
        for one, kept in zip(looks, times, strict=True):
            passes, spread = most // one.count, len(one.data) // recordings
            items = [(turn * passes + again, spread * place) for again in range(passes) for place in range(recordings)]
            read: list[dict] = []
            seconds = timed(lambda one=one, items=items, read=read: read.extend(one.data[item] for item in items))
            batch = collate(read)
            if batch["frames"].shape[1] != one.count:
                raise ValueError(f"looks: count is {one.count}, its sampler gives {batch['frames'].shape[1]} clips")
            learned = timed(lambda batch=batch: method(batch)["loss"].backward())
            kept += [(seconds / clips, learned / clips)] if turn else []
    rows = [
        compared(one.count, *(min(part) for part in zip(*kept, strict=True)))
        for one, kept in zip(looks, times, strict=True)
    ]
    table = Table(title=f"{type(method).__name__}, {clips} clips, CPU milliseconds a clip", title_justify="left")
    for name in ("looks a decoding", "read", "learn", "clips/s", "reading, times", "all, times"):
        table.add_column(name, justify="right")
    for row in rows:
        row |= {"read_ratio": rows[0]["read"] / row["read"], "ratio": row["rate"] / rows[0]["rate"]}
        table.add_row(
            f"{row['looks']:g}", f"{1000 * row['read']:.2f}", f"{1000 * row['learn']:.2f}", f"{row['rate']:.0f}",
            f"{row['read_ratio']:.2f}", f"{row['ratio']:.2f}",
        )  # fmt: skip
    console = screen()
    console.print(table)
    console.print(versions(), markup=False)
    return rows


def compared(looks: int, read: float, learn: float) -> dict[str, float]:
    """Return a row of the table, before it is compared with the first."""
    return {"looks": looks, "read": read, "learn": learn, "rate": 1 / (read + learn)}


if __name__ == "__main__":
    main("__main__.bench_looks", __doc__, default="configs/bench_looks.yaml")
