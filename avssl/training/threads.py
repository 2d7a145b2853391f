"""How many threads compute beside the processes that load data: more than there are cores hold each other up."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from joblib import cpu_count

from avssl.config import Count

Threads = Count | Literal["auto"]
SET = "OMP_NUM_THREADS"  # what a person, or torchrun, says to every library that computes


def told() -> str | None:
    """Return what the environment says of threads; to be asked before Fabric starts processes, and says so itself."""
    return os.environ.get(SET) or None


def choose(
    threads: Threads, workers: int, said: str | None = None, begun: int | None = None, processes: int = 1
) -> tuple[int, str]:
    """Return how many threads compute, and a line that says why.

    Args:
        threads: as set; ``"auto"`` takes this process's share of the cores less its workers, never more than PyTorch
            would. ``OMP_NUM_THREADS`` wins over both.
        workers: processes that load data for this one.
        said: by the environment, see `told`.
        begun: with how many the run was begun, which ``"auto"`` keeps, so that sums keep their order; None for a new
            run.
        processes: that train on this machine.
    """
    own, cores = torch.get_num_threads(), cpu_count()
    if said is not None:
        ignored = "" if threads in ("auto", own) else f", which wins over threads={threads}"
        made, why = own, f"{SET}={said}{ignored}"
    elif threads != "auto":
        made, why = threads, f"threads={threads}"
    elif begun is not None and begun <= own:
        made, why = begun, "as the run was begun"
    else:
        made = max(1, min(own, cores // processes - workers))
        why = f"{cores} cores{'' if processes == 1 else f' over {processes} processes'}, workers={workers}"
    moved = "" if begun in (None, made) else f"; the run was begun with {begun}, so sums may differ in their last bits"
    return made, f"compute threads: {made} ({why}){moved}"


@contextmanager
def computing_with(threads: int) -> Iterator[None]:
    """Let PyTorch compute with so many threads, and afterwards with as many as before."""
    before = torch.get_num_threads()
    if threads != before:
        torch.set_num_threads(threads)
    try:
        yield
    finally:
        if torch.get_num_threads() != before:
            torch.set_num_threads(before)
